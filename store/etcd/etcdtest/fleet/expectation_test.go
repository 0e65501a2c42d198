//go:build linux

package fleet_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// expectation is the decision for an origin that is required after an acknowledged write.
type expectation struct {
	tenant, id, origin string
	allowed            bool
	from               time.Time // when the write was acknowledged
	// permanent means that the decision was the same in every list of the tenant.
	permanent  bool
	superseded atomic.Bool // by a later write, from when that is sent
}

// expectationLog collects all expectations of a test.
type expectationLog struct {
	mu           sync.Mutex
	expectations []*expectation
}

func (l *expectationLog) add(expectations ...*expectation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expectations = append(l.expectations, expectations...)
}

// after returns the expectations without the first n, and the number of all.
func (l *expectationLog) after(n int) ([]*expectation, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.expectations[n:]), len(l.expectations)
}

// sample returns up to n random expectations.
func (l *expectationLog) sample(random *rand.Rand, n int) (sample []*expectation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range min(n, len(l.expectations)) {
		sample = append(sample, l.expectations[random.IntN(len(l.expectations))])
	}
	return sample
}
