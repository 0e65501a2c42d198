// Command latency is an ordinary client: it asks a URL at a steady rate, as few
// clients do that leave a machine to itself, and prints the percentiles of the
// answers' times in microseconds. It fails when a response is not 200.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"slices"
	"sync"
	"time"
)

func main() {
	duration := flag.Duration("duration", 10*time.Second, "how long")
	clients := flag.Int("clients", 4, "connections")
	interval := flag.Duration("interval", 10*time.Millisecond, "between two requests of a connection")
	flag.Parse()
	var mu sync.Mutex
	var all []time.Duration
	var asking sync.WaitGroup
	for range *clients {
		asking.Go(func() {
			times := ask(flag.Arg(0), *duration, *interval)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, times...)
		})
	}
	asking.Wait()
	slices.Sort(all)
	at := func(p float64) int64 { return all[int(p*float64(len(all)-1))].Microseconds() }
	fmt.Println(at(.5), at(.99), all[len(all)-1].Microseconds())
}

// ask returns the times of the responses over one connection.
func ask(url string, duration, interval time.Duration) []time.Duration {
	client := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var times []time.Duration
	for end := time.Now().Add(duration); time.Now().Before(end); <-tick.C {
		began := time.Now()
		res, err := client.Get(url)
		if err != nil {
			log.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			log.Fatal(res.Status)
		}
		times = append(times, time.Since(began))
	}
	return times
}
