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

// faults causes faults in a fleet.
type faults struct {
	*fleet
	observer   *observer
	random     *rand.Rand
	recoveries []time.Duration
}

// fault is a kind of fault. do returns when the fault is over.
type fault struct {
	name string
	do   func(ctx context.Context)
}

func (f *faults) all() []fault {
	return []fault{
		{"kill the leader", f.killLeader},
		{"pause a member", f.pauseMember},
		{"pause the leader", f.pauseLeader},
		{"disconnect a gateway", func(ctx context.Context) { f.disconnect(ctx, refuseAll) }},
		{"hold all data of a gateway", func(ctx context.Context) { f.disconnect(ctx, holdAll) }},
		{"lose responses to a gateway", f.loseResponses},
		{"kill a gateway", f.killGateway},
		{"compact the history", f.compact},
		{"kill all processes", f.restartAll},
	}
}

// run causes all faults in random order, and waits for the recovery from each.
func (f *faults) run(ctx context.Context) {
	all := f.all()
	f.random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	pause(ctx, 2*time.Second)
	for _, fault := range all {
		f.ages()
		f.logf("%s", fault.name)
		fault.do(ctx)
		f.awaitRecovery(ctx, fault.name)
	}
	pause(ctx, 2*time.Second)
}

func (f *faults) ages() (all []time.Duration) {
	for _, g := range f.gateways {
		all = append(all, g.maxAge().Round(time.Millisecond))
	}
	return all
}

// recordBriefFault records a fault of a member that leaves a quorum.
func (f *faults) recordBriefFault() {
	f.setFault(true)
	f.setFault(false)
}

func (f *faults) setFault(begins bool) {
	for _, g := range f.gateways {
		g.setFault(begins)
	}
}

// awaitRecovery waits until every gateway has confirmed its lists again, which it must do
// within recoveryBound, and has reached the revision that the store has then, within
// recoveryBound too. The time of the test's own read of the store does not count: a
// member that was paused may take five seconds to answer it, while the gateways use
// other members.
func (f *faults) awaitRecovery(ctx context.Context, what string) {
	ctx, cancel := context.WithTimeout(ctx, 4*recoveryBound)
	defer cancel()
	fault := time.Now()
	confirming := f.awaitReadiness(ctx, func(r readiness) bool { return r.confirmed().After(fault) })
	revision, err := f.storeRevision(ctx)
	if err != nil {
		f.reportf("after %q: %v", what, err)
		return
	}
	reaching := f.awaitReadiness(ctx, func(r readiness) bool { return r.Revision >= revision })
	if max(slices.Max(confirming), slices.Max(reaching)) > recoveryBound {
		f.reportf("after %q, the gateways confirmed their lists within %v, and reached revision %d within %v", what, confirming, revision, reaching)
	}
	f.recoveries = append(f.recoveries, slices.Max(confirming))
	f.logf("%s: ended; the gateways recovered within %v; greatest ages of their lists %v", what, slices.Max(confirming).Round(time.Millisecond), f.ages())
}

// awaitReadiness waits until the readiness of every gateway satisfies the condition, and
// returns how long each took.
func (f *faults) awaitReadiness(ctx context.Context, satisfied func(readiness) bool) []time.Duration {
	start := time.Now()
	took := make([]time.Duration, fleetSize)
	f.forEach(func(i int) error {
		for {
			state, err := f.gateways[i].readiness()
			took[i] = time.Since(start)
			if err == nil && satisfied(state) || !pause(ctx, 10*time.Millisecond) {
				return nil
			}
		}
	})
	return took
}

func (f *faults) killLeader(ctx context.Context) {
	i := max(f.leader(), 0)
	f.recordBriefFault()
	f.members[i].kill()
	pause(ctx, 7*time.Second)
	f.startMember(i)
}

func (f *faults) startMember(member int) {
	f.recordBriefFault()
	if err := f.members[member].start(); err != nil {
		f.Fatal(err)
	}
	f.recordBriefFault()
}

func (f *faults) pauseMember(ctx context.Context) { f.pauseProcess(ctx, f.random.IntN(fleetSize)) }

func (f *faults) pauseLeader(ctx context.Context) { f.pauseProcess(ctx, max(f.leader(), 0)) }

// pausedBound is the greatest age of the lists of a gateway while a member is paused. A
// gateway takes three seconds to end a watch without a response, and less than a second
// to use another member; the rest allows for a busy machine.
const pausedBound = 6 * time.Second

func (f *faults) pauseProcess(ctx context.Context, member int) {
	f.setFault(true)
	defer f.setFault(false)
	f.members[member].signal(syscall.SIGSTOP)
	pause(ctx, 10*time.Second)
	for _, g := range f.gateways {
		age := g.maxAge()
		if g.recordAge(age); age > pausedBound {
			f.reportf("%s: lists were %v old while two members were running", g.name, age)
		}
	}
	f.members[member].signal(syscall.SIGCONT)
}

// disconnect disconnects a gateway from the members, and compacts the history that it
// misses.
func (f *faults) disconnect(ctx context.Context, mode relayMode) {
	g := f.gateways[f.random.IntN(fleetSize)]
	f.logf("disconnecting %s", g.name)
	g.setFault(true)
	defer g.setFault(false)
	f.relays(g, mode)
	pause(ctx, 4*time.Second)
	f.compact(ctx)
	pause(ctx, 3*time.Second)
	f.relays(g, forward)
}

// loseResponses repeatedly delivers requests of a gateway and drops their responses.
func (f *faults) loseResponses(ctx context.Context) {
	g := f.gateways[f.random.IntN(fleetSize)]
	f.logf("losing responses to %s", g.name)
	g.setFault(true)
	defer g.setFault(false)
	for range 10 {
		f.relays(g, holdResponses)
		pause(ctx, 100*time.Millisecond)
		f.relays(g, refuseAll)
		f.relays(g, forward)
		pause(ctx, 400*time.Millisecond)
	}
}

func (f *faults) relays(g *gateway, mode relayMode) {
	for _, r := range g.relays {
		if err := r.set(mode); err != nil {
			f.Fatal(err)
		}
	}
}

func (f *faults) killGateway(ctx context.Context) {
	g := f.gateways[f.random.IntN(fleetSize)]
	g.kill()
	pause(ctx, time.Second)
	if err := g.start(); err != nil {
		f.Fatal(err)
	}
}

func (f *faults) compact(ctx context.Context) {
	if err := f.observer.compact(ctx); err != nil {
		f.reportf("compacting: %v", err)
	}
}

// restartAll kills all processes and restarts them.
func (f *faults) restartAll(ctx context.Context) {
	var all sync.WaitGroup
	for i := range fleetSize {
		all.Go(f.members[i].kill)
		all.Go(f.gateways[i].kill)
	}
	all.Wait()
	pause(ctx, time.Second)
	f.forEach(func(i int) error {
		gateway := make(chan error, 1)
		go func() { gateway <- f.gateways[i].start() }()
		if err := f.members[i].start(); err != nil {
			return fmt.Errorf("%w; the gateway: %v", err, <-gateway)
		}
		return <-gateway
	})
	f.recordBriefFault()
}
