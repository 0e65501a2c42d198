//go:build linux

package fleet_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"originwarden/api/client"
	inforce "originwarden/lists"
)

const (
	users  = 6 // concurrent clients of the register
	owners = 4
)

// TestFleet_KeepsInvariantsDuringFaults writes and reads through three gateways of one
// cluster while members and gateways fail, and checks all results against the
// acknowledged writes. FLEET_ROUNDS is the number of rounds, 1 by default, which takes
// about 90 seconds. FLEET_SEED repeats the choices of an earlier run, but not its timing.
func TestFleet_KeepsInvariantsDuringFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 90 seconds")
	}
	rounds, seed := envNumber(t, "FLEET_ROUNDS", 1), envNumber(t, "FLEET_SEED", rand.Uint64())
	t.Logf("FLEET_SEED=%d", seed)
	f := newFleet(t, setup{cached: 1000, relaysPerMember: 1})
	ft := &faultTest{fleet: f, expectationLog: &expectationLog{}, observer: f.observe(), seed: seed}
	ft.setUp(t.Context())
	for i := range fleetSize {
		ft.probers = append(ft.probers, f.newProber(i, ft.expectationLog, seed))
	}
	for i := range owners {
		ft.owners = append(ft.owners, f.newOwner(i, ft.expectationLog, seed))
	}
	ft.faults = &faults{fleet: f, observer: ft.observer, random: rand.New(rand.NewPCG(seed, 0))}
	for round := uint64(0); round < rounds && !t.Failed(); round++ {
		ft.round(t.Context(), round)
	}
	ft.checkLogs()
	ft.summarize()
}

// envNumber returns the number in an environment variable, or a default.
func envNumber(t *testing.T, name string, byDefault uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return byDefault
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// faultTest is a fleet with its clients and faults.
type faultTest struct {
	*fleet
	seed           uint64
	expectationLog *expectationLog
	observer       *observer
	owners         []*owner
	probers        []*prober
	faults         *faults
	unchangedName  string // name of a web integration that never changes
}

// setUp creates what does not change during the test.
func (ft *faultTest) setUp(ctx context.Context) {
	const listed, never = "https://steady.example", "https://never.example"
	ft.unchangedName = "steady"
	created, err := ft.gateways[0].api(lists).Create(ctx, ft.unchangedName, []string{listed})
	if err != nil {
		ft.Fatal(err)
	}
	for _, g := range ft.gateways {
		for state := (readiness{}); state.Revision < created.Revision && pause(ctx, 10*time.Millisecond); {
			state, _ = g.readiness()
		}
	}
	ft.expectationLog.add(
		&expectation{tenant: lists, id: created.ID, origin: listed, allowed: true, permanent: true},
		&expectation{tenant: lists, id: created.ID, origin: never, permanent: true},
		&expectation{tenant: registers, origin: listed, permanent: true}, // listed by another tenant
	)
}

// round makes all faults happen under load, and then checks the result.
func (ft *faultTest) round(ctx context.Context, number uint64) {
	r := ft.newRegister(ctx)
	load, stop := context.WithCancel(ctx)
	var loading, probing sync.WaitGroup
	for who := range users {
		loading.Go(func() { r.use(load, who, ft.seed+number) })
	}
	for _, o := range ft.owners {
		loading.Go(func() { o.work(load) })
	}
	loading.Go(func() { ft.compactContinuously(load) })
	probe, end := context.WithCancel(ctx)
	for _, p := range ft.probers {
		probing.Go(func() { p.probe(probe) })
	}
	ft.faults.run(ctx)
	stop()
	loading.Wait()
	ft.faults.awaitRecovery(ctx, "the load")
	end()
	probing.Wait()
	ft.check(ctx, r)
}

// compactContinuously compacts the history every 3 seconds.
func (ft *faultTest) compactContinuously(ctx context.Context) {
	for pause(ctx, 3*time.Second) {
		_ = ft.observer.compact(ctx) // there may be no quorum
	}
}

// check compares all gateways with the store when nothing is written any more.
func (ft *faultTest) check(ctx context.Context, r *register) {
	revision, err := ft.storeRevision(ctx)
	if err != nil {
		ft.Fatal(err)
	}
	soon, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	ft.observer.await(soon, revision)
	var value string
	for i, g := range ft.gateways {
		state, err := g.readiness()
		if err != nil || state.Revision != revision || state.Store.Revision != revision || !state.Store.Up {
			ft.reportf("%s: readiness %+v, %v; the store is at revision %d", g.name, state, err, revision)
		}
		ft.checkLists(ctx, g)
		c := call{who: users + i, kind: reads}
		r.call(g, &c, "")
		value = c.value
	}
	r.check(ft.observer)
	ft.checkDecisions(r, value)
}

// checkLists checks what the API of a gateway lists against the acknowledged writes.
func (ft *faultTest) checkLists(ctx context.Context, g *gateway) {
	listed := map[string]client.WebIntegration{}
	for w, err := range g.api(lists).All(ctx, client.ListOptions{}) {
		if err != nil {
			ft.reportf("%s: listing: %v", g.name, err)
			return
		}
		if _, duplicate := listed[w.Name]; duplicate {
			ft.reportf("%s is listed twice", w.Name)
		}
		listed[w.Name] = w
	}
	if _, found := listed[ft.unchangedName]; !found {
		ft.reportf("%s does not list %q", g.name, ft.unchangedName)
	}
	delete(listed, ft.unchangedName)
	for _, o := range ft.owners {
		o.check(ft.observer, listed)
	}
	for name := range listed {
		ft.reportf("%s lists %q, which was never created", g.name, name)
	}
}

// checkDecisions checks the decisions of every gateway for every origin ever written.
func (ft *faultTest) checkDecisions(r *register, value string) {
	expectations, _ := ft.expectationLog.after(0)
	for _, c := range r.calls {
		if c.kind != reads && c.value != value {
			expectations = append(expectations, &expectation{tenant: registers, id: r.id, origin: c.value})
		}
	}
	expectations = append(expectations, &expectation{tenant: registers, id: r.id, origin: value, allowed: true})
	expectations = slices.DeleteFunc(expectations, func(e *expectation) bool { return e.superseded.Load() })
	sent := 0
	for _, g := range ft.gateways {
		for i, e := range expectations {
			kind := requestKind(i % int(requestKinds))
			if e.id == "" {
				kind = actual
			}
			sent++
			if allowed, err := g.isAllowed(kind, e.tenant, e.id, e.origin); err != nil || allowed != e.allowed {
				ft.reportf("at the end of the round, %s: %s allowed: %t (request kind %d), %v", g.name, e.origin, allowed, kind, err)
			}
		}
	}
	ft.logf("%d decisions at the end of the round", sent)
}

// checkLogs checks that the logs of the gateways have no message of a bug. With
// GOFLAGS=-race the gateways are built with the race detector too.
func (ft *faultTest) checkLogs() {
	for _, g := range ft.gateways {
		text, err := os.ReadFile(g.process.log)
		if err != nil {
			ft.Fatal(err)
		}
		for _, bad := range []string{"DATA RACE", "panic", "fatal error:", string(inforce.ChangeMissed)} {
			if bytes.Contains(text, []byte(bad)) {
				ft.reportf("%s contains %q", g.process.log, bad)
			}
		}
	}
}

// summarize logs the numbers of the test.
func (ft *faultTest) summarize() {
	var delays, disturbedDelays []time.Duration
	sent := 0
	for _, p := range ft.probers {
		delays, disturbedDelays, sent = append(delays, p.delays...), append(disturbedDelays, p.disturbedDelays...), sent+p.sent
	}
	expectations, n := ft.expectationLog.after(0)
	revoked := 0
	for _, e := range expectations {
		if !e.allowed {
			revoked++
		}
	}
	ft.logf("%d expectations, %d of them revocations; %d decisions under load", n, revoked, sent)
	ft.logf("delays until changes were in force: %s; during faults: %s", spread(delays), spread(disturbedDelays))
	ft.logf("gateways recovered within %v", slices.Max(ft.faults.recoveries).Round(time.Millisecond))
}

// spread formats the distribution of durations.
func spread(all []time.Duration) string {
	if len(all) == 0 {
		return "none"
	}
	slices.Sort(all)
	at := func(part float64) time.Duration { return all[int(part*float64(len(all)-1))].Round(time.Millisecond) }
	return fmt.Sprintf("%d, half within %v, 99 %% within %v, all within %v", len(all), at(.5), at(.99), at(1))
}
