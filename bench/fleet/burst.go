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
	writers  = 64
	ordinary = 4 // clients, of 100 requests a second each
)

// burst times an ordinary client of the last gateway, first in quiet and then
// while the others are changed.
func (f *fleet) burst(ctx context.Context) error {
	quiet, err := f.ask(ctx)
	if err != nil {
		return err
	}
	var meanwhile sync.WaitGroup
	var busy []time.Duration
	var asking error
	meanwhile.Go(func() { busy, asking = f.ask(ctx) })
	changes, took, err := f.write(ctx)
	meanwhile.Wait()
	if err != nil {
		return err
	}
	rate := float64(len(changes)) / took.Seconds()
	f.figures["burst_changes"], f.figures["burst_rate"] = len(changes), int(rate)
	fmt.Printf("burst: %d changes in %.1f s, %.0f a second of %d wanted\n", len(changes), took.Seconds(), rate, f.rate)
	f.tell("a change of the burst", "burst_change", changes)
	f.tell("a request elsewhere, in quiet", "request_quiet", quiet)
	f.tell("a request elsewhere, in the burst", "request_burst", busy)
	return asking
}

// ask returns how long the requests of ordinary clients took.
func (f *fleet) ask(ctx context.Context) (all []time.Duration, err error) {
	end := time.Now().Add(f.duration)
	var mu sync.Mutex
	var asking sync.WaitGroup
	for range ordinary {
		asking.Go(func() {
			times, failed := f.askOn(ctx, end)
			mu.Lock()
			defer mu.Unlock()
			if all = append(all, times...); failed != nil {
				err = failed
			}
		})
	}
	asking.Wait()
	return all, err
}

// askOn asks for a tenant that is not changed.
func (f *fleet) askOn(ctx context.Context, end time.Time) (times []time.Duration, err error) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ; time.Now().Before(end); <-tick.C {
		began := time.Now()
		status, err := f.gateways[len(f.gateways)-1].ask(ctx, http.MethodGet, f.tenants[0].host, steady)
		if err != nil || status != http.StatusOK {
			return times, fmt.Errorf("an ordinary request: status %d, %w", status, err)
		}
		times = append(times, time.Since(began))
	}
	return times, nil
}

// write changes tenants at the rate, each writer its own, and returns how long
// the changes took, each and together.
func (f *fleet) write(ctx context.Context) (all []time.Duration, took time.Duration, err error) {
	began := time.Now()
	var mu sync.Mutex
	var writing sync.WaitGroup
	for who := range min(writers, len(f.tenants)-1) {
		writing.Go(func() {
			times, failed := f.writeOn(ctx, who, min(writers, len(f.tenants)-1), began)
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

func (f *fleet) writeOn(ctx context.Context, who, of int, began time.Time) (times []time.Duration, err error) {
	g, changed := f.gateways[who%(len(f.gateways)-1)], f.tenants[1:]
	for n := who; ; n += of {
		due := time.Duration(n) * time.Second / time.Duration(f.rate)
		if max(due, time.Since(began)) >= f.duration {
			return times, nil
		}
		time.Sleep(due - time.Since(began))
		t := changed[(n/of*of+who)%(len(changed)/of*of)]
		sent := time.Now()
		answer, err := g.api(t.host).Patch(ctx, t.id, []client.Operation{client.ReplaceValidOrigins(steady, fmt.Sprintf("https://b%d.fleet.example", n))}, "")
		if err != nil {
			return times, err
		}
		times = append(times, time.Since(sent))
		f.answered(answer.Revision)
	}
}

// tell prints percentiles, and keeps them in microseconds.
func (f *fleet) tell(what, name string, all []time.Duration) {
	if len(all) == 0 {
		return
	}
	slices.Sort(all)
	at := func(part float64) int64 { return all[int(part*float64(len(all)-1))].Microseconds() }
	f.figures[name+"_us"] = map[string]int64{"n": int64(len(all)), "p50": at(.5), "p99": at(.99), "max": at(1)}
	ms := func(part float64) float64 { return float64(at(part)) / 1000 }
	fmt.Printf("%-38s p50 %7.2f  p99 %7.2f  max %7.2f ms (%d)\n", what, ms(.5), ms(.99), ms(1), len(all))
}
