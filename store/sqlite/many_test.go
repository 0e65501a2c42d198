package sqlite_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"originwarden/store"
)

func TestStore_LoadManyReadsWhatLoadReads(t *testing.T) {
	s, _ := openNewStore(t)
	tenants := []string{"empty", "b", "A", "gone", `q"uote`, "c"}
	for i, tenant := range []string{"b", "A", "b", "gone", "c", "other"} {
		w := integrationWith(tenant, fmt.Sprint(i), fmt.Sprintf("https://%d.example", i))
		if _, err := s.Create(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		if tenant == "gone" {
			if _, err := s.Delete(t.Context(), tenant, w.ID, func(store.WebIntegration) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
	}
	at, all, err := s.LoadMany(t.Context(), tenants)
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, slices.Sorted(slices.Values(tenants))) {
		t.Errorf("got lists of %q", got)
	}
	for _, tenant := range tenants {
		revision, want, err := s.Load(t.Context(), tenant)
		if err != nil || revision != at {
			t.Fatalf("revisions %d and %d, %v", revision, at, err)
		}
		byID := func(a, b store.WebIntegration) int { return strings.Compare(a.ID, b.ID) }
		slices.SortFunc(want, byID)
		slices.SortFunc(all[tenant], byID)
		if len(want) != len(all[tenant]) || len(want) > 0 && !reflect.DeepEqual(want, all[tenant]) {
			t.Errorf("%s: got %v, want %v", tenant, all[tenant], want)
		}
	}
}

// Tenants that do not fit are left out whole, and so are those after them.
func TestStore_LoadManyLeavesOutWhatIsTooMuch(t *testing.T) {
	s, _ := openNewStore(t)
	entries := make([]string, 1000)
	for i := range entries {
		entries[i] = fmt.Sprintf("https://%s%d.example", strings.Repeat("a", 50), i)
	}
	for _, tenant := range []string{"a", "b", "c"} {
		for i := range 40 {
			w := integrationWith(tenant, fmt.Sprint(tenant, i), entries...)
			if _, err := s.Create(t.Context(), w); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, all, err := s.LoadMany(t.Context(), []string{"none", "a", "b", "c"})
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, []string{"a", "none"}) || len(all["a"]) != 40 {
		t.Errorf("got lists of %q, with %d of a", got, len(all["a"]))
	}
}

func integrationWith(tenant, id string, entries ...string) store.WebIntegration {
	now := time.Unix(1, 0).UTC()
	return store.WebIntegration{ID: id, TenantID: tenant, Name: id, CreatedBy: "test", Created: now, LastUpdated: now, ValidOrigins: entries}
}
