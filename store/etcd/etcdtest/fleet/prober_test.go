//go:build linux

package fleet_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	// changeBound is the time after its acknowledgement within which a change must be
	// in force everywhere, without a fault. It allows for a busy machine.
	changeBound = time.Second
	// recoveryBound is the time within which a gateway must reach the revision of the
	// store after a fault.
	recoveryBound = 5 * time.Second
)

// prober checks the decisions of one gateway continuously.
type prober struct {
	*gateway
	fleet          *fleet
	expectationLog *expectationLog
	random         *rand.Rand

	taken   int                  // number of expectations read from the log
	open    []*expectation       // not in force at the last check
	inForce map[*expectation]int // in force at the last check, by the run of the gateway

	sent                    int
	delays, disturbedDelays []time.Duration // until expectations were in force
}

func (f *fleet) newProber(i int, l *expectationLog, seed uint64) *prober {
	return &prober{gateway: f.gateways[i], fleet: f, expectationLog: l, random: rand.New(rand.NewPCG(seed, 100+uint64(i))), inForce: map[*expectation]int{}}
}

// probe checks decisions until ctx ends.
func (p *prober) probe(ctx context.Context) {
	for pause(ctx, 10*time.Millisecond) {
		p.round()
	}
}

const (
	pendingPerRound = 20 // checks of expectations not known to be in force
	allPerRound     = 10 // checks of random expectations
)

func (p *prober) round() {
	run := p.run()
	if run <= 0 {
		return
	}
	state, err := p.readiness()
	if err != nil || !state.Ready {
		if p.run() == run {
			p.fleet.reportf("%s is not ready: %q, %v", p.name, state.Problem, err)
		}
		return
	}
	p.recordAge(time.Since(state.confirmed()))
	news, taken := p.expectationLog.after(p.taken)
	p.open, p.taken = append(p.open, news...), taken
	n := min(pendingPerRound, len(p.open))
	now := slices.Clone(p.open[:n])
	p.open = p.open[n:]
	for _, e := range now {
		p.checkDecision(run, state, e, true)
	}
	for _, e := range p.expectationLog.sample(p.random, allPerRound) {
		p.checkDecision(run, state, e, false)
	}
}

// checkDecision checks the decision for an expectation.
func (p *prober) checkDecision(run int, state readiness, e *expectation, open bool) {
	if e.superseded.Load() {
		delete(p.inForce, e)
		return
	}
	sent := time.Now()
	why := p.reason(run, state, e, sent)
	kind := requestKind(p.random.IntN(int(requestKinds)))
	allowed, err := p.isAllowed(kind, e.tenant, e.id, e.origin)
	received := time.Now()
	if p.sent++; p.run() != run || e.superseded.Load() {
		if p.run() != run && open {
			p.open = append(p.open, e)
		}
		return
	}
	switch {
	case err != nil:
		p.fleet.reportf("%s makes no decision on %s (request kind %d): %v", p.name, e.origin, kind, err)
	case allowed == e.allowed:
		p.recordInForce(run, e, received)
	case why != "":
		p.fleet.reportf("%s: %s allowed: %t (request kind %d), %v after the opposite was acknowledged, %s", p.name, e.origin, allowed, kind, sent.Sub(e.from), why)
	case open:
		p.open = append(p.open, e)
	}
}

// reason returns why the expectation must be in force, or "" if it need not be.
func (p *prober) reason(run int, state readiness, e *expectation, now time.Time) string {
	since, connected := p.undisturbed()
	switch {
	case e.permanent:
		return "which never changed"
	case p.inForce[e] == run:
		return "after it was in force there"
	case e.from.Before(state.confirmed()):
		return "although the gateway confirmed its lists later"
	case connected && now.Sub(since) > recoveryBound+changeBound && now.Sub(e.from) > changeBound:
		return "without a fault"
	case connected && now.Sub(since) > recoveryBound && now.Sub(e.from) > recoveryBound:
		return "and after the fault ended"
	}
	return ""
}

// recordInForce records that the expectation was in force in this run of the gateway.
func (p *prober) recordInForce(run int, e *expectation, now time.Time) {
	if _, was := p.inForce[e]; !was && !e.permanent {
		if since, connected := p.undisturbed(); connected && e.from.Sub(since) > recoveryBound {
			p.delays = append(p.delays, now.Sub(e.from))
		} else {
			p.disturbedDelays = append(p.disturbedDelays, now.Sub(e.from))
		}
	}
	p.inForce[e] = run
}
