package store

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"
)

// Monitored is a Store that records whether writes succeed, and checks it regularly.
// Its fields are set before use. Its methods may be used concurrently, except that
// only one Monitor runs at a time.
type Monitored struct {
	Store
	// Timeout limits each check.
	Timeout time.Duration
	// Report, if it is not nil, is called with the error when writes begin to fail
	// or the cause changes, and with nil when they succeed again. It may be called
	// concurrently.
	Report func(*WriteError)
	// ReportLost, if it is not nil, is called with the number of records that the
	// history will never have, when there are more: see RecordStatus. Those that are
	// still waiting when Monitor ends are lost, too.
	ReportLost func(n uint64)

	mu       sync.Mutex
	failures map[Cause]uint64
	problem  *WriteError
	failed   time.Time // when a write last failed
}

// WriteStatus is the status of a Monitored's writes.
type WriteStatus struct {
	// Failures are the numbers of failed writes, by cause.
	Failures map[Cause]uint64
	// Problem is why writes fail now, or nil.
	Problem *WriteError
	// Records says which records the history lacks.
	Records RecordStatus
}

const (
	checkFailing = 5 * time.Second // the interval of checks while writes fail
	checkIdle    = time.Minute
	// minProblem is the shortest time for which a failed write is shown, so that a
	// monitor that polls every 15 seconds sees it.
	minProblem = 15 * time.Second
)

// WriteStatus returns the current status.
func (m *Monitored) WriteStatus() WriteStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	return WriteStatus{maps.Clone(m.failures), m.problem, m.recordStatus()}
}

func (m *Monitored) recordStatus() (status RecordStatus) {
	if keeper, ok := m.Store.(RecordKeeper); ok {
		status = keeper.RecordStatus()
	}
	return status
}

// Monitor checks writes until ctx ends: every minute, and every five seconds while
// they fail.
func (m *Monitored) Monitor(ctx context.Context) {
	tick := time.NewTicker(checkFailing)
	defer tick.Stop()
	var checked time.Time
	var lost uint64
	for {
		if m.WriteStatus().Problem != nil || time.Since(checked) >= checkIdle {
			checked = time.Now()
			m.checkWrites(ctx)
		}
		lost = m.reportLost(lost, m.recordStatus().Lost)
		select {
		case <-tick.C:
		case <-ctx.Done():
			status := m.recordStatus()
			m.reportLost(lost, status.Lost+uint64(status.Waiting))
			return
		}
	}
}

// reportLost reports that more records are lost than before, and returns how many.
func (m *Monitored) reportLost(before, now uint64) uint64 {
	if now > before && m.ReportLost != nil {
		m.ReportLost(now - before)
	}
	return now
}

func (m *Monitored) checkWrites(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, m.Timeout)
	defer cancel()
	err := m.CheckWrites(limited)
	if ctx.Err() == nil {
		m.recordOutcome(err)
	}
}

// recordOutcome records the outcome of a check, or the failure of another call.
func (m *Monitored) recordOutcome(err error) {
	failed, _ := errors.AsType[*WriteError](err)
	m.mu.Lock()
	before := m.problem
	if failed != nil || time.Since(m.failed) >= minProblem {
		m.problem = failed
	}
	after := m.problem
	m.mu.Unlock()
	if m.Report != nil && after.cause() != before.cause() {
		m.Report(after)
	}
}

// countFailure counts and records a write if it failed.
func (m *Monitored) countFailure(err error) {
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
	m.recordOutcome(err)
}

// Create implements Store.
func (m *Monitored) Create(ctx context.Context, w WebIntegration) (WebIntegration, error) {
	w, err := m.Store.Create(ctx, w)
	m.countFailure(err)
	return w, err
}

// Edit implements Store.
func (m *Monitored) Edit(ctx context.Context, tenant, id string, edit func(*WebIntegration) error) (WebIntegration, error) {
	w, err := m.Store.Edit(ctx, tenant, id, edit)
	m.countFailure(err)
	return w, err
}

// Delete implements Store.
func (m *Monitored) Delete(ctx context.Context, tenant, id string, allow func(WebIntegration) error) (uint64, error) {
	revision, err := m.Store.Delete(ctx, tenant, id, allow)
	m.countFailure(err)
	return revision, err
}

// Batch implements Store.
func (m *Monitored) Batch(ctx context.Context, writes []Write) (refused []error, err error) {
	refused, err = m.Store.Batch(ctx, writes)
	m.countFailure(err)
	return refused, err
}

// Position implements Store. It is called every second, so it is often the first call
// that fails because the file was replaced.
func (m *Monitored) Position(ctx context.Context) (Position, error) {
	at, err := m.Store.Position(ctx)
	if errors.Is(err, ErrReplaced) {
		m.recordOutcome(&WriteError{Cause: CauseReplaced, NotMade: true, Err: err})
	}
	return at, err
}

// AsManyLoader returns s, or the Store that it monitors, if that is a ManyLoader;
// otherwise nil.
func AsManyLoader(s any) ManyLoader {
	if m, ok := s.(*Monitored); ok {
		s = m.Store
	}
	many, _ := s.(ManyLoader)
	return many
}
