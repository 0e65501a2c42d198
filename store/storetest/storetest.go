// Package storetest tests a store.Store against its contract.
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

// Open returns a new, empty store with these limits, and a function that closes it
// and opens it again. Both stores are closed when t ends.
type Open func(t *testing.T, limits store.Limits) (s store.Store, reopen func(t *testing.T) store.Store)

// Run runs the suite. Every store must pass it, also under the race detector.
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

// test is a test of the suite. If limits is zero, the limits are large.
type test struct {
	name   string
	run    func(*subject)
	limits store.Limits
}

// subject is the store under test. Its methods fail the test if the store fails.
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

// newIntegration returns a web integration that is not created yet.
func newIntegration(tenant, name string, origins ...string) store.WebIntegration {
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
		s.Fatalf("Load(%s) returned %d web integrations with %d ids", tenant, len(all), len(byID))
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

// wantNoWrite fails the test if do changes the tenant's web integrations, the
// position or the revisions of tenants.
func (s *subject) wantNoWrite(tenant string, do func()) {
	s.Helper()
	before := s.contents(tenant)
	do()
	if after := s.contents(tenant); !reflect.DeepEqual(before, after) {
		s.Errorf("the store changed from\n%v to\n%v", before, after)
	}
}

// contents returns the position, the tenants, and the web integrations of tenant.
func (s *subject) contents(tenant string) []any {
	s.Helper()
	at, tenants, err := s.Tenants(s.Context())
	if err != nil {
		s.Fatalf("Tenants: %v", err)
	}
	revision, all := s.load(tenant)
	return []any{at, tenants, revision, all}
}

// wantSame compares all fields. A nil list equals an empty one.
func (s *subject) wantSame(from string, got, want store.WebIntegration) {
	s.Helper()
	if len(got.ValidOrigins) == 0 && len(want.ValidOrigins) == 0 {
		got.ValidOrigins, want.ValidOrigins = nil, nil
	}
	if !reflect.DeepEqual(got, want) {
		s.Errorf("%s:\n got %s\nwant %s", from, abbreviate(got), abbreviate(want))
	}
}

func (s *subject) wantError(from string, got, want error) {
	s.Helper()
	if !errors.Is(got, want) {
		s.Errorf("%s: error %v, want %v", from, got, want)
	}
}

// abbreviate formats w without most of a long list.
func abbreviate(w store.WebIntegration) string {
	if n := len(w.ValidOrigins); n > 5 {
		return fmt.Sprintf("%+q… and %d more", w.ValidOrigins[:5], n-5)
	}
	return fmt.Sprintf("%+v", w)
}

// isUnavailable reports whether err means that the store did not answer.
func isUnavailable(err error) bool {
	for _, refusal := range []error{store.ErrNotFound, store.ErrUnknownCursor, store.ErrExists, store.ErrUnchanged} {
		if errors.Is(err, refusal) {
			return false
		}
	}
	_, refused := errors.AsType[*store.LimitError](err)
	return err != nil && !refused
}

// storeCalls returns all calls of a Store except CheckWrites and Close, for the existing
// web integration w. Create and Batch create another one.
func storeCalls(s store.Store, w store.WebIntegration) map[string]func(context.Context) error {
	unchanged := func(*store.WebIntegration) error { return nil }
	return map[string]func(context.Context) error{
		"Page":        func(ctx context.Context) error { return errorOf(s.Page(ctx, w.TenantID, store.Query{Limit: 1})) },
		"Integration": func(ctx context.Context) error { return errorOf(s.Integration(ctx, w.TenantID, w.ID)) },
		"Create":      func(ctx context.Context) error { return errorOf(s.Create(ctx, newIntegration(w.TenantID, "created"))) },
		"Edit":        func(ctx context.Context) error { return errorOf(s.Edit(ctx, w.TenantID, w.ID, unchanged)) },
		"Delete":      func(ctx context.Context) error { return errorOf(s.Delete(ctx, w.TenantID, w.ID, allowed)) },
		"Batch": func(ctx context.Context) error {
			return errorOf(s.Batch(ctx, []store.Write{createWrite(newIntegration(w.TenantID, "created by a batch"))}))
		},
		"History": func(ctx context.Context) error {
			return errorOf(s.History(ctx, w.TenantID, store.HistoryQuery{Limit: 1}))
		},
		"Load": func(ctx context.Context) error {
			_, _, err := s.Load(ctx, w.TenantID)
			return err
		},
		"Position": func(ctx context.Context) error { return errorOf(s.Position(ctx)) },
		"Tenants": func(ctx context.Context) error {
			_, _, err := s.Tenants(ctx)
			return err
		},
		"Watch":  func(ctx context.Context) error { return watchOne(ctx, s, w.Revision-1) },
		"Accept": func(ctx context.Context) error { return errorOf(s.Accept(ctx)) },
	}
}

func errorOf[T any](_ T, err error) error { return err }

// watchOne watches until the first change.
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
