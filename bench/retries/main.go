// Command retries sends requests through the gateway while the tenant is killed and
// restarted, and when it closes idle connections. It fails if too many GETs fail, or if
// a POST fails or arrives twice.
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
	gateway     = flag.String("gateway", "", "the gateway's `address`")
	address     = flag.String("tenant", "", "the tenant's `address`")
	program     = flag.String("program", "", "the tenant's `program`")
	clients     = flag.Int("clients", 32, "number of concurrent clients")
	requests    = flag.Int("requests", 20000, "number of GETs while the tenant is killed")
	kills       = flag.Int("kills", 4, "how often the tenant is killed")
	maxFailures = flag.Int64("max-failures", 10, "maximum number of failed GETs")
	posts       = flag.Int("posts", 2400, "number of POSTs on connections that have been idle for -idle")
	idle        = flag.Duration("idle", 200*time.Millisecond, "how long the tenant keeps idle connections")
)

func main() {
	flag.Parse()
	tooMany := getWhileKilling() > *maxFailures
	if postAtIdleTimeout() > 0 || tooMany {
		os.Exit(1)
	}
}

// start starts the tenant, and returns when it responds.
func start(flags ...string) *exec.Cmd {
	tenant := exec.Command(*program, append(flags, "-listen", *address)...)
	if err := tenant.Start(); err != nil {
		log.Fatal(err)
	}
	for range 500 {
		if response, err := http.Get("http://" + *address + "/"); err == nil {
			response.Body.Close()
			return tenant
		}
		time.Sleep(10 * time.Millisecond)
	}
	log.Fatal("the tenant does not respond")
	return nil
}

func kill(tenant *exec.Cmd) {
	tenant.Process.Kill()
	tenant.Wait()
}

// getWhileKilling sends GETs while it kills and restarts the tenant, and returns how many
// failed.
func getWhileKilling() int64 {
	tenant := start()
	var left, failures atomic.Int64
	left.Store(int64(*requests))
	var sending sync.WaitGroup
	for range *clients {
		sending.Go(func() {
			client := newClient()
			for left.Add(-1) >= 0 {
				if !send(client, http.MethodGet, "/", "") {
					failures.Add(1)
				}
			}
		})
	}
	for n := range *kills {
		for left.Load() > int64(*requests*(*kills-n)/(*kills+1)) {
			time.Sleep(time.Millisecond)
		}
		kill(tenant)
		tenant = start()
	}
	sending.Wait()
	kill(tenant)
	fmt.Printf("%d kills: %d of %d GETs failed\n", *kills, failures.Load(), *requests)
	return failures.Load()
}

// postAtIdleTimeout sends POSTs around the time at which the tenant closes idle
// connections, and returns how many failed or arrived twice.
func postAtIdleTimeout() int64 {
	tenant := start("-idle", idle.String())
	defer kill(tenant)
	var sent, failures atomic.Int64
	var sending sync.WaitGroup
	for range *clients {
		sending.Go(func() {
			client := newClient()
			for n := sent.Add(1); n <= int64(*posts); n = sent.Add(1) {
				if !send(client, http.MethodPost, "/count", fmt.Sprint(n)) {
					failures.Add(1)
				}
				time.Sleep(*idle + time.Duration(rand.IntN(4000)-2000)*time.Microsecond)
			}
		})
	}
	sending.Wait()
	response, err := http.Get("http://" + *address + "/count")
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	var arrived, distinct int64
	fmt.Fscan(response.Body, &arrived, &distinct)
	fmt.Printf("%d POSTs, each %v after the previous one: %d failed, %d arrived, %d twice\n",
		*posts, *idle, failures.Load(), arrived, arrived-distinct)
	return failures.Load() + arrived - distinct
}

// newClient returns a client with its own connection.
func newClient() *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
}

// send sends a request, and reports whether the status of the response is 200.
func send(client *http.Client, method, path, body string) bool {
	r, err := http.NewRequestWithContext(context.Background(), method, "http://"+*gateway+path, strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	response, err := client.Do(r)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err == nil && response.StatusCode == http.StatusOK
}
