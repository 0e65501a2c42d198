package store_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/store"
)

// failingStore is a store whose writes and checks fail with the errors that are
// set.
type failingStore struct {
	store.Store
	write, check, position atomic.Pointer[error]
	checks                 atomic.Int64
	records                atomic.Pointer[store.RecordStatus]
}

func (f *failingStore) RecordStatus() (status store.RecordStatus) {
	if now := f.records.Load(); now != nil {
		status = *now
	}
	return status
}

func (f *failingStore) fail(call *atomic.Pointer[error], err error) { call.Store(&err) }

func errorOf(call *atomic.Pointer[error]) error {
	if err := call.Load(); err != nil {
		return *err
	}
	return nil
}

func (f *failingStore) Create(context.Context, store.WebIntegration) (w store.WebIntegration, _ error) {
	return w, errorOf(&f.write)
}

func (f *failingStore) Batch(context.Context, []store.Write) (refused []error, _ error) {
	return nil, errorOf(&f.write)
}

func (f *failingStore) Position(context.Context) (at store.Position, _ error) {
	return at, errorOf(&f.position)
}

func (f *failingStore) CheckWrites(context.Context) error {
	f.checks.Add(1)
	return errorOf(&f.check)
}

var (
	errDown    = errors.New("the store is down")
	errNoSpace = &store.WriteError{Cause: store.CauseNoSpace, NotMade: true, Err: errDown}
	errSlow    = &store.WriteError{Cause: store.CauseUnreachable, Err: errDown}
)

// runMonitored runs test with a running Monitored and the list of its reports.
func runMonitored(t *testing.T, test func(f *failingStore, m *store.Monitored, reports *[]store.Cause)) {
	synctest.Test(t, func(t *testing.T) {
		f := &failingStore{}
		var reports []store.Cause
		m := &store.Monitored{Store: f, Timeout: time.Second, Report: func(why *store.WriteError) {
			if why == nil {
				reports = append(reports, "")
				return
			}
			reports = append(reports, why.Cause)
		}}
		ctx, stop := context.WithCancel(t.Context())
		go m.Monitor(ctx)
		synctest.Wait()
		test(f, m, &reports)
		stop()
	})
}

func wantProblem(t *testing.T, m *store.Monitored, want store.Cause) {
	t.Helper()
	synctest.Wait()
	var got store.Cause
	if why := m.WriteStatus().Problem; why != nil {
		got = why.Cause
	}
	if got != want {
		t.Errorf("problem %q, want %q", got, want)
	}
}

func TestMonitored_ReportsFailedWriteAtOnce(t *testing.T) {
	runMonitored(t, func(f *failingStore, m *store.Monitored, reports *[]store.Cause) {
		f.fail(&f.write, errNoSpace)
		f.fail(&f.check, errNoSpace)
		for range 3 {
			if _, err := m.Create(t.Context(), store.WebIntegration{}); !errors.Is(err, errDown) {
				t.Errorf("error %v, want errDown", err)
			}
		}
		wantProblem(t, m, store.CauseNoSpace)
		if n := m.WriteStatus().Failures[store.CauseNoSpace]; n != 3 {
			t.Errorf("%d failures counted, want 3", n)
		}
		time.Sleep(time.Hour)
		wantProblem(t, m, store.CauseNoSpace)
		f.fail(&f.check, nil)
		time.Sleep(5 * time.Second)
		wantProblem(t, m, "")
		if got := *reports; len(got) != 2 || got[0] != store.CauseNoSpace || got[1] != "" {
			t.Errorf("reported %q", got)
		}
	})
}

// A check may succeed where a write fails, because it is smaller.
func TestMonitored_KeepsProblemForFifteenSeconds(t *testing.T) {
	runMonitored(t, func(f *failingStore, m *store.Monitored, _ *[]store.Cause) {
		time.Sleep(time.Second)
		f.fail(&f.write, errNoSpace)
		_, _ = m.Create(t.Context(), store.WebIntegration{})
		time.Sleep(14 * time.Second)
		wantProblem(t, m, store.CauseNoSpace)
		time.Sleep(6 * time.Second)
		wantProblem(t, m, "")
	})
}

func TestMonitored_DetectsProblemWithinOneMinute(t *testing.T) {
	runMonitored(t, func(f *failingStore, m *store.Monitored, reports *[]store.Cause) {
		f.fail(&f.check, errNoSpace)
		time.Sleep(time.Minute)
		wantProblem(t, m, store.CauseNoSpace)
		f.fail(&f.check, errSlow)
		time.Sleep(5 * time.Second)
		wantProblem(t, m, store.CauseUnreachable)
		if n := len(m.WriteStatus().Failures); n > 0 {
			t.Errorf("%d checks counted as writes, want 0", n)
		}
		if got := *reports; len(got) != 2 || got[1] != store.CauseUnreachable {
			t.Errorf("reported %q", got)
		}
	})
}

func TestMonitored_ChecksOnceAMinute(t *testing.T) {
	runMonitored(t, func(f *failingStore, m *store.Monitored, _ *[]store.Cause) {
		f.fail(&f.write, store.ErrNotFound) // does not mean a problem of the store
		_, _ = m.Create(t.Context(), store.WebIntegration{})
		time.Sleep(10*time.Minute + time.Second)
		wantProblem(t, m, "")
		if n := f.checks.Load(); n != 11 {
			t.Errorf("%d checks, want 11", n)
		}
	})
}

func TestMonitored_ReportsReplacedFile(t *testing.T) {
	runMonitored(t, func(f *failingStore, m *store.Monitored, _ *[]store.Cause) {
		f.fail(&f.position, store.ErrReplaced)
		_, _ = m.Position(t.Context())
		wantProblem(t, m, store.CauseReplaced)
	})
}

func TestMonitored_ReportsFailedBatch(t *testing.T) {
	runMonitored(t, func(f *failingStore, m *store.Monitored, _ *[]store.Cause) {
		f.fail(&f.write, errNoSpace)
		if _, err := m.Batch(t.Context(), nil); !errors.Is(err, errDown) {
			t.Errorf("error %v, want errDown", err)
		}
		wantProblem(t, m, store.CauseNoSpace)
		if n := m.WriteStatus().Failures[store.CauseNoSpace]; n != 1 {
			t.Errorf("%d failures counted, want 1", n)
		}
	})
}

// Records that are lost are reported, once, and at the end also those that wait.
func TestMonitored_ReportsLostRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &failingStore{}
		var reported []uint64
		m := &store.Monitored{Store: f, Timeout: time.Second, ReportLost: func(n uint64) { reported = append(reported, n) }}
		ctx, stop := context.WithCancel(t.Context())
		go m.Monitor(ctx)
		for _, status := range []store.RecordStatus{{Waiting: 1}, {Waiting: 2, Lost: 1}, {Waiting: 2, Lost: 1}, {Waiting: 2, Lost: 4}} {
			f.records.Store(&status)
			time.Sleep(6 * time.Second)
			synctest.Wait()
			if got := m.WriteStatus().Records; got != status {
				t.Errorf("%+v, want %+v", got, status)
			}
		}
		stop()
		synctest.Wait()
		if !slices.Equal(reported, []uint64{1, 3, 2}) {
			t.Errorf("reported: %d", reported)
		}
	})
}
