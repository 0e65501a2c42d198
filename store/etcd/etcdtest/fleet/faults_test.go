//go:build linux

package fleet_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"time"
)

// faults are what happens to a fleet.
type faults struct {
	*fleet
	observer *observer
	random   *rand.Rand
	healing  []time.Duration
}

// one is one of them. It returns when it is over.
type one struct {
	name string
	do   func(ctx context.Context)
}

func (f *faults) all() []one {
	return []one{
		{"kill -9 the leader", f.killLeader},
		{"pause a member", f.pauseMember},
		{"pause the leader", f.pauseLeader},
		{"cut a gateway off", func(ctx context.Context) { f.cutOff(ctx, refuse) }},
		{"take what a gateway sends nowhere", func(ctx context.Context) { f.cutOff(ctx, hold) }},
		{"lose answers to a gateway", f.loseAnswers},
		{"kill -9 a gateway", f.killGateway},
		{"compact the history", f.compact},
		{"kill -9 everything", f.restart},
	}
}

// run has all of them happen, in some order, and waits for the end of each.
func (f *faults) run(ctx context.Context) {
	all := f.all()
	f.random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	pause(ctx, 2*time.Second)
	for _, fault := range all {
		f.ages()
		f.tell("%s", fault.name)
		fault.do(ctx)
		f.healed(ctx, fault.name)
	}
	pause(ctx, 2*time.Second)
}

func (f *faults) ages() (all []time.Duration) {
	for _, g := range f.gateways {
		all = append(all, g.oldest().Round(time.Millisecond))
	}
	return all
}

// shaken says that something has happened to the members, of which a quorum is
// left.
func (f *faults) shaken() {
	f.troubled(true)
	f.troubled(false)
}

func (f *faults) troubled(is bool) {
	for _, g := range f.gateways {
		g.troubled(is)
	}
}

// healed has every gateway be at the store's revision in time, and know it.
func (f *faults) healed(ctx context.Context, what string) {
	ctx, cancel := context.WithTimeout(ctx, 2*healBound)
	defer cancel()
	began := time.Now()
	head, err := f.head(ctx)
	if err != nil {
		f.isWrong("after: %s: %v", what, err)
		return
	}
	took := make([]time.Duration, size)
	f.each(func(i int) error {
		for {
			is, err := f.gateways[i].readiness()
			took[i] = time.Since(began)
			if err == nil && is.Revision >= head && is.confirmed().After(began) || !pause(ctx, 10*time.Millisecond) {
				return nil
			}
		}
	})
	if slices.Max(took) > healBound {
		f.isWrong("after: %s: the gateways are at revision %d in %v", what, head, took)
	}
	f.healing = append(f.healing, slices.Max(took))
	f.tell("%s: over; known to be at its revision in %v; lists were %v old at most", what, slices.Max(took).Round(time.Millisecond), f.ages())
}

func (f *faults) killLeader(ctx context.Context) {
	i := max(f.leader(), 0)
	f.shaken()
	f.members[i].kill()
	pause(ctx, 7*time.Second)
	f.start(i)
}

func (f *faults) start(member int) {
	f.shaken()
	if err := f.members[member].start(); err != nil {
		f.Fatal(err)
	}
	f.shaken()
}

func (f *faults) pauseMember(ctx context.Context) { f.stop(ctx, f.random.IntN(size)) }

func (f *faults) pauseLeader(ctx context.Context) { f.stop(ctx, max(f.leader(), 0)) }

// pausedBound is how old the lists of a gateway may be while a member is paused.
// It takes three seconds to notice that a watch is silent, and a fraction of one
// to have another member asked; the rest is for a busy machine.
const pausedBound = 6 * time.Second

func (f *faults) stop(ctx context.Context, member int) {
	f.troubled(true)
	defer f.troubled(false)
	f.members[member].signal(syscall.SIGSTOP)
	pause(ctx, 10*time.Second)
	for _, g := range f.gateways {
		age := g.oldest()
		if g.aged(age); age > pausedBound {
			f.isWrong("%s had lists that were %v old, while two members were there", g.name, age)
		}
	}
	f.members[member].signal(syscall.SIGCONT)
}

// cutOff keeps one gateway from the members. The history that it misses is
// compacted meanwhile.
func (f *faults) cutOff(ctx context.Context, how way) {
	g := f.gateways[f.random.IntN(size)]
	f.tell("%s is cut off", g.name)
	g.troubled(true)
	defer g.troubled(false)
	f.relays(g, how)
	pause(ctx, 4*time.Second)
	f.compact(ctx)
	pause(ctx, 3*time.Second)
	f.relays(g, pass)
}

// loseAnswers has requests of one gateway carried out whose answers never come,
// again and again.
func (f *faults) loseAnswers(ctx context.Context) {
	g := f.gateways[f.random.IntN(size)]
	f.tell("%s hears nothing now and then", g.name)
	g.troubled(true)
	defer g.troubled(false)
	for range 10 {
		f.relays(g, deafen)
		pause(ctx, 100*time.Millisecond)
		f.relays(g, refuse)
		f.relays(g, pass)
		pause(ctx, 400*time.Millisecond)
	}
}

func (f *faults) relays(g *gateway, how way) {
	for _, r := range g.relays {
		if err := r.set(how); err != nil {
			f.Fatal(err)
		}
	}
}

func (f *faults) killGateway(ctx context.Context) {
	g := f.gateways[f.random.IntN(size)]
	g.kill()
	pause(ctx, time.Second)
	if err := g.start(); err != nil {
		f.Fatal(err)
	}
}

func (f *faults) compact(ctx context.Context) {
	if err := f.observer.compact(ctx); err != nil {
		f.isWrong("compacting: %v", err)
	}
}

// restart ends everything at once, and restarts it.
func (f *faults) restart(ctx context.Context) {
	var all sync.WaitGroup
	for i := range size {
		all.Go(f.members[i].kill)
		all.Go(f.gateways[i].kill)
	}
	all.Wait()
	pause(ctx, time.Second)
	f.each(func(i int) error {
		gateway := make(chan error, 1)
		go func() { gateway <- f.gateways[i].start() }()
		if err := f.members[i].start(); err != nil {
			return fmt.Errorf("%w; the gateway: %v", err, <-gateway)
		}
		return <-gateway
	})
	f.shaken()
}
