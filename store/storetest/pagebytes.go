package storetest

import (
	"fmt"
	"slices"
	"strings"

	"originwarden/store"
)

// createSized creates web integrations with these sizes of their valid origins, and
// returns them sorted by name.
func createSized(s *subject, bytes ...int) []store.WebIntegration {
	var all []store.WebIntegration
	for i, n := range bytes {
		var entries []string
		for ; n > 0; n -= len(entries[len(entries)-1]) {
			entries = append(entries, strings.Repeat("o", min(n, 1000)))
		}
		all = append(all, s.create(newIntegration("acme", fmt.Sprintf("n%02d", i), entries...)))
	}
	return all
}

func pagesEndAtByteLimit(s *subject) {
	all := createSized(s, 100, 100, 100, 0, 0, 500, 100, 0)
	for _, row := range []struct{ bytes, limit, want int }{
		{0, 100, 8},
		{901, 100, 8},
		{900, 100, 7}, // the sum of the first seven is 900
		{801, 100, 7},
		{800, 100, 6},
		{300, 100, 3},
		{201, 100, 3},
		{200, 100, 2},
		{1, 100, 1},
		{300, 2, 2},
		{300, 0, 0},
	} {
		s.wantPage(store.Query{Limit: row.limit, Bytes: row.bytes}, all[:row.want], row.want > 0 && row.want < len(all), false)
	}
	for _, bytes := range []int{1, 99, 100, 101, 200, 300, 500, 600, 899, 900, 1000} {
		s.wantWalks(all, 100, bytes)
		s.wantWalks(all, 2, bytes)
	}
}

// pagesWithLargeEntries creates more bytes than a store may read at once.
func pagesWithLargeEntries(s *subject) {
	const large = 700_000
	all := createSized(s, large, large, large, large, 0, large, large, large, 0, 0)
	for _, bytes := range []int{0, 1, 2 * large, 3*large + 1} {
		s.wantWalks(all, 100, bytes)
	}
}

// wantWalks reads all pages in both orders with both cursors, and checks that each web
// integration is on one page, and that each page is as large as allowed.
func (s *subject) wantWalks(all []store.WebIntegration, limit, bytes int) {
	s.Helper()
	eachOrder(all, func(all []store.WebIntegration, descending bool) {
		q := store.Query{Descending: descending, Limit: limit, Bytes: bytes}
		for from := 0; from < len(all); {
			to := from + pageLength(all[from:], limit, bytes)
			s.wantPage(q, all[from:to], to < len(all), from > 0)
			q.After, from = all[to-1].ID, to
		}
		q.After = ""
		for to := len(all) - 1; to > 0; {
			before := slices.Clone(all[:to])
			slices.Reverse(before)
			from := to - pageLength(before, limit, bytes)
			q.Before = all[to].ID
			s.wantPage(q, all[from:to], true, from > 0)
			to = from
		}
	})
}

// pageLength returns the expected length of a page that begins with all[0].
func pageLength(all []store.WebIntegration, limit, bytes int) (n int) {
	for sum := 0; n < min(limit, len(all)); {
		sum += all[n].OriginBytes()
		if n++; bytes > 0 && sum >= bytes {
			break
		}
	}
	return n
}
