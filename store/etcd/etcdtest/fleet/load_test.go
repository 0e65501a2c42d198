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
	users  = 6 // of the register
	owners = 4
)

// TestFleet_KeepsItsPromisesWhateverFails has clients write and read at three
// gateways of one cluster while members and gateways fail, and holds what they
// saw to what was acknowledged. FLEET_ROUNDS is how often everything happens,
// once by default, which takes about a minute and a half; FLEET_SEED repeats the
// choices of an earlier run, though not its timing.
func TestFleet_KeepsItsPromisesWhateverFails(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a minute and a half")
	}
	rounds, seed := number(t, "FLEET_ROUNDS", 1), number(t, "FLEET_SEED", rand.Uint64())
	t.Logf("FLEET_SEED=%d", seed)
	f := newFleet(t, setup{cached: 1000, ways: 1})
	w := &world{fleet: f, ledger: &ledger{}, observer: f.observe(), seed: seed}
	w.settle(t.Context())
	for i := range size {
		w.probers = append(w.probers, f.newProber(i, w.ledger, seed))
	}
	for i := range owners {
		w.owners = append(w.owners, f.newOwner(i, w.ledger, seed))
	}
	w.faults = &faults{fleet: f, observer: w.observer, random: rand.New(rand.NewPCG(seed, 0))}
	for round := uint64(0); round < rounds && !t.Failed(); round++ {
		w.round(t.Context(), round)
	}
	w.checkLogs()
	w.sum()
}

func number(t *testing.T, name string, otherwise uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// world is a fleet with all that is done to it.
type world struct {
	*fleet
	seed     uint64
	ledger   *ledger
	observer *observer
	owners   []*owner
	probers  []*prober
	faults   *faults
	steady   string // the name of a web integration that never changes
}

// settle makes what is the same all the time.
func (w *world) settle(ctx context.Context) {
	const listed, never = "https://steady.example", "https://never.example"
	w.steady = "steady"
	made, err := w.gateways[0].api(lists).Create(ctx, w.steady, []string{listed})
	if err != nil {
		w.Fatal(err)
	}
	for _, g := range w.gateways {
		for is := (readiness{}); is.Revision < made.Revision && pause(ctx, 10*time.Millisecond); {
			is, _ = g.readiness()
		}
	}
	w.ledger.add(
		&fact{tenant: lists, id: made.ID, origin: listed, allowed: true, always: true},
		&fact{tenant: lists, id: made.ID, origin: never, always: true},
		&fact{tenant: registers, origin: listed, always: true}, // it is of another tenant
	)
}

// round has everything happen under load, and then nothing.
func (w *world) round(ctx context.Context, number uint64) {
	r := w.newRegister(ctx)
	load, stop := context.WithCancel(ctx)
	var loading, probing sync.WaitGroup
	for who := range users {
		loading.Go(func() { r.use(load, who, w.seed+number) })
	}
	for _, o := range w.owners {
		loading.Go(func() { o.work(load) })
	}
	loading.Go(func() { w.compactOn(load) })
	probe, end := context.WithCancel(ctx)
	for _, p := range w.probers {
		probing.Go(func() { p.probe(probe) })
	}
	w.faults.run(ctx)
	stop()
	loading.Wait()
	w.faults.healed(ctx, "the load")
	end()
	probing.Wait()
	w.check(ctx, r)
}

// compactOn keeps little of the history all the time.
func (w *world) compactOn(ctx context.Context) {
	for pause(ctx, 3*time.Second) {
		_ = w.observer.compact(ctx) // there may be no quorum
	}
}

// check compares all there is, once nothing happens any more.
func (w *world) check(ctx context.Context, r *register) {
	head, err := w.head(ctx)
	if err != nil {
		w.Fatal(err)
	}
	within, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	w.observer.await(within, head)
	var value string
	for i, g := range w.gateways {
		is, err := g.readiness()
		if err != nil || is.Revision != head || is.Store.Revision != head || !is.Store.Up {
			w.isWrong("%s is at %+v, %v; the store is at revision %d", g.name, is, err, head)
		}
		w.checkLists(ctx, g)
		c := call{who: users + i, kind: reads}
		r.call(g, &c, "")
		value = c.value
	}
	r.check(w.observer)
	w.checkDecisions(r, value)
}

// checkLists holds what a gateway's API reads to what was acknowledged.
func (w *world) checkLists(ctx context.Context, g *gateway) {
	there := map[string]client.WebIntegration{}
	for is, err := range g.api(lists).All(ctx, client.ListOptions{}) {
		if err != nil {
			w.isWrong("%s: listing: %v", g.name, err)
			return
		}
		if _, doubled := there[is.Name]; doubled {
			w.isWrong("%s is there twice", is.Name)
		}
		there[is.Name] = is
	}
	if _, found := there[w.steady]; !found {
		w.isWrong("%s lists no %q", g.name, w.steady)
	}
	delete(there, w.steady)
	for _, o := range w.owners {
		o.check(w.observer, there)
	}
	for name := range there {
		w.isWrong("%s lists %q, which was never made", g.name, name)
	}
}

// checkDecisions asks every gateway for all that was ever written.
func (w *world) checkDecisions(r *register, value string) {
	facts, _ := w.ledger.after(0)
	for _, c := range r.calls {
		if c.kind != reads && c.value != value {
			facts = append(facts, &fact{tenant: registers, id: r.id, origin: c.value})
		}
	}
	facts = append(facts, &fact{tenant: registers, id: r.id, origin: value, allowed: true})
	facts = slices.DeleteFunc(facts, func(f *fact) bool { return f.over.Load() })
	asked := 0
	for _, g := range w.gateways {
		for i, f := range facts {
			how := question(i % int(questions))
			if f.id == "" {
				how = plain
			}
			asked++
			if allowed, err := g.allows(how, f.tenant, f.id, f.origin); err != nil || allowed != f.allowed {
				w.isWrong("in the end %s says that %s is allowed: %t (question %d), %v", g.name, f.origin, allowed, how, err)
			}
		}
	}
	w.tell("in the end: %d decisions", asked)
}

// checkLogs looks for what no gateway may ever say. GOFLAGS=-race builds them
// with the race detector too.
func (w *world) checkLogs() {
	for _, g := range w.gateways {
		text, err := os.ReadFile(g.process.log)
		if err != nil {
			w.Fatal(err)
		}
		for _, bad := range []string{"DATA RACE", "panic", "fatal error:", string(inforce.ChangeMissed)} {
			if bytes.Contains(text, []byte(bad)) {
				w.isWrong("%s says: %s", g.process.log, bad)
			}
		}
	}
}

// sum tells how it went.
func (w *world) sum() {
	var calmly, hardly []time.Duration
	asked := 0
	for _, p := range w.probers {
		calmly, hardly, asked = append(calmly, p.calmly...), append(hardly, p.hardly...), asked+p.asked
	}
	facts, n := w.ledger.after(0)
	revoked := 0
	for _, f := range facts {
		if !f.allowed {
			revoked++
		}
	}
	w.tell("%d facts, %d of them revocations; %d decisions under load", n, revoked, asked)
	w.tell("changes were seen in force, in calm: %s; in trouble: %s", spread(calmly), spread(hardly))
	w.tell("gateways were at the store's revision again in %v at most", slices.Max(w.faults.healing).Round(time.Millisecond))
}

func spread(all []time.Duration) string {
	if len(all) == 0 {
		return "none"
	}
	slices.Sort(all)
	at := func(part float64) time.Duration { return all[int(part*float64(len(all)-1))].Round(time.Millisecond) }
	return fmt.Sprintf("%d, half within %v, 99 %% within %v, all within %v", len(all), at(.5), at(.99), at(1))
}
