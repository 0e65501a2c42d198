// Command latency sends GET requests to a URL at a steady, low rate, and prints the 50th
// and 99th percentiles and the maximum of the response times in microseconds. It fails
// if the status of a response is not 200.
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
	duration := flag.Duration("duration", 10*time.Second, "how long requests are sent")
	clients := flag.Int("clients", 4, "number of connections")
	interval := flag.Duration("interval", 10*time.Millisecond, "time between two requests on a connection")
	flag.Parse()
	var mu sync.Mutex
	var all []time.Duration
	var running sync.WaitGroup
	for range *clients {
		running.Go(func() {
			times := measure(flag.Arg(0), *duration, *interval)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, times...)
		})
	}
	running.Wait()
	slices.Sort(all)
	percentile := func(p float64) int64 { return all[int(p*float64(len(all)-1))].Microseconds() }
	fmt.Println(percentile(.5), percentile(.99), all[len(all)-1].Microseconds())
}

// measure returns the response times on one connection.
func measure(url string, duration, interval time.Duration) []time.Duration {
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
