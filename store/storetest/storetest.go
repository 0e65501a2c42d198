// Package storetest holds every store.Store to the one contract.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"originwarden/origins"
	"originwarden/store"
)

// Open returns a new, empty store with these limits, and a function that
// closes it and opens what it left behind. Both stores are closed when t ends.
type Open func(t *testing.T, limits store.Limits) (s store.Store, reopen func(t *testing.T) store.Store)

// Run runs the suite. A store passes it unchanged, also under the race
// detector.
func Run(t *testing.T, open Open) {
	for _, part := range []struct {
		name  string
		tests []test
	}{
		{"Entries", entryTests()},
		{"Writes", writeTests()},
		{"Batches", batchTests()},
		{"Pages", pageTests()},
		{"Revisions", revisionTests()},
		{"Limits", limitTests()},
		{"Loads", loadTests()},
		{"Feeds", feedTests()},
		{"Contexts", contextTests()},
		{"Checks", checkTests()},
	} {
		t.Run(part.name, func(t *testing.T) {
			for _, test := range part.tests {
				t.Run(test.name, func(t *testing.T) { test.run(newSubject(t, open, test.limits)) })
			}
		})
	}
}

// test is one of the suite. Zero limits stand for ample ones.
type test struct {
	name   string
	run    func(*subject)
	limits store.Limits
}

// subject is the store under test, with shorthands that fail the test where
// the store must not fail.
type subject struct {
	*testing.T
	store.Store
	open    func(t *testing.T) store.Store
	openNew Open
}

func newSubject(t *testing.T, open Open, limits store.Limits) *subject {
	if limits == (store.Limits{}) {
		limits = store.Limits{Integrations: 10_000, Origins: 1_000_000}
	}
	s, reopen := open(t, limits)
	return &subject{T: t, Store: s, open: reopen, openNew: open}
}

func (s *subject) reopen() { s.Store = s.open(s.T) }

// entry is a web integration of a tenant, not yet created.
func entry(tenant, name string, origins ...string) store.WebIntegration {
	now := time.Unix(1_700_000_000, 0).UTC()
	return store.WebIntegration{
		ID: store.NewID(), TenantID: tenant, Name: name, CreatedBy: "ops",
		Created: now, LastUpdated: now, ValidOrigins: origins,
	}
}

func (s *subject) create(w store.WebIntegration) store.WebIntegration {
	s.Helper()
	got, err := s.Create(s.Context(), w)
	if err != nil {
		s.Fatalf("Create(%s): %v", w.ID, err)
	}
	return got
}

func (s *subject) edit(w store.WebIntegration, edit func(*store.WebIntegration)) store.WebIntegration {
	s.Helper()
	got, err := s.Edit(s.Context(), w.TenantID, w.ID, func(w *store.WebIntegration) error { edit(w); return nil })
	if err != nil {
		s.Fatalf("Edit(%s): %v", w.ID, err)
	}
	return got
}

func (s *subject) delete(w store.WebIntegration) uint64 {
	s.Helper()
	revision, err := s.Delete(s.Context(), w.TenantID, w.ID, allowed)
	if err != nil {
		s.Fatalf("Delete(%s): %v", w.ID, err)
	}
	return revision
}

func allowed(store.WebIntegration) error { return nil }

func (s *subject) integration(tenant, id string) store.WebIntegration {
	s.Helper()
	w, err := s.Integration(s.Context(), tenant, id)
	if err != nil {
		s.Fatalf("Integration(%s): %v", id, err)
	}
	return w
}

func (s *subject) page(tenant string, q store.Query) store.Page {
	s.Helper()
	page, err := s.Page(s.Context(), tenant, q)
	if err != nil {
		s.Fatalf("Page(%+v): %v", q, err)
	}
	return page
}

func (s *subject) load(tenant string) (uint64, map[string]store.WebIntegration) {
	s.Helper()
	revision, all, err := s.Load(s.Context(), tenant)
	if err != nil {
		s.Fatalf("Load(%s): %v", tenant, err)
	}
	byID := map[string]store.WebIntegration{}
	for _, w := range all {
		byID[w.ID] = w
	}
	if len(byID) != len(all) {
		s.Fatalf("Load(%s) has %d web integrations of %d ids", tenant, len(all), len(byID))
	}
	return revision, byID
}

func (s *subject) revision() uint64 {
	s.Helper()
	return s.position().Revision
}

func (s *subject) position() store.Position {
	s.Helper()
	at, err := s.Position(s.Context())
	if err != nil {
		s.Fatalf("Position: %v", err)
	}
	return at
}

// writesNothing fails if do changes the tenant's web integrations or the
// revision.
func (s *subject) writesNothing(tenant string, do func()) {
	s.Helper()
	before, were := s.load(tenant)
	do()
	after, are := s.load(tenant)
	if before != after {
		s.Errorf("the revision went from %d to %d", before, after)
	}
	if !reflect.DeepEqual(were, are) {
		s.Errorf("what was kept went from\n%v to\n%v", were, are)
	}
}

// wantSame compares all fields; a nil list is an empty one.
func (s *subject) wantSame(from string, got, want store.WebIntegration) {
	s.Helper()
	if len(got.ValidOrigins) == 0 && len(want.ValidOrigins) == 0 {
		got.ValidOrigins, want.ValidOrigins = nil, nil
	}
	if !reflect.DeepEqual(got, want) {
		s.Errorf("%s:\n got %s\nwant %s", from, brief(got), brief(want))
	}
}

func (s *subject) wantError(from string, got, want error) {
	s.Helper()
	if !errors.Is(got, want) {
		s.Errorf("%s: the error is %v, want %v", from, got, want)
	}
}

// brief keeps the report of a long list short.
func brief(w store.WebIntegration) string {
	if n := len(w.ValidOrigins); n > 5 {
		return fmt.Sprintf("%+q… and %d more", w.ValidOrigins[:5], n-5)
	}
	return fmt.Sprintf("%+v", w)
}

// notOurs reports whether err says that the store did not answer.
func notOurs(err error) bool {
	var limit *store.LimitError
	for _, ours := range []error{store.ErrNotFound, store.ErrUnknownCursor, store.ErrExists, store.ErrUnchanged} {
		if errors.Is(err, ours) {
			return false
		}
	}
	return err != nil && !errors.As(err, &limit)
}

// calls are the Store's calls but Close, against the entry w; the creation is
// of an entry of its own.
func calls(s store.Store, w store.WebIntegration) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Page": func(ctx context.Context) error {
			_, err := s.Page(ctx, w.TenantID, store.Query{Limit: 1})
			return err
		},
		"Integration": func(ctx context.Context) error {
			_, err := s.Integration(ctx, w.TenantID, w.ID)
			return err
		},
		"Create": func(ctx context.Context) error {
			_, err := s.Create(ctx, entry(w.TenantID, "created beside it"))
			return err
		},
		"Edit": func(ctx context.Context) error {
			_, err := s.Edit(ctx, w.TenantID, w.ID, func(*store.WebIntegration) error { return nil })
			return err
		},
		"Delete": func(ctx context.Context) error {
			_, err := s.Delete(ctx, w.TenantID, w.ID, allowed)
			return err
		},
		"Batch": func(ctx context.Context) error {
			_, err := s.Batch(ctx, []store.Write{creation(entry(w.TenantID, "made beside it"))})
			return err
		},
		"Load": func(ctx context.Context) error {
			_, _, err := s.Load(ctx, w.TenantID)
			return err
		},
		"Position": func(ctx context.Context) error {
			_, err := s.Position(ctx)
			return err
		},
		"Tenants": func(ctx context.Context) error {
			_, _, err := s.Tenants(ctx)
			return err
		},
		"Watch": func(ctx context.Context) error {
			return watchOne(ctx, s, w.Revision-1)
		},
		"Accept": func(ctx context.Context) error {
			_, err := s.Accept(ctx)
			return err
		},
	}
}

// watchOne watches until there was a change.
func watchOne(ctx context.Context, s store.Store, after uint64) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	seen := false
	err := s.Watch(ctx, after, func([]origins.Change) { seen = true; stop() })
	if seen {
		return nil
	}
	return err
}
