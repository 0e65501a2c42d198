// Command fleet measures gateways with a common store: how soon a change made at one is
// in force at the others, and how a burst of changes affects requests. It prints lines
// for people, and finally one line with JSON. It fails only if a change is not in force
// in time or a request is not served, whatever the measured times are.
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
	rate     int           // changes per second of the burst
	duration time.Duration // of the burst, and of the measurement before it
	fillTime time.Duration
	last     atomic.Uint64 // the newest revision in a response
	figures  map[string]any
}

// tenant is a configured tenant. The id is that of its web integration, or empty if it
// has none.
type tenant struct{ host, id string }

func main() {
	f := &fleet{figures: map[string]any{}}
	gateways := flag.String("gateways", "", "addresses of three gateways, as `host:port,…`")
	admins := flag.String("admins", "", "their admin addresses, in the same order")
	tenants := flag.Int("tenants", 10_000, "number of tenants, with the hosts t0.fleet.example and so on")
	flag.IntVar(&f.changes, "changes", 1000, "number of changes that are measured one after the other")
	flag.IntVar(&f.rate, "rate", 1000, "changes per second of the burst")
	flag.DurationVar(&f.duration, "duration", 10*time.Second, "duration of the burst, and of the measurement before it")
	flag.DurationVar(&f.fillTime, "fill", 90*time.Second, "maximum time for creating the tenants' lists")
	flag.Parse()
	listening := strings.Split(*gateways, ",")
	for i, admin := range strings.Split(*admins, ",") {
		f.gateways = append(f.gateways, newGateway(listening[i], admin, os.Getenv("ORIGINWARDEN_TOKEN")))
	}
	for i := range *tenants {
		f.tenants = append(f.tenants, tenant{host: fmt.Sprintf("t%d.fleet.example", i)})
	}
	if len(f.gateways) != 3 || *tenants < 2 {
		log.Fatal("need three gateways and at least two tenants")
	}
	if err := f.run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func (f *fleet) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{f.awaitReady, f.fill, f.awaitRevision, f.propagate, f.burst, f.awaitRevision} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	text, err := json.Marshal(f.figures)
	fmt.Printf("figures %s\n", text)
	return err
}

const startTimeout = 5 * time.Minute // includes loading the lists of all tenants

// awaitReady waits until all gateways are ready and connected to the store.
func (f *fleet) awaitReady(ctx context.Context) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for _, g := range f.gateways {
		if err := g.await(ctx, func(r readiness) bool { return r.Ready && r.Store.Up }); err != nil {
			return err
		}
	}
	fmt.Printf("three gateways ready with %d tenants after %.1f s more\n", len(f.tenants), time.Since(began).Seconds())
	return nil
}

const fillers = 16

// fill creates lists for as many tenants as it can in fillTime.
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
				errs[i] = f.createList(ctx, g, &f.tenants[n])
			}
		})
	}
	filling.Wait()
	full := 0
	for full < len(f.tenants) && f.tenants[full].id != "" {
		full++
	}
	f.figures["tenants"], f.figures["lists"] = len(f.tenants), full
	f.tenants = f.tenants[:full] // the others have no list, and are not changed
	fmt.Printf("created lists for %d tenants in %.1f s\n", full, time.Since(began).Seconds())
	for _, err := range errs {
		if err != nil && (ctx.Err() == nil || full < 2) {
			return err
		}
	}
	return nil
}

const steady = "https://steady.fleet.example"

// createList creates a web integration for t, which lists the origin steady.
func (f *fleet) createList(ctx context.Context, g *gateway, t *tenant) error {
	created, err := g.api(t.host).Create(ctx, "fleet", []string{steady})
	if err == nil {
		t.id = created.ID
		f.noteRevision(created.Revision)
	}
	return err
}

// noteRevision records the revision of a change, if it is the newest.
func (f *fleet) noteRevision(revision uint64) {
	for was := f.last.Load(); revision > was && !f.last.CompareAndSwap(was, revision); was = f.last.Load() {
	}
}

const revisionTimeout = 30 * time.Second

// awaitRevision waits until all gateways are at the last revision.
func (f *fleet) awaitRevision(ctx context.Context) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, revisionTimeout)
	defer cancel()
	for _, g := range f.gateways {
		if err := g.await(ctx, func(r readiness) bool { return r.Revision == f.last.Load() }); err != nil {
			return fmt.Errorf("revision %d: %w", f.last.Load(), err)
		}
	}
	fmt.Printf("all gateways at revision %d after %d ms more\n", f.last.Load(), time.Since(began).Milliseconds())
	return nil
}
