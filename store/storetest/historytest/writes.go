package historytest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"originwarden/store"
)

func recordsEveryChange(s *subject) {
	began := time.Now().Truncate(time.Millisecond)
	w := s.create(s.Context(), newIntegration("acme", "Shop", "https://a.example", "https://b.example"))
	edited := s.setOrigins(s.Context(), w, "https://b.example", "https://c.example")
	renamed, err := s.Edit(s.Context(), "acme", w.ID, func(w *store.WebIntegration) error { w.Name = "Store"; return nil })
	if err != nil {
		s.Fatal(err)
	}
	deleted := s.delete(s.Context(), w)
	got := s.records("acme", store.HistoryQuery{})
	want := []struct {
		revision  uint64
		operation store.Operation
		name      string
		updates   string
	}{
		{w.Revision, store.Created, "Shop", `/name  "Shop", /validOrigins  ["https://a.example","https://b.example"]`},
		{edited.Revision, store.Updated, "Shop", `/validOrigins/0 "https://a.example" , /validOrigins/1  "https://c.example"`},
		{renamed.Revision, store.Updated, "Store", `/name "Shop" "Store"`},
		{deleted, store.Deleted, "Store", `/name "Store" , /validOrigins ["https://b.example","https://c.example"] `},
	}
	if len(got) != len(want) {
		s.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i, r := range got {
		var updates []string
		for _, u := range r.Updates {
			updates = append(updates, fmt.Sprintf("%s %s %s", u.Path, u.OldValue, u.NewValue))
		}
		if text := strings.Join(updates, ", "); r.Revision != want[i].revision || r.Operation != want[i].operation || r.Name != want[i].name || text != want[i].updates {
			s.Errorf("record %d: %s %q at %d: %s; want %+v", i, r.Operation, r.Name, r.Revision, text, want[i])
		}
		if r.ID != store.RecordID(r.Revision, 0) || r.Tenant != "acme" || r.Integration != w.ID || r.Omitted != nil ||
			r.Time.Before(began) || r.Time.After(time.Now()) || r.Time.Location() != time.UTC {
			s.Errorf("record %d: %+v", i, r)
		}
	}
}

func recordsNoRefusedWrite(s *subject) {
	w := s.create(s.Context(), newIntegration("acme", "Shop"))
	refusal := errors.New("refused")
	for _, err := range []error{store.ErrUnchanged, refusal} {
		_, _ = s.Edit(s.Context(), "acme", w.ID, func(*store.WebIntegration) error { return err })
	}
	_, _ = s.Create(s.Context(), w)
	_, _ = s.Delete(s.Context(), "acme", w.ID, func(store.WebIntegration) error { return refusal })
	_, _ = s.Batch(s.Context(), []store.Write{{Tenant: "acme", ID: w.ID, Make: func(*store.WebIntegration) (*store.WebIntegration, error) { return nil, refusal }}})
	s.wantIDs("after refused writes", s.records("acme", store.HistoryQuery{}), []string{store.RecordID(w.Revision, 0)})
}

// They have a revision like any other write.
func recordsNoWriteOfEqualValues(s *subject) {
	s.reopen(store.Retention{Records: 2})
	w := s.create(s.Context(), newIntegration("acme", "Shop", "https://a.example"))
	edited := s.setOrigins(s.Context(), w, "https://b.example")
	last := edited.Revision
	for range 3 {
		same := s.setOrigins(s.Context(), w, "https://b.example")
		if same.Revision <= last {
			s.Errorf("revision %d after %d", same.Revision, last)
		}
		last = same.Revision
	}
	_, err := s.Batch(s.Context(), []store.Write{{Tenant: "acme", ID: w.ID, Make: func(before *store.WebIntegration) (*store.WebIntegration, error) { return before, nil }}})
	if err != nil {
		s.Fatal(err)
	}
	want := []string{store.RecordID(w.Revision, 0), store.RecordID(edited.Revision, 0)}
	s.wantIDs("after writes of equal values", s.records("acme", store.HistoryQuery{}), want)
}

func recordsBatches(s *subject) {
	const n = 70 // several commits, also in a store that makes some in each
	s.createMany(n)
	_, all, err := s.Load(s.Context(), "acme")
	if err != nil {
		s.Fatal(err)
	}
	revisions, seen := map[string]uint64{}, map[string]bool{}
	for _, w := range all {
		revisions[w.ID] = w.Revision
	}
	got := s.records("acme", store.HistoryQuery{})
	if len(got) != n {
		s.Fatalf("%d records, want %d", len(got), n)
	}
	for i, r := range got {
		if r.Operation != store.Created || r.Revision != revisions[r.Integration] || seen[r.ID] || i > 0 && r.Revision < got[i-1].Revision {
			s.Errorf("record %d: %+v; the web integration is at %d", i, r, revisions[r.Integration])
		}
		seen[r.ID] = true
	}
}

func recordsAuthors(s *subject) {
	ann := store.WithIssuer(store.WithAuthor(s.Context(), "ann <&>"), "https://issuer.example")
	w := s.create(ann, newIntegration("acme", "Shop"))
	s.setOrigins(store.WithAuthor(s.Context(), "bob"), w, "https://a.example")
	s.delete(s.Context(), w)
	got := s.records("acme", store.HistoryQuery{})
	for i, want := range []struct{ subject, issuer string }{{"ann <&>", "https://issuer.example"}, {"bob", ""}, {"", ""}} {
		if got[i].Subject != want.subject || got[i].Issuer != want.issuer {
			s.Errorf("record %d is by %q of %q, want %q of %q", i, got[i].Subject, got[i].Issuer, want.subject, want.issuer)
		}
	}
}

func recordsLargeLists(s *subject) {
	var long, random []string
	for i := range 10_000 {
		long = append(long, fmt.Sprintf("https://host-%05d.example.com", i))
		random = append(random, "https://"+strings.ToLower(rand.Text())+".example.com")
	}
	w := s.create(s.Context(), newIntegration("acme", "Long", long...))
	s.setOrigins(s.Context(), w, append(long, "https://more.example")...)
	s.delete(s.Context(), w)
	w = s.create(s.Context(), newIntegration("acme", "Random", random...))
	s.setOrigins(s.Context(), w, append(random, "https://more.example")...)
	s.delete(s.Context(), w)
	got := s.records("acme", store.HistoryQuery{})
	for i, want := range []*store.Omitted{nil, nil, nil, {Added: 10_000}, nil, {Removed: 10_001}} {
		if has := got[i].Omitted; want == nil && has != nil || want != nil && (has == nil || *has != *want) {
			s.Errorf("record %d lacks %+v, want %+v", i, has, want)
		}
	}
	for _, i := range []int{1, 4} {
		if u := got[i].Updates; len(u) != 1 || u[0].Path != "/validOrigins/10000" || string(u[0].NewValue) != `"https://more.example"` {
			s.Errorf("record %d: %s", i, u)
		}
	}
}

func keepsTenantsApart(s *subject) {
	w := s.create(s.Context(), newIntegration("acme", "Shop"))
	for _, tenant := range []string{"acm", "acme/x", "acme2", "other"} {
		s.create(s.Context(), newIntegration(tenant, "Shop"))
	}
	s.wantIDs("acme", s.records("acme", store.HistoryQuery{}), []string{store.RecordID(w.Revision, 0)})
	s.wantIDs("a tenant without writes", s.records("none", store.HistoryQuery{}), []string{})
}

func survivesReopen(s *subject) {
	s.createMany(3)
	before := ids(s.records("acme", store.HistoryQuery{}))
	s.reopen(store.Retention{Records: 1000, Age: time.Hour})
	s.wantIDs("after a reopen", s.records("acme", store.HistoryQuery{}), before)
}

func changesNoRevisionByReading(s *subject) {
	s.createMany(3)
	before := s.revision()
	s.records("acme", store.HistoryQuery{Newest: true})
	if after := s.revision(); after != before {
		s.Errorf("revision %d, before %d", after, before)
	}
}
