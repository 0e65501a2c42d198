package searchtest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"originwarden/store"
	"originwarden/store/search"
)

// counted counts what a search reads.
type counted struct {
	search.Store
	integrations, bytes int
	single              int // read one by one
}

func (c *counted) Page(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	page, err := c.Store.Page(ctx, tenant, q)
	for _, w := range page.Integrations {
		c.count(w)
	}
	return page, err
}

func (c *counted) Integration(ctx context.Context, tenant, id string) (store.WebIntegration, error) {
	w, err := c.Store.Integration(ctx, tenant, id)
	c.single++
	c.count(w)
	return w, err
}

func (c *counted) count(w store.WebIntegration) {
	c.integrations++
	c.bytes += w.OriginBytes()
}

// readsBoundedPart searches for what only the last web integration has.
func readsBoundedPart(t *testing.T, s store.Store, all []store.WebIntegration) {
	last := all[len(all)-1]
	q := search.Query{Text: last.ValidOrigins[0]}
	q.Limit, q.Bytes = 10, 256<<10
	pages := 0
	for {
		c := &counted{Store: s}
		page, err := search.Find(t.Context(), c, "acme", q)
		if err != nil {
			t.Fatal(err)
		}
		if pages++; c.integrations > 1100 || c.bytes > 5<<20 {
			t.Errorf("page %d: the search read %d web integrations with %d bytes of origins", pages, c.integrations, c.bytes)
		}
		if q.After = page.Next; q.After == "" {
			if len(page.Integrations) != 1 || page.Integrations[0].ID != last.ID {
				t.Errorf("the last page has %s, want %s", namesOf(page.Integrations), last.Name)
			}
			break
		}
	}
	if pages != 2 {
		t.Errorf("%d web integrations were searched in %d pages, want 2", len(all), pages)
	}
}

// readsFewCandidates searches among ids, one web integration on each page. The store
// answers at most 33 reads of one web integration for a page, and little more than the
// first page needs if lists are long.
func readsFewCandidates(t *testing.T, s store.Store) {
	for _, row := range []struct {
		rule         string
		among        int
		entries      int // of each
		single, size int
	}{
		{"few", 32, 1, 33, 8 << 10},
		{"many", 90, 1, 33, 8 << 10},
		{"long lists", 20, 1000, 33, 1 << 20},
	} {
		tenant := "among-" + strings.ReplaceAll(row.rule, " ", "-")
		var all []store.WebIntegration
		among := map[string]bool{}
		for i := range row.among {
			w := newIntegration(tenant, fmt.Sprintf("App %04d", i))
			for j := range row.entries {
				w.ValidOrigins = append(w.ValidOrigins, fmt.Sprintf("https://app-%04d.a-host-that-has-a-rather-long-name.example", j))
			}
			all = append(all, w)
			among[w.ID] = true
		}
		create(t, s, all)
		q := search.Query{Among: among}
		q.Limit, q.Bytes = 1, 256<<10
		for i, want := range all {
			c := &counted{Store: s}
			page, err := search.Find(t.Context(), c, tenant, q)
			if err != nil {
				t.Fatal(err)
			}
			if got := namesOf(page.Integrations); got != namesOf([]store.WebIntegration{want}) || (page.Next == "") != (i == len(all)-1) {
				t.Fatalf("%s, page %d: %s, next %q, want %s", row.rule, i, got, page.Next, want.Name)
			}
			if c.single > row.single || c.bytes > row.size {
				t.Fatalf("%s, page %d: the search read %d web integrations one by one, and %d bytes of origins", row.rule, i, c.single, c.bytes)
			}
			q.After = page.Next
		}
	}
}
