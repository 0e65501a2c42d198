// Package searchtest tests searches in a store.Store.
package searchtest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"originwarden/store"
	"originwarden/store/search"
	"originwarden/store/storetest"
)

// Run searches a tenant with many web integrations, and compares the pages with the
// whole list. Every Store must pass it.
func Run(t *testing.T, open storetest.Open) {
	s, _ := open(t, store.Limits{Integrations: 10_000, Origins: 100_000})
	all := fill(t, s)
	t.Run("FindsEveryMatchOnce", func(t *testing.T) { findsEveryMatchOnce(t, s, all) })
	t.Run("ReadsBoundedPart", func(t *testing.T) { readsBoundedPart(t, s, all) })
	t.Run("ReadsFewCandidates", func(t *testing.T) { readsFewCandidates(t, s) })
	t.Run("RefusesUnknownCursor", func(t *testing.T) { refusesUnknownCursor(t, s, all) })
	t.Run("SkipsMissingCandidates", func(t *testing.T) { skipsMissingCandidates(t, s, all) })
	t.Run("SurvivesDeletions", func(t *testing.T) { survivesDeletions(t, s) })
}

const integrations = 1500

// fill creates web integrations of which every second has the name of another one, and
// some have long lists. It returns them in the order of pages.
func fill(t *testing.T, s store.Store) (all []store.WebIntegration) {
	t.Helper()
	for i := range integrations {
		w := newIntegration("acme", fmt.Sprintf("Shop %04d", i/2), fmt.Sprintf("https://app-%d.example", i), "http://localhost:3000")
		if i%500 == 0 {
			for j := range 1000 {
				w.ValidOrigins = append(w.ValidOrigins, fmt.Sprintf("https://a-host-that-has-a-rather-long-name-%d-%d.shop.example", i, j))
			}
		}
		all = append(all, w)
	}
	create(t, s, all)
	slices.SortFunc(all, func(a, b store.WebIntegration) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return all
}

func newIntegration(tenant, name string, entries ...string) store.WebIntegration {
	now := time.Unix(1_700_000_000, 0).UTC()
	return store.WebIntegration{
		ID: store.NewID(), TenantID: tenant, Name: name, CreatedBy: "ops", Created: now, LastUpdated: now, ValidOrigins: entries,
	}
}

func create(t *testing.T, s store.Store, all []store.WebIntegration) {
	t.Helper()
	var writes []store.Write
	for _, w := range all {
		writes = append(writes, store.Write{Tenant: w.TenantID, ID: w.ID, Make: func(*store.WebIntegration) (*store.WebIntegration, error) { return w.Clone(), nil }})
	}
	refused, err := s.Batch(t.Context(), writes)
	if err := errors.Join(append(refused, err)...); err != nil {
		t.Fatal(err)
	}
}

func findsEveryMatchOnce(t *testing.T, s store.Store, all []store.WebIntegration) {
	among := func(every int) map[string]bool {
		ids := map[string]bool{}
		for i := 0; i < len(all); i += every {
			ids[all[i].ID] = true
		}
		return ids
	}
	for _, row := range []struct {
		rule  string
		query search.Query
		limit int
	}{
		{"name", search.Query{Text: "Shop 0041"}, 10},
		{"name in another case", search.Query{Text: "sHOP 0041"}, 1},
		{"part of an origin", search.Query{Text: "APP-77.EX"}, 10},
		{"part of origins of long lists", search.Query{Text: "rather-long-name"}, 2},
		{"many matches", search.Query{Text: "shop 00"}, 7},
		{"everything matches", search.Query{Text: "localhost"}, 100},
		{"nothing matches", search.Query{Text: "no such text"}, 10},
		{"ids", search.Query{Among: among(100)}, 7},
		{"as many ids as are left", search.Query{Among: among(250)}, 10},
		{"many ids", search.Query{Among: among(20)}, 50},
		{"no ids", search.Query{Among: map[string]bool{}}, 10},
		{"ids and text", search.Query{Among: among(100), Text: "Shop 00"}, 3},
		{"many ids and text", search.Query{Among: among(2), Text: "Shop 00"}, 10},
	} {
		for _, descending := range []bool{false, true} {
			q := row.query
			q.Limit, q.Bytes, q.Descending = row.limit, 256<<10, descending
			want := matches(all, q)
			forward, end := follow(t, s, q, func(q *search.Query, p search.Page) bool { q.After = p.Next; return p.Next != "" })
			if got := namesOf(forward); got != namesOf(want) {
				t.Errorf("%s, descending %t: next leads to %.300s, want %.300s", row.rule, descending, got, namesOf(want))
			}
			if end.Prev == "" {
				if len(want) > len(end.Integrations) {
					t.Errorf("%s, descending %t: no page before the last one", row.rule, descending)
				}
				continue
			}
			q.Before = end.Prev
			back, _ := follow(t, s, q, func(q *search.Query, p search.Page) bool { q.Before = p.Prev; return p.Prev != "" })
			if got := namesOf(append(back, end.Integrations...)); got != namesOf(want) {
				t.Errorf("%s, descending %t: prev leads to %.300s, want %.300s", row.rule, descending, got, namesOf(want))
			}
		}
	}
}

// matches returns those of all that the query selects, in its order.
func matches(all []store.WebIntegration, q search.Query) (selected []store.WebIntegration) {
	for _, w := range all {
		text := strings.ToLower(w.Name + "\n" + strings.Join(w.ValidOrigins, "\n"))
		if (q.Among == nil || q.Among[w.ID]) && strings.Contains(text, strings.ToLower(q.Text)) {
			selected = append(selected, w)
		}
	}
	if q.Descending {
		slices.Reverse(selected)
	}
	return selected
}

// follow reads pages as long as turn turns to another one, and returns what is on them
// in the order of the query, and the last page.
func follow(t *testing.T, s search.Store, q search.Query, turn func(*search.Query, search.Page) bool) (all []store.WebIntegration, last search.Page) {
	t.Helper()
	for range 5000 {
		page, err := search.Find(t.Context(), s, "acme", q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Integrations) > q.Limit {
			t.Fatalf("a page has %d web integrations, more than %d", len(page.Integrations), q.Limit)
		}
		backward := q.Before != ""
		if backward {
			all = append(slices.Clone(page.Integrations), all...)
		} else {
			all = append(all, page.Integrations...)
		}
		if !turn(&q, page) {
			return all, page
		}
	}
	t.Fatal("the pages do not end")
	return nil, search.Page{}
}

func namesOf(all []store.WebIntegration) string {
	var names strings.Builder
	for _, w := range all {
		names.WriteString(w.Name + " " + w.ID + ", ")
	}
	return names.String()
}

func refusesUnknownCursor(t *testing.T, s store.Store, all []store.WebIntegration) {
	for name, q := range map[string]search.Query{
		"without a search": {},
		"text":             {Text: "shop"},
		"ids":              {Among: map[string]bool{all[0].ID: true}},
	} {
		for _, cursor := range []store.Query{{After: store.NewID(), Limit: 10}, {Before: store.NewID(), Limit: 10}, {After: store.NewID()}} {
			q.Query = cursor
			if _, err := search.Find(t.Context(), s, "acme", q); !errors.Is(err, store.ErrUnknownCursor) {
				t.Errorf("%s, %+v: error %v, want ErrUnknownCursor", name, cursor, err)
			}
		}
	}
}

// skipsMissingCandidates searches among an id that was deleted since the list was read.
func skipsMissingCandidates(t *testing.T, s store.Store, all []store.WebIntegration) {
	q := search.Query{Among: map[string]bool{store.NewID(): true, all[3].ID: true}}
	q.Limit = 10
	page, err := search.Find(t.Context(), s, "acme", q)
	if err != nil || len(page.Integrations) != 1 || page.Integrations[0].ID != all[3].ID || page.Next+page.Prev != "" {
		t.Errorf("page %+v, %v; want %s alone", page, err, all[3].Name)
	}
}
