package store

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"
)

// Monitored is a Store of which is known whether it makes writes: by those that
// it is asked for, and by checks in between. Its fields are set before its use;
// its methods may be used concurrently, but for Monitor, which runs once at a
// time.
type Monitored struct {
	Store
	// Timeout ends each check.
	Timeout time.Duration
	// Report, if there is one, is told why writes fail when they begin to, or
	// fail for another cause, and nil when they do not any more. It is called
	// concurrently.
	Report func(*WriteError)

	mu       sync.Mutex
	failures map[Cause]uint64
	problem  *WriteError
	failed   time.Time // the last write that did
}

// WriteStatus is what is known of the writes of a Monitored.
type WriteStatus struct {
	// Failures counts the writes that failed, by cause.
	Failures map[Cause]uint64
	// Problem is why writes fail now, or nil.
	Problem *WriteError
}

const (
	checkAgain = 5 * time.Second // while writes fail
	checkIdle  = time.Minute
	// problemShown is how long a write that failed is a problem at least, so that
	// whoever asks every 15 seconds sees it.
	problemShown = 15 * time.Second
)

// WriteStatus returns what is known.
func (m *Monitored) WriteStatus() WriteStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	return WriteStatus{maps.Clone(m.failures), m.problem}
}

// Monitor checks whether writes can be made until ctx ends: every minute, and
// every five seconds while they cannot.
func (m *Monitored) Monitor(ctx context.Context) {
	tick := time.NewTicker(checkAgain)
	defer tick.Stop()
	var checked time.Time
	for {
		if m.WriteStatus().Problem != nil || time.Since(checked) >= checkIdle {
			checked = time.Now()
			m.check(ctx)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (m *Monitored) check(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, m.Timeout)
	defer cancel()
	err := m.CheckWrites(limited)
	if ctx.Err() == nil {
		m.note(err)
	}
}

// note takes the outcome of a check.
func (m *Monitored) note(err error) {
	failed, _ := errors.AsType[*WriteError](err)
	m.mu.Lock()
	was := m.problem
	if failed != nil || time.Since(m.failed) >= problemShown {
		m.problem = failed
	}
	is := m.problem
	m.mu.Unlock()
	if m.Report != nil && is.cause() != was.cause() {
		m.Report(is)
	}
}

// count takes the outcome of a write.
func (m *Monitored) count(err error) {
	failed, ok := errors.AsType[*WriteError](err)
	if !ok {
		return
	}
	m.mu.Lock()
	if m.failures == nil {
		m.failures = map[Cause]uint64{}
	}
	m.failures[failed.Cause]++
	m.failed = time.Now()
	m.mu.Unlock()
	m.note(err)
}

// Create implements Store.
func (m *Monitored) Create(ctx context.Context, w WebIntegration) (WebIntegration, error) {
	w, err := m.Store.Create(ctx, w)
	m.count(err)
	return w, err
}

// Edit implements Store.
func (m *Monitored) Edit(ctx context.Context, tenant, id string, edit func(*WebIntegration) error) (WebIntegration, error) {
	w, err := m.Store.Edit(ctx, tenant, id, edit)
	m.count(err)
	return w, err
}

// Delete implements Store.
func (m *Monitored) Delete(ctx context.Context, tenant, id string, allow func(WebIntegration) error) (uint64, error) {
	revision, err := m.Store.Delete(ctx, tenant, id, allow)
	m.count(err)
	return revision, err
}

// Position implements Store. A follower asks for it every second, and so finds
// out first that the file was replaced.
func (m *Monitored) Position(ctx context.Context) (Position, error) {
	at, err := m.Store.Position(ctx)
	if errors.Is(err, ErrReplaced) {
		m.note(&WriteError{Cause: CauseReplaced, NotMade: true, Err: err})
	}
	return at, err
}
