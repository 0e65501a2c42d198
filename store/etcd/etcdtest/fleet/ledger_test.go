//go:build linux

package fleet_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// fact is what has to be decided on an origin, since a write was acknowledged.
type fact struct {
	tenant, id, origin string
	allowed            bool
	since              time.Time
	// always says that every list of the tenant that ever was has it so.
	always bool
	over   atomic.Bool // since the next write was sent
}

// ledger has all facts of a run.
type ledger struct {
	mu    sync.Mutex
	facts []*fact
}

func (l *ledger) add(facts ...*fact) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.facts = append(l.facts, facts...)
}

// after returns those that were added behind so many, and how many there are.
func (l *ledger) after(n int) ([]*fact, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.facts[n:]), len(l.facts)
}

// some returns as many, of all there are.
func (l *ledger) some(random *rand.Rand, n int) (some []*fact) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range min(n, len(l.facts)) {
		some = append(some, l.facts[random.IntN(len(l.facts))])
	}
	return some
}
