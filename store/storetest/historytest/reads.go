package historytest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"originwarden/store"
)

func pagesInBothOrders(s *subject) {
	s.createMany(40)
	for i := range 5 {
		s.create(s.Context(), newIntegration("acme", fmt.Sprint(i)))
	}
	all := ids(s.records("acme", store.HistoryQuery{}))
	if len(all) != 45 {
		s.Fatalf("%d records, want 45", len(all))
	}
	for _, limit := range []int{1, 7, 44, 45, 46} {
		s.wantIDs(fmt.Sprintf("oldest first, %d on a page", limit), s.records("acme", store.HistoryQuery{Limit: limit}), all)
	}
	slices.Reverse(all)
	for _, limit := range []int{1, 7, 44, 45, 46} {
		s.wantIDs(fmt.Sprintf("newest first, %d on a page", limit), s.records("acme", store.HistoryQuery{Limit: limit, Newest: true}), all)
	}
}

func selectsLaterRevisions(s *subject) {
	s.createMany(40)
	w := s.create(s.Context(), newIntegration("acme", "Shop"))
	all := s.records("acme", store.HistoryQuery{})
	for _, after := range []uint64{0, all[0].Revision - 1, all[0].Revision, all[39].Revision, w.Revision, w.Revision + 1, 1<<64 - 1} {
		later := slices.DeleteFunc(slices.Clone(all), func(r store.Record) bool { return r.Revision <= after })
		s.wantIDs(fmt.Sprintf("after %d", after), s.records("acme", store.HistoryQuery{After: after, Limit: 7}), ids(later))
		slices.Reverse(later)
		s.wantIDs(fmt.Sprintf("after %d, newest first", after), s.records("acme", store.HistoryQuery{After: after, Limit: 7, Newest: true}), ids(later))
	}
}

func selectsByIntegration(s *subject) {
	s.createMany(20)
	w := s.create(s.Context(), newIntegration("acme", "Shop"))
	s.createMany(20)
	edited := s.setOrigins(s.Context(), w, "https://a.example")
	want := []string{store.RecordID(w.Revision, 0), store.RecordID(edited.Revision, 0)}
	s.wantIDs("one web integration", s.records("acme", store.HistoryQuery{Integration: w.ID, Limit: 1}), want)
	slices.Reverse(want)
	s.wantIDs("newest first", s.records("acme", store.HistoryQuery{Integration: w.ID, Limit: 1, Newest: true}), want)
	s.wantIDs("another one", s.records("acme", store.HistoryQuery{Integration: store.NewID()}), []string{})
	s.wantIDs("another tenant's", s.records("other", store.HistoryQuery{Integration: w.ID}), []string{})
}

func selectsByOrigin(s *subject) {
	w := s.create(s.Context(), newIntegration("acme", "Shop", "https://Shop.example:443/", "https://other.example"))
	s.setOrigins(s.Context(), w, "https://Shop.example:443/", "https://*.apps.example", "not an origin")
	s.setOrigins(s.Context(), w)
	got := s.records("acme", store.HistoryQuery{})
	for origin, want := range map[string][]int{
		"https://shop.example":      {0, 2},
		"https://SHOP.example":      {0, 2},
		"https://Shop.example:443/": {0, 2},
		"https://other.example":     {0, 1},
		"https://*.apps.example":    {1, 2},
		"https://x.apps.example":    {1, 2},
		"https://x.y.apps.example":  {},
		"not an origin":             {1, 2},
		"https://none.example":      {},
	} {
		wanted := []string{}
		for _, i := range want {
			wanted = append(wanted, got[i].ID)
		}
		s.wantIDs(origin, s.records("acme", store.HistoryQuery{Origin: origin, Limit: 1}), wanted)
	}
}

func refusesUnknownCursor(s *subject) {
	s.createMany(1)
	for _, cursor := range []string{"x", "1-", "1-0", "01", strings.Repeat("1", 30)} {
		if _, err := s.History(s.Context(), "acme", store.HistoryQuery{Cursor: cursor, Limit: 1}); !errors.Is(err, store.ErrUnknownCursor) {
			s.Errorf("cursor %q: %v", cursor, err)
		}
	}
}

func continuesAfterDroppedRecord(s *subject) {
	s.createMany(6)
	all := ids(s.records("acme", store.HistoryQuery{}))
	first := s.page("acme", store.HistoryQuery{Limit: 2})
	s.reopen(store.Retention{Records: 3})
	s.createMany(1)
	rest := s.records("acme", store.HistoryQuery{Cursor: first.Next})
	if got := ids(rest); len(got) != 3 || !slices.Equal(got[:2], all[4:]) {
		s.Errorf("%q after %q, want %q and one more", got, first.Next, all[4:])
	}
}

func keepsNewestRecords(s *subject) {
	s.reopen(store.Retention{Records: 5})
	var all []string
	for i := range 12 {
		w := s.create(s.Context(), newIntegration("acme", fmt.Sprint(i)))
		all = append(all, store.RecordID(w.Revision, 0))
		s.wantIDs(fmt.Sprintf("after write %d", i), s.records("acme", store.HistoryQuery{}), all[max(0, i-4):])
	}
	s.create(s.Context(), newIntegration("other", "Shop"))
	s.wantIDs("after a write of another tenant", s.records("acme", store.HistoryQuery{}), all[7:])
	s.reopen(store.Retention{Records: 1000})
	s.wantIDs("with a higher limit", s.records("acme", store.HistoryQuery{}), all[7:])
}

func keepsNewestRecordsOfBatches(s *subject) {
	s.reopen(store.Retention{Records: 5})
	for range 3 {
		s.createMany(40)
	}
	if got := s.records("acme", store.HistoryQuery{}); len(got) != 5 || got[4].Revision != s.revision() {
		s.Errorf("%q at revision %d, want 5 records", ids(got), s.revision())
	}
}

func hidesAndDropsOldRecords(s *subject) {
	s.createMany(3)
	last := s.records("acme", store.HistoryQuery{})[2].Time
	const age = time.Millisecond
	s.reopen(store.Retention{Records: 1000, Age: age})
	for !time.Now().After(last.Add(2 * age)) { // a few turns
	}
	s.wantIDs("old records", s.records("acme", store.HistoryQuery{}), []string{})
	s.reopen(store.Retention{Records: 1000})
	if got := s.records("acme", store.HistoryQuery{}); len(got) != 3 {
		s.Errorf("%d records before a write, want 3", len(got))
	}
	s.reopen(store.Retention{Records: 1000, Age: age})
	w := s.create(s.Context(), newIntegration("acme", "Shop"))
	s.reopen(store.Retention{Records: 1000})
	s.wantIDs("after a write", s.records("acme", store.HistoryQuery{}), []string{store.RecordID(w.Revision, 0)})
}

func keepsNothingWithoutRetention(s *subject) {
	s.createMany(3)
	s.reopen(store.Retention{})
	s.wantIDs("without retention", s.records("acme", store.HistoryQuery{}), []string{})
	s.create(s.Context(), newIntegration("acme", "Shop"))
	s.reopen(store.Retention{Records: 1000})
	s.wantIDs("with retention again", s.records("acme", store.HistoryQuery{}), []string{})
}

func shrinksAfterLoweredRetention(s *subject) {
	s.createMany(120)
	s.reopen(store.Retention{Records: 10})
	if got := s.records("acme", store.HistoryQuery{}); len(got) != 10 {
		s.Errorf("%d records, want 10", len(got))
	}
	for i := range 20 {
		s.create(s.Context(), newIntegration("acme", fmt.Sprint(i)))
	}
	s.reopen(store.Retention{Records: 1000})
	if got := s.records("acme", store.HistoryQuery{}); len(got) != 10 || got[9].Name != "19" {
		s.Errorf("%d records after some writes, want 10", len(got))
	}
}

func endsPageOfLongRecordsEarly(s *subject) {
	var long []string
	for i := range 5000 {
		long = append(long, fmt.Sprintf("https://host-%05d.example.com", i))
	}
	for range 10 {
		s.create(s.Context(), newIntegration("acme", "Long", long...))
	}
	page := s.page("acme", store.HistoryQuery{Limit: 100})
	if n := len(page.Records); n == 0 || n > 3 || page.Next == "" {
		s.Errorf("%d records on a page, next %q", n, page.Next)
	}
	if all := s.records("acme", store.HistoryQuery{Limit: 100}); len(all) != 10 {
		s.Errorf("%d records on all pages, want 10", len(all))
	}
}
