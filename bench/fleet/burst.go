package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"originwarden/api/client"
)

const (
	writers = 64
	readers = 4 // clients that each send 100 requests per second
)

// burst measures the requests of clients of the last gateway, first without changes and
// then during a burst of changes at the other gateways.
func (f *fleet) burst(ctx context.Context) error {
	quiet, err := f.readAll(ctx)
	if err != nil {
		return err
	}
	var reading sync.WaitGroup
	var busy []time.Duration
	var readErr error
	reading.Go(func() { busy, readErr = f.readAll(ctx) })
	changes, took, err := f.writeAll(ctx)
	reading.Wait()
	if err != nil {
		return err
	}
	rate := float64(len(changes)) / took.Seconds()
	f.figures["burst_changes"], f.figures["burst_rate"] = len(changes), int(rate)
	fmt.Printf("burst: %d changes in %.1f s, %.0f per second, want %d\n", len(changes), took.Seconds(), rate, f.rate)
	f.report("change during the burst", "burst_change", changes)
	f.report("other request, before the burst", "request_quiet", quiet)
	f.report("other request, during the burst", "request_burst", busy)
	return readErr
}

// readAll runs the readers, and returns the durations of their requests.
func (f *fleet) readAll(ctx context.Context) (all []time.Duration, err error) {
	end := time.Now().Add(f.duration)
	var mu sync.Mutex
	var reading sync.WaitGroup
	for range readers {
		reading.Go(func() {
			times, failed := f.read(ctx, end)
			mu.Lock()
			defer mu.Unlock()
			if all = append(all, times...); failed != nil {
				err = failed
			}
		})
	}
	reading.Wait()
	return all, err
}

// read sends requests for the tenant that is not changed, until end.
func (f *fleet) read(ctx context.Context, end time.Time) (times []time.Duration, err error) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ; time.Now().Before(end); <-tick.C {
		began := time.Now()
		status, err := f.gateways[len(f.gateways)-1].sendRequest(ctx, http.MethodGet, f.tenants[0].host, steady)
		if err != nil || status != http.StatusOK {
			return times, fmt.Errorf("request of a reader: status %d, error %v", status, err)
		}
		times = append(times, time.Since(began))
	}
	return times, nil
}

// writeAll changes tenants at the rate, each writer its own ones. It returns the duration
// of each change and of all together.
func (f *fleet) writeAll(ctx context.Context) (all []time.Duration, took time.Duration, err error) {
	began := time.Now()
	var mu sync.Mutex
	var writing sync.WaitGroup
	for first := range min(writers, len(f.tenants)-1) {
		writing.Go(func() {
			times, failed := f.write(ctx, first, min(writers, len(f.tenants)-1), began)
			mu.Lock()
			defer mu.Unlock()
			if all = append(all, times...); failed != nil {
				err = failed
			}
		})
	}
	writing.Wait()
	return all, time.Since(began), err
}

// write makes every step-th change, beginning with number first.
func (f *fleet) write(ctx context.Context, first, step int, began time.Time) (times []time.Duration, err error) {
	g, changed := f.gateways[first%(len(f.gateways)-1)], f.tenants[1:]
	for n := first; ; n += step {
		due := time.Duration(n) * time.Second / time.Duration(f.rate)
		if max(due, time.Since(began)) >= f.duration {
			return times, nil
		}
		time.Sleep(due - time.Since(began))
		t := changed[(n/step*step+first)%(len(changed)/step*step)]
		sent := time.Now()
		response, err := g.api(t.host).Patch(ctx, t.id, []client.Operation{client.ReplaceValidOrigins(steady, fmt.Sprintf("https://b%d.fleet.example", n))}, "")
		if err != nil {
			return times, err
		}
		times = append(times, time.Since(sent))
		f.noteRevision(response.Revision)
	}
}

// report prints the percentiles of durations, and records them in microseconds.
func (f *fleet) report(what, name string, all []time.Duration) {
	if len(all) == 0 {
		return
	}
	slices.Sort(all)
	percentile := func(part float64) int64 { return all[int(part*float64(len(all)-1))].Microseconds() }
	f.figures[name+"_us"] = map[string]int64{"n": int64(len(all)), "p50": percentile(.5), "p99": percentile(.99), "max": percentile(1)}
	ms := func(part float64) float64 { return float64(percentile(part)) / 1000 }
	fmt.Printf("%-38s p50 %7.2f  p99 %7.2f  max %7.2f ms (%d)\n", what, ms(.5), ms(.99), ms(1), len(all))
}
