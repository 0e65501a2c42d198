// Command fleet measures gateways that share their lists: how soon a change made
// at one is in force at the others, and what a burst of changes does to requests.
// It prints lines for people, and at last one of JSON. It fails when a change
// does not come into force or a request is not served; times are for reading.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type fleet struct {
	gateways []*gateway
	tenants  []tenant
	changes  int
	rate     int           // changes a second, of the burst
	duration time.Duration // of the burst, and of the quiet before it
	fillTime time.Duration
	last     atomic.Uint64 // the newest revision that was answered
	figures  map[string]any
}

// tenant is one of the configuration's. The id is that of its web integration,
// if it has been given one.
type tenant struct{ host, id string }

func main() {
	f := &fleet{figures: map[string]any{}}
	gateways := flag.String("gateways", "", "HOST:PORT,… of three gateways")
	admins := flag.String("admins", "", "their admin addresses, in the same order")
	tenants := flag.Int("tenants", 10_000, "how many there are: t0.fleet.example and so on")
	flag.IntVar(&f.changes, "changes", 1000, "how many changes are timed, one after another")
	flag.IntVar(&f.rate, "rate", 1000, "changes a second of the burst")
	flag.DurationVar(&f.duration, "duration", 10*time.Second, "how long the burst is, and the quiet before")
	flag.DurationVar(&f.fillTime, "fill", 90*time.Second, "how long tenants may be given lists")
	flag.Parse()
	listening := strings.Split(*gateways, ",")
	for i, admin := range strings.Split(*admins, ",") {
		f.gateways = append(f.gateways, newGateway(listening[i], admin, os.Getenv("ORIGINWARDEN_TOKEN")))
	}
	for i := range *tenants {
		f.tenants = append(f.tenants, tenant{host: fmt.Sprintf("t%d.fleet.example", i)})
	}
	if len(f.gateways) != 3 || *tenants < 2 {
		log.Fatal("three gateways and two tenants are needed")
	}
	if err := f.run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func (f *fleet) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{f.ready, f.fill, f.agree, f.propagate, f.burst, f.agree} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	text, err := json.Marshal(f.figures)
	fmt.Printf("figures %s\n", text)
	return err
}

const startPatience = 5 * time.Minute // for reading the lists of all tenants

func (f *fleet) ready(ctx context.Context) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for _, g := range f.gateways {
		if err := g.await(ctx, func(r readiness) bool { return r.Ready && r.Store.Up }); err != nil {
			return err
		}
	}
	fmt.Printf("three gateways ready with %d tenants after another %.1f s\n", len(f.tenants), time.Since(began).Seconds())
	return nil
}

const fillers = 16

// fill gives tenants a list, as many as it can in its time.
func (f *fleet) fill(ctx context.Context) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, f.fillTime)
	defer cancel()
	var next atomic.Int64
	errs := make([]error, fillers)
	var filling sync.WaitGroup
	for i := range fillers {
		filling.Go(func() {
			g := f.gateways[i%len(f.gateways)]
			for n := next.Add(1) - 1; int(n) < len(f.tenants) && ctx.Err() == nil && errs[i] == nil; n = next.Add(1) - 1 {
				errs[i] = f.give(ctx, g, &f.tenants[n])
			}
		})
	}
	filling.Wait()
	full := 0
	for full < len(f.tenants) && f.tenants[full].id != "" {
		full++
	}
	f.figures["tenants"], f.figures["lists"] = len(f.tenants), full
	f.tenants = f.tenants[:full] // the others have none, and are not changed
	fmt.Printf("%d tenants were given a list in %.1f s\n", full, time.Since(began).Seconds())
	for _, err := range errs {
		if err != nil && (ctx.Err() == nil || full < 2) {
			return err
		}
	}
	return nil
}

const steady = "https://steady.fleet.example"

func (f *fleet) give(ctx context.Context, g *gateway, t *tenant) error {
	made, err := g.api(t.host).Create(ctx, "fleet", []string{steady})
	if err == nil {
		t.id = made.ID
		f.answered(made.Revision)
	}
	return err
}

// answered takes note of the revision of a change.
func (f *fleet) answered(revision uint64) {
	for was := f.last.Load(); revision > was && !f.last.CompareAndSwap(was, revision); was = f.last.Load() {
	}
}

const agreePatience = 30 * time.Second

// agree waits until all gateways are at the last revision, and no other.
func (f *fleet) agree(ctx context.Context) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, agreePatience)
	defer cancel()
	for _, g := range f.gateways {
		if err := g.await(ctx, func(r readiness) bool { return r.Revision == f.last.Load() }); err != nil {
			return fmt.Errorf("revision %d: %w", f.last.Load(), err)
		}
	}
	fmt.Printf("all gateways at revision %d after another %d ms\n", f.last.Load(), time.Since(began).Milliseconds())
	return nil
}
