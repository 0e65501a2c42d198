package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// createLong creates web integrations in the store, past the API's limits, each
// with the given bytes of origins. It returns their ids.
func (g *testAPI) createLong(bytes ...int) (want []string) {
	g.t.Helper()
	for i, n := range bytes {
		w := benchIntegration(fmt.Sprintf("n%02d", i))
		w.ValidOrigins = slices.Repeat([]string{"https://" + strings.Repeat("a", 992)}, n/1000)
		if _, err := g.store.Store.Create(g.t.Context(), w); err != nil {
			g.t.Fatal(err)
		}
		want = append(want, w.ID)
	}
	return want
}

func TestList_ShortensPagesWithLongEntries(t *testing.T) {
	const kb = 1000
	g := newTestAPI(t)
	want := g.createLong(100*kb, 100*kb, 100*kb, 10*kb, 1000*kb, 0, 1000*kb, 1000*kb, 0, 0, 200*kb, 200*kb, 3*kb)
	backwards := slices.Clone(want)
	slices.Reverse(backwards)
	for _, tt := range []struct {
		query string
		want  []string
		pages []int // number of entries
	}{
		{"?limit=100", want, []int{3, 2, 2, 1, 4, 1}},
		{"", want, []int{3, 2, 2, 1, 4, 1}},
		{"?limit=2", want, []int{2, 2, 1, 2, 1, 2, 2, 1}},
		{"?limit=100&sort=-name", backwards, []int{3, 3, 1, 2, 4}},
	} {
		var forward []string
		var pages []int
		var last page
		for at := tt.query; ; at = last.next() {
			last = g.list(at)
			forward, pages = append(forward, ids(last)...), append(pages, len(last.Data))
			if last.next() == "" {
				break
			}
		}
		back := ids(last)
		for at := last; at.prev() != ""; {
			at = g.list(at.prev())
			back = append(ids(at), back...)
		}
		if !slices.Equal(forward, tt.want) || !slices.Equal(back, tt.want) || !slices.Equal(pages, tt.pages) {
			t.Errorf("%s: pages of %v, want %v; forward %d and back %d entries, want %d in order", tt.query, pages, tt.pages, len(forward), len(back), len(tt.want))
		}
	}
}
