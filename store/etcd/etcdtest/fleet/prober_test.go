//go:build linux

package fleet_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	// calmBound is how long after its acknowledgement a change is in force
	// everywhere, while nothing is wrong. It has room for a machine that is busy.
	calmBound = time.Second
	// healBound is how long it takes a gateway to be at the store's revision
	// after something was wrong.
	healBound = 5 * time.Second
)

// prober asks one gateway for decisions all the time.
type prober struct {
	*gateway
	fleet  *fleet
	ledger *ledger
	random *rand.Rand

	known   int           // facts of the ledger that were taken
	open    []*fact       // those that were not in force yet when asked last
	settled map[*fact]int // those that were, and in which run of the gateway

	asked          int
	calmly, hardly []time.Duration // how long facts took to be in force
}

func (f *fleet) newProber(i int, l *ledger, seed uint64) *prober {
	return &prober{gateway: f.gateways[i], fleet: f, ledger: l, random: rand.New(rand.NewPCG(seed, 100+uint64(i))), settled: map[*fact]int{}}
}

// probe goes on until ctx ends.
func (p *prober) probe(ctx context.Context) {
	for pause(ctx, 10*time.Millisecond) {
		p.round()
	}
}

const (
	openAtOnce = 20 // questions of one round on what is not known to be in force
	againEach  = 10 // and on all that there is
)

func (p *prober) round() {
	run := p.run()
	if run <= 0 {
		return
	}
	is, err := p.readiness()
	if err != nil || !is.Ready {
		if p.run() == run {
			p.fleet.isWrong("%s is not ready: %q, %v", p.name, is.Problem, err)
		}
		return
	}
	p.aged(time.Since(is.confirmed()))
	news, known := p.ledger.after(p.known)
	p.open, p.known = append(p.open, news...), known
	n := min(openAtOnce, len(p.open))
	now := slices.Clone(p.open[:n])
	p.open = p.open[n:]
	for _, f := range now {
		p.ask(run, is, f, true)
	}
	for _, f := range p.ledger.some(p.random, againEach) {
		p.ask(run, is, f, false)
	}
}

// ask holds the decision on a fact to what it has to be.
func (p *prober) ask(run int, is readiness, f *fact, open bool) {
	if f.over.Load() {
		delete(p.settled, f)
		return
	}
	asked := time.Now()
	why := p.reason(run, is, f, asked)
	how := question(p.random.IntN(int(questions)))
	allowed, err := p.allows(how, f.tenant, f.id, f.origin)
	answered := time.Now()
	if p.asked++; p.run() != run || f.over.Load() {
		if p.run() != run && open {
			p.open = append(p.open, f)
		}
		return
	}
	switch {
	case err != nil:
		p.fleet.isWrong("%s does not decide on %s (question %d): %v", p.name, f.origin, how, err)
	case allowed == f.allowed:
		p.settle(run, f, answered)
	case why != "":
		p.fleet.isWrong("%s says that %s is allowed: %t (question %d), %v after the contrary was acknowledged, %s", p.name, f.origin, allowed, how, asked.Sub(f.since), why)
	case open:
		p.open = append(p.open, f)
	}
}

// reason says why the fact has to be in force, or nothing.
func (p *prober) reason(run int, is readiness, f *fact, now time.Time) string {
	calm, connected := p.calm()
	switch {
	case f.always:
		return "which always was so"
	case p.settled[f] == run:
		return "and after it was in force there"
	case f.since.Before(is.confirmed()):
		return "though it says that its lists were the store's later than that"
	case connected && now.Sub(calm) > healBound+calmBound && now.Sub(f.since) > calmBound:
		return "and nothing troubles it"
	case connected && now.Sub(calm) > healBound && now.Sub(f.since) > healBound:
		return "and what troubled it is over"
	}
	return ""
}

func (p *prober) settle(run int, f *fact, now time.Time) {
	if _, was := p.settled[f]; !was && !f.always {
		if since, connected := p.calm(); connected && f.since.Sub(since) > healBound {
			p.calmly = append(p.calmly, now.Sub(f.since))
		} else {
			p.hardly = append(p.hardly, now.Sub(f.since))
		}
	}
	p.settled[f] = run
}
