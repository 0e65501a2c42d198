package searchtest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"originwarden/store"
	"originwarden/store/search"
)

// survivesDeletions deletes web integrations between the steps of a search. The search
// finds all others, and does not take the ids from which it continues for the client's.
func survivesDeletions(t *testing.T, s store.Store) {
	for i, row := range []struct {
		rule    string
		deleted map[int]int // how many of the last that a step has read, by its number
	}{
		{"the last one", map[int]int{1: 1}},
		{"the last one of several steps", map[int]int{1: 1, 2: 1}},
		{"a whole step", map[int]int{1: 100}},
		{"a step and the end of the one before", map[int]int{1: 1, 2: 150}},
	} {
		for _, backward := range []bool{false, true} {
			tenant := fmt.Sprintf("shrinking-%d-%t", i, backward)
			var all []store.WebIntegration
			for j := range 350 {
				all = append(all, newIntegration(tenant, fmt.Sprintf("App %04d", j), "https://app.example"))
			}
			create(t, s, all)
			q := search.Query{Text: "app"}
			q.Limit = 1000
			if backward {
				q.Before = all[len(all)-1].ID
				all = all[:len(all)-1]
			}
			d := &deleter{Store: s, t: t, after: row.deleted, backward: backward, deleted: map[string]bool{}}
			page, err := search.Find(t.Context(), d, tenant, q)
			if err != nil {
				t.Errorf("%s, backward %t: %v", row.rule, backward, err)
				continue
			}
			// Of what was read before it was deleted, the page may have some.
			if got, want := namesOf(without(page.Integrations, d.deleted)), namesOf(without(all, d.deleted)); got != want || len(d.deleted) == 0 {
				t.Errorf("%s, backward %t: %d were deleted, and the search finds\n%s\nwant\n%s", row.rule, backward, len(d.deleted), got, want)
			}
		}
	}
}

func without(all []store.WebIntegration, deleted map[string]bool) (left []store.WebIntegration) {
	for _, w := range all {
		if !deleted[w.ID] {
			left = append(left, w)
		}
	}
	return left
}

// deleter deletes the last web integrations that were read, after some of the steps.
type deleter struct {
	store.Store
	t        *testing.T
	after    map[int]int
	backward bool
	steps    int
	read     []string // ids, in the order of the scan
	deleted  map[string]bool
}

func (d *deleter) Page(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	page, err := d.Store.Page(ctx, tenant, q)
	if err != nil {
		return page, err
	}
	for i := range page.Integrations {
		if d.backward {
			i = len(page.Integrations) - 1 - i
		}
		d.read = append(d.read, page.Integrations[i].ID)
	}
	d.steps++
	var writes []store.Write
	for range d.after[d.steps] {
		id := d.read[len(d.read)-1]
		d.read = d.read[:len(d.read)-1]
		d.deleted[id] = true
		writes = append(writes, store.Write{Tenant: tenant, ID: id, Make: func(*store.WebIntegration) (*store.WebIntegration, error) { return nil, nil }})
	}
	if writes != nil {
		refused, err := d.Batch(ctx, writes)
		if err := errors.Join(append(refused, err)...); err != nil {
			d.t.Fatal(err)
		}
	}
	return page, nil
}
