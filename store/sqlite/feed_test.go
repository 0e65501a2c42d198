package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"originwarden/origins"
	"originwarden/store"
	"originwarden/store/sqlite"
)

// watch returns the revisions of the changes after one revision up to another.
func watch(t *testing.T, s store.Store, after, last uint64) (revisions []uint64, err error) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	err = s.Watch(ctx, after, func(changes []origins.Change) {
		for _, c := range changes {
			revisions = append(revisions, c.Revision)
		}
		if revisions[len(revisions)-1] >= last {
			stop()
		}
	})
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return revisions, err
}

func TestWatch_KeepsLast1024Changes(t *testing.T) {
	s, _ := openNewStore(t)
	w := create(t, s, newIntegration("one", 0))
	for n := range 3000 {
		if _, err := s.Edit(t.Context(), "acme", w.ID, func(w *store.WebIntegration) error { w.Name = fmt.Sprint(n); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	const last = 3001
	if _, err := watch(t, s, 900, last); !errors.Is(err, store.ErrFeedGap) {
		t.Errorf("watching from revision 900: error %v, want ErrFeedGap", err)
	}
	if revisions, err := watch(t, s, last-1024, last); err != nil || len(revisions) != 1024 || revisions[0] != last-1023 {
		t.Errorf("watching the last 1024 changes: %d, %v", revisions, err)
	}
}

func TestWatch_KeepsLastChangeOfAnySize(t *testing.T) {
	s, _ := openNewStore(t)
	for _, name := range []string{"one", "two", "three"} {
		create(t, s, newIntegration(name, 150_000))
	}
	if _, err := watch(t, s, 1, 3); !errors.Is(err, store.ErrFeedGap) {
		t.Errorf("watching from revision 1: error %v, want ErrFeedGap", err)
	}
	if revisions, err := watch(t, s, 2, 3); err != nil || len(revisions) != 1 {
		t.Errorf("watching from revision 2: %d, %v", revisions, err)
	}
}

func TestWatch_HasNoHistoryFromBeforeOpen(t *testing.T) {
	s, path := openNewStore(t)
	create(t, s, newIntegration("one", 1))
	create(t, s, newIntegration("two", 1))
	s.Close()
	s = openStore(t, sqlite.Options{Path: path, Limits: store.Limits{Integrations: 10, Origins: 10}})
	if _, err := watch(t, s, 1, 2); !errors.Is(err, store.ErrFeedGap) {
		t.Errorf("watching from revision 1: error %v, want ErrFeedGap", err)
	}
	create(t, s, newIntegration("three", 1))
	if revisions, err := watch(t, s, 2, 3); err != nil || len(revisions) != 1 {
		t.Errorf("watching from revision 2: %d, %v", revisions, err)
	}
}

// A commit that failed may have been made, so watchers must compare their lists with
// the store.
func TestWatch_EndsAfterWriteOfUnknownOutcome(t *testing.T) {
	s, _ := openNewStore(t)
	create(t, s, newIntegration("one", 1))
	begun, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- s.Watch(t.Context(), 0, func([]origins.Change) { close(begun) }) }()
	<-begun
	if err := s.FailCommit(t.Context()); err == nil {
		t.Fatal("the commit did not fail")
	}
	if err := <-ended; !errors.Is(err, store.ErrFeedGap) {
		t.Errorf("Watch ended with %v, want ErrFeedGap", err)
	}
	create(t, s, newIntegration("two", 1))
	if revisions, err := watch(t, s, 1, 2); err != nil || len(revisions) != 1 {
		t.Errorf("watching again: %d, %v", revisions, err)
	}
}
