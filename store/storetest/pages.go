package storetest

import (
	"fmt"
	"slices"
	"strings"

	"originwarden/store"
)

func pageTests() []test {
	return []test{
		{name: "SortByNameBytesThenID", run: pagesAreSorted},
		{name: "NeitherSkipNorRepeat", run: pagesNeitherSkipNorRepeat},
		{name: "GoBackward", run: pagesGoBackward},
		{name: "NeitherSkipNorRepeatDuringWrites", run: pagesDuringWrites},
		{name: "ReflectRenames", run: pagesReflectRename},
		{name: "EndAtByteLimit", run: pagesEndAtByteLimit},
		{name: "WithLargeEntries", run: pagesWithLargeEntries},
		{name: "WithLimitZeroAreEmpty", run: pagesWithLimitZero},
		{name: "RefuseUnknownCursors", run: pagesRefuseUnknownCursors},
	}
}

// createSorted creates web integrations whose order by bytes differs from the order by
// case, locale, UTF-16 or length. Some have the same name. It returns them sorted by
// the bytes of their names, then by id.
func createSorted(s *subject) []store.WebIntegration {
	names := []string{
		"a", "B", "b", "A", "aa", "a b", "a-b", "a0", "a_", "Z", "_", " ", "10", "9", "é", "e\u0301", "ä", "z",
		"\ufffd", "\U0001f600", "日本", "ａ", "same", "same", "same", "same", "Same", "same ", "~",
	}
	var all []store.WebIntegration
	for _, name := range names {
		all = append(all, s.create(newIntegration("acme", name, "https://"+fmt.Sprint(len(all))+".example")))
	}
	for _, id := range []string{"a", "B", "_", "-", "0"} { // order by bytes: - 0 B _ a
		w := newIntegration("acme", "same")
		w.ID = strings.Repeat(id, 32)
		all = append(all, s.create(w))
	}
	s.create(newIntegration("acm", "same"))
	s.create(newIntegration("acmf", "same"))
	slices.SortFunc(all, func(a, b store.WebIntegration) int {
		return strings.Compare(a.Name+"\x00"+a.ID, b.Name+"\x00"+b.ID)
	})
	return all
}

// eachOrder calls check with all in ascending order, then in descending order.
func eachOrder(all []store.WebIntegration, check func(all []store.WebIntegration, descending bool)) {
	check(all, false)
	descending := slices.Clone(all)
	slices.Reverse(descending)
	check(descending, true)
}

func (s *subject) wantPage(q store.Query, want []store.WebIntegration, hasNext, hasPrev bool) {
	s.Helper()
	page := s.page("acme", q)
	if len(page.Integrations) != len(want) || page.HasNext != hasNext || page.HasPrev != hasPrev {
		s.Fatalf("Page(%+v) has %d web integrations, HasNext %t, HasPrev %t; want %d, %t, %t",
			q, len(page.Integrations), page.HasNext, page.HasPrev, len(want), hasNext, hasPrev)
	}
	for i, w := range want {
		s.wantSame(fmt.Sprintf("Page(%+v)[%d]", q, i), page.Integrations[i], w)
	}
}

func pagesAreSorted(s *subject) {
	eachOrder(createSorted(s), func(all []store.WebIntegration, descending bool) {
		for _, limit := range []int{len(all), len(all) + 1, 1 << 30} {
			s.wantPage(store.Query{Descending: descending, Limit: limit}, all, false, false)
		}
	})
}

func pagesNeitherSkipNorRepeat(s *subject) {
	eachOrder(createSorted(s), func(all []store.WebIntegration, descending bool) {
		for _, limit := range []int{1, 2, 3, 7, len(all) - 1, len(all)} {
			after := ""
			for from := 0; from < len(all); from += limit {
				to := min(from+limit, len(all))
				s.wantPage(store.Query{After: after, Descending: descending, Limit: limit}, all[from:to], to < len(all), from > 0)
				after = all[to-1].ID
			}
			s.wantPage(store.Query{After: after, Descending: descending, Limit: limit}, nil, false, false)
		}
	})
}

func pagesGoBackward(s *subject) {
	eachOrder(createSorted(s), func(all []store.WebIntegration, descending bool) {
		for _, limit := range []int{1, 2, 3, 7, len(all) - 1, len(all)} {
			to := len(all) - 1
			for to > 0 {
				from := max(0, to-limit)
				s.wantPage(store.Query{Before: all[to].ID, Descending: descending, Limit: limit}, all[from:to], true, from > 0)
				to = from
			}
			s.wantPage(store.Query{Before: all[0].ID, Descending: descending, Limit: limit}, nil, false, false)
		}
	})
}

// pagesDuringWrites reads all pages in both orders with both cursors, while neighbors of
// the web integrations on them are created and deleted.
func pagesDuringWrites(s *subject) {
	eachOrder(createSorted(s), func(stable []store.WebIntegration, descending bool) {
		s.walkDuringWrites(stable, func(cursor string) store.Query {
			return store.Query{After: cursor, Descending: descending, Limit: 3}
		})
		back := slices.Clone(stable)
		slices.Reverse(back)
		s.walkDuringWrites(back, func(cursor string) store.Query {
			if cursor == "" { // the last page has no cursor to end before
				return store.Query{Descending: !descending, Limit: 3}
			}
			return store.Query{Before: cursor, Descending: descending, Limit: 3}
		})
	})
}

// walkDuringWrites reads all pages and checks that each of stable is on one page, in
// this order, and that nothing is on two pages.
func (s *subject) walkDuringWrites(stable []store.WebIntegration, next func(cursor string) store.Query) {
	s.Helper()
	permanent, seen := map[string]bool{}, map[string]bool{}
	for _, w := range stable {
		permanent[w.ID] = true
	}
	var found, names []string
	var temporary []store.WebIntegration
	for cursor := ""; ; {
		q := next(cursor)
		all := s.page("acme", q).Integrations
		if len(all) == 0 {
			break
		}
		if q.Before != "" {
			slices.Reverse(all)
		}
		names = names[:0]
		for _, w := range all {
			if seen[w.ID] {
				s.Errorf("%q is on two pages", w.Name)
			}
			if seen[w.ID] = true; permanent[w.ID] {
				found, names = append(found, w.ID), append(names, w.Name)
			}
		}
		cursor = all[len(all)-1].ID
		temporary = s.replaceNeighbors(temporary, names, cursor)
	}
	if !slices.EqualFunc(found, stable, func(id string, w store.WebIntegration) bool { return id == w.ID }) {
		s.Errorf("the pages have %d of the permanent web integrations, want all %d in order", len(found), len(stable))
	}
	for _, w := range temporary {
		s.delete(w)
	}
}

// replaceNeighbors deletes the temporary ones except the cursor, and creates others with
// these names on both sides of the cursor.
func (s *subject) replaceNeighbors(temporary []store.WebIntegration, names []string, cursor string) (next []store.WebIntegration) {
	for _, w := range temporary {
		if w.ID == cursor {
			next = append(next, w)
		} else {
			s.delete(w)
		}
	}
	for _, name := range names {
		next = append(next, s.create(newIntegration("acme", name)))
	}
	return next
}

func pagesReflectRename(s *subject) {
	a, b, c := s.create(newIntegration("acme", "a")), s.create(newIntegration("acme", "b")), s.create(newIntegration("acme", "c"))
	a = s.edit(a, func(w *store.WebIntegration) { w.Name = "bb" })
	s.wantPage(store.Query{Limit: 3}, []store.WebIntegration{b, a, c}, false, false)
	s.wantPage(store.Query{After: a.ID, Limit: 3}, []store.WebIntegration{c}, false, true)
	s.wantPage(store.Query{Before: a.ID, Limit: 3}, []store.WebIntegration{b}, true, false)
}

func pagesWithLimitZero(s *subject) {
	for range 3 {
		w := s.create(newIntegration("acme", "a"))
		for _, q := range []store.Query{{}, {Descending: true}, {After: w.ID}, {Before: w.ID}} {
			s.wantPage(q, nil, false, false)
		}
	}
}

func pagesRefuseUnknownCursors(s *subject) {
	w := s.create(newIntegration("acme", "a"))
	foreign := s.create(newIntegration("other", "b"))
	deleted := s.create(newIntegration("acme", "c"))
	s.delete(deleted)
	for _, cursor := range []string{store.NewID(), foreign.ID, deleted.ID, w.Name, w.ID[1:], w.ID + " ", "%"} {
		for _, limit := range []int{0, 10} {
			for _, q := range []store.Query{{After: cursor}, {Before: cursor}, {After: cursor, Descending: true}, {Before: cursor, Descending: true}} {
				q.Limit = limit
				_, err := s.Page(s.Context(), "acme", q)
				s.wantError(fmt.Sprintf("Page(%+v)", q), err, store.ErrUnknownCursor)
			}
		}
	}
}
