// Command retries asks a tenant through the gateway while the tenant is killed
// and started again, and at the moment at which it closes idle connections. It
// fails when more requests fail than may, or one that is not safe arrives twice.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

var (
	gateway  = flag.String("gateway", "", "the gateway's `address`")
	address  = flag.String("tenant", "", "the tenant's `address`")
	program  = flag.String("program", "", "the tenant's `file`")
	clients  = flag.Int("clients", 32, "how many ask at a time")
	requests = flag.Int("requests", 20000, "how many GETs, beside the kills")
	kills    = flag.Int("kills", 4, "how often the tenant is killed")
	most     = flag.Int64("most", 10, "how many of the GETs may fail")
	posts    = flag.Int("posts", 2400, "how many POSTs, at the end of -idle")
	idle     = flag.Duration("idle", 200*time.Millisecond, "how long the tenant keeps idle connections")
)

func main() {
	flag.Parse()
	failed := killed() > *most
	if atTheEdge() > 0 || failed {
		os.Exit(1)
	}
}

// start starts the tenant, and returns when it answers.
func start(flags ...string) *exec.Cmd {
	tenant := exec.Command(*program, append(flags, "-listen", *address)...)
	if err := tenant.Start(); err != nil {
		log.Fatal(err)
	}
	for range 500 {
		if answer, err := http.Get("http://" + *address + "/"); err == nil {
			answer.Body.Close()
			return tenant
		}
		time.Sleep(10 * time.Millisecond)
	}
	log.Fatal("the tenant does not answer")
	return nil
}

func end(tenant *exec.Cmd) {
	tenant.Process.Kill()
	tenant.Wait()
}

// killed asks while the tenant is killed, and returns how many requests failed.
func killed() int64 {
	tenant := start()
	var left, failures atomic.Int64
	left.Store(int64(*requests))
	var asking sync.WaitGroup
	for range *clients {
		asking.Go(func() {
			client := newClient()
			for left.Add(-1) >= 0 {
				if !ask(client, http.MethodGet, "/", "") {
					failures.Add(1)
				}
			}
		})
	}
	for n := range *kills {
		for left.Load() > int64(*requests*(*kills-n)/(*kills+1)) {
			time.Sleep(time.Millisecond)
		}
		end(tenant)
		tenant = start()
	}
	asking.Wait()
	end(tenant)
	fmt.Printf("%d kills: %d of %d GETs failed\n", *kills, failures.Load(), *requests)
	return failures.Load()
}

// atTheEdge posts when the tenant closes its idle connections, and returns how many
// posts failed or arrived twice.
func atTheEdge() int64 {
	tenant := start("-idle", idle.String())
	defer end(tenant)
	var sent, failures atomic.Int64
	var asking sync.WaitGroup
	for range *clients {
		asking.Go(func() {
			client := newClient()
			for n := sent.Add(1); n <= int64(*posts); n = sent.Add(1) {
				if !ask(client, http.MethodPost, "/count", fmt.Sprint(n)) {
					failures.Add(1)
				}
				time.Sleep(*idle + time.Duration(rand.IntN(4000)-2000)*time.Microsecond)
			}
		})
	}
	asking.Wait()
	answer, err := http.Get("http://" + *address + "/count")
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	var arrived, distinct int64
	fmt.Fscan(answer.Body, &arrived, &distinct)
	fmt.Printf("%d POSTs, each %v after the one before it: %d failed, %d arrived, %d twice\n",
		*posts, *idle, failures.Load(), arrived, arrived-distinct)
	return failures.Load() + arrived - distinct
}

// newClient returns a client with a connection of its own, which sends nothing
// again.
func newClient() *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
}

// ask reports whether the gateway answered with the tenant's response.
func ask(client *http.Client, method, path, body string) bool {
	r, err := http.NewRequestWithContext(context.Background(), method, "http://"+*gateway+path, strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	answer, err := client.Do(r)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err == nil && answer.StatusCode == http.StatusOK
}
