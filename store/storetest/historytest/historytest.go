// Package historytest tests the history of a store.Store against its contract.
package historytest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"originwarden/store"
)

// Open returns a new, empty store, and a function that closes it and opens it again
// with another retention. The stores are closed when t ends.
type Open func(t *testing.T, keep store.Retention) (s store.Store, reopen func(*testing.T, store.Retention) store.Store)

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]func(*subject){
		"RecordsEveryChange":           recordsEveryChange,
		"RecordsNoRefusedWrite":        recordsNoRefusedWrite,
		"RecordsNoWriteOfEqualValues":  recordsNoWriteOfEqualValues,
		"RecordsBatches":               recordsBatches,
		"RecordsAuthors":               recordsAuthors,
		"RecordsLargeLists":            recordsLargeLists,
		"KeepsTenantsApart":            keepsTenantsApart,
		"SurvivesReopen":               survivesReopen,
		"PagesInBothOrders":            pagesInBothOrders,
		"SelectsLaterRevisions":        selectsLaterRevisions,
		"SelectsByIntegration":         selectsByIntegration,
		"SelectsByOrigin":              selectsByOrigin,
		"RefusesUnknownCursor":         refusesUnknownCursor,
		"ContinuesAfterDroppedRecord":  continuesAfterDroppedRecord,
		"KeepsNewestRecords":           keepsNewestRecords,
		"HidesAndDropsOldRecords":      hidesAndDropsOldRecords,
		"KeepsNothingWithoutRetention": keepsNothingWithoutRetention,
		"ShrinksAfterLoweredRetention": shrinksAfterLoweredRetention,
		"KeepsNewestRecordsOfBatches":  keepsNewestRecordsOfBatches,
		"EndsPageOfLongRecordsEarly":   endsPageOfLongRecordsEarly,
		"ChangesNoRevisionByReading":   changesNoRevisionByReading,
	} {
		t.Run(name, func(t *testing.T) {
			s, reopen := open(t, store.Retention{Records: 1000})
			test(&subject{T: t, Store: s, open: reopen})
		})
	}
}

// subject is the store under test. Its methods fail the test if the store fails.
type subject struct {
	*testing.T
	store.Store
	open func(*testing.T, store.Retention) store.Store
}

func (s *subject) reopen(keep store.Retention) { s.Store = s.open(s.T, keep) }

func newIntegration(tenant, name string, origins ...string) store.WebIntegration {
	now := time.Unix(1_700_000_000, 0).UTC()
	return store.WebIntegration{
		ID: store.NewID(), TenantID: tenant, Name: name, CreatedBy: "ops",
		Created: now, LastUpdated: now, ValidOrigins: origins,
	}
}

func (s *subject) create(ctx context.Context, w store.WebIntegration) store.WebIntegration {
	s.Helper()
	created, err := s.Create(ctx, w)
	if err != nil {
		s.Fatalf("Create: %v", err)
	}
	return created
}

func (s *subject) setOrigins(ctx context.Context, w store.WebIntegration, origins ...string) store.WebIntegration {
	s.Helper()
	edited, err := s.Edit(ctx, w.TenantID, w.ID, func(w *store.WebIntegration) error {
		w.ValidOrigins = origins
		return nil
	})
	if err != nil {
		s.Fatalf("Edit: %v", err)
	}
	return edited
}

func (s *subject) delete(ctx context.Context, w store.WebIntegration) uint64 {
	s.Helper()
	revision, err := s.Delete(ctx, w.TenantID, w.ID, func(store.WebIntegration) error { return nil })
	if err != nil {
		s.Fatalf("Delete: %v", err)
	}
	return revision
}

// createMany creates so many web integrations of the tenant acme in one Batch.
func (s *subject) createMany(n int) {
	s.Helper()
	writes := make([]store.Write, n)
	for i := range writes {
		w := newIntegration("acme", "Shop", "https://shop.example")
		writes[i] = store.Write{Tenant: w.TenantID, ID: w.ID, Make: func(*store.WebIntegration) (*store.WebIntegration, error) { return &w, nil }}
	}
	refused, err := s.Batch(s.Context(), writes)
	if err := errors.Join(append(refused, err)...); err != nil {
		s.Fatalf("Batch: %v", err)
	}
}

func (s *subject) page(tenant string, q store.HistoryQuery) store.HistoryPage {
	s.Helper()
	page, err := s.History(s.Context(), tenant, q)
	if err != nil {
		s.Fatalf("History(%+v): %v", q, err)
	}
	return page
}

// records reads all pages of a query.
func (s *subject) records(tenant string, q store.HistoryQuery) (all []store.Record) {
	s.Helper()
	if q.Limit == 0 {
		q.Limit = 100
	}
	for {
		page := s.page(tenant, q)
		if all = append(all, page.Records...); page.Next == "" {
			return all
		}
		if len(page.Records) == 0 || len(page.Records) > q.Limit || page.Next != page.Records[len(page.Records)-1].ID {
			s.Fatalf("a page of %d records, at most %d, before %q", len(page.Records), q.Limit, page.Next)
		}
		q.Cursor = page.Next
	}
}

func (s *subject) revision() uint64 {
	s.Helper()
	at, err := s.Position(s.Context())
	if err != nil {
		s.Fatalf("Position: %v", err)
	}
	return at.Revision
}

func ids(records []store.Record) []string {
	all := make([]string, len(records))
	for i, r := range records {
		all[i] = r.ID
	}
	return all
}

func (s *subject) wantIDs(from string, got []store.Record, want []string) {
	s.Helper()
	if !slices.Equal(ids(got), want) {
		s.Errorf("%s: %q, want %q", from, ids(got), want)
	}
}
