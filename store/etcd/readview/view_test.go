package readview_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd/readview"
	"originwarden/store/etcd/schema"
)

const entry = "https://a.example"

// viewAfter returns a view of a store with a pool, whose last write has revision 10,
// after removals.
func viewAfter(hashes ...uint64) readview.View {
	v := readview.View{Position: store.Position{Store: "s", Revision: 10 + uint64(len(hashes))}, IdentityValue: "i", HeadRevision: 10, NoRemovalsRevision: 3}
	for _, hash := range hashes {
		v.NoRemovalsRevision, v.Removals = 0, v.Removals.With(hash)
	}
	return v
}

func integration(revision uint64) store.WebIntegration {
	return store.WebIntegration{ID: "id", TenantID: "acme", ValidOrigins: []string{entry, "https://b.example"}, Revision: revision}
}

func TestView_CountsFreeSlots(t *testing.T) {
	full := viewAfter(make([]uint64, schema.Slots)...)
	for rule, tt := range map[string]struct {
		view readview.View
		want int
	}{
		"without a pool":          {readview.View{}, 0},
		"without a removal":       {viewAfter(), schema.Slots},
		"after two removals":      {viewAfter(1, 0), schema.Slots - 2},
		"when all slots are used": {full, 0},
	} {
		if got := tt.view.FreeSlots(); got != tt.want {
			t.Errorf("%s: %d free slots, want %d", rule, got, tt.want)
		}
	}
}

func TestView_AppliesRemovals(t *testing.T) {
	hash := schema.EntryHash("acme", "id", entry)
	for rule, tt := range map[string]struct {
		view     readview.View
		before   uint64
		origins  int
		revision uint64
	}{
		"nothing is removed":                     {viewAfter(), 5, 2, 5},
		"the entry is removed":                   {viewAfter(hash), 5, 1, 11},
		"the entry of another tenant is removed": {viewAfter(schema.EntryHash("other", "id", entry)), 5, 2, 5},
		"another web integration was deleted":    {viewAfter(0, 0), 5, 2, 5},
		"it is being written back":               {viewAfter(0, 0), 11, 2, 12},
	} {
		w := integration(tt.before)
		removed := tt.view.ApplyRemovals(&w)
		if removed != (tt.origins < 2) || len(w.ValidOrigins) != tt.origins || w.Revision != tt.revision {
			t.Errorf("%s: %v, %q at revision %d", rule, removed, w.ValidOrigins, w.Revision)
		}
	}
}

func TestView_KnowsWhatIsMissing(t *testing.T) {
	totals := schema.Totals{Integrations: 3, Origins: 6}
	for _, tt := range []struct {
		rule                  string
		view                  readview.View
		integrations, origins int
		want                  bool
	}{
		{"all is there", viewAfter(), 3, 6, true},
		{"a web integration is missing", viewAfter(), 2, 6, false},
		{"an origin is missing", viewAfter(), 3, 5, false},
		{"an origin was removed", viewAfter(1), 3, 6, true},
		{"a web integration was deleted", viewAfter(0), 2, 4, true},
		{"one was deleted, two are missing", viewAfter(0), 1, 4, false},
		{"an origin was removed, a web integration is missing", viewAfter(1), 2, 4, false},
		{"there is one too many", viewAfter(0), 4, 6, false},
		{"there are too many origins", viewAfter(0), 2, 7, false},
	} {
		if got := tt.view.IsComplete(totals, tt.integrations, tt.origins); got != tt.want {
			t.Errorf("%s: %v", tt.rule, got)
		}
	}
}

func TestConditions_NameTheKeysOfTheView(t *testing.T) {
	keys := schema.NewKeys("")
	sameStore := []string{"identity", "head", "w/none"}
	for rule, tt := range map[string]struct {
		view readview.View
		more []string
	}{
		"without a removal":       {viewAfter(), []string{"head", "w/00/free"}},
		"after a removal":         {viewAfter(1), []string{"head", "w/00/free", "w/01/free"}},
		"when all slots are used": {viewAfter(make([]uint64, schema.Slots)...), []string{"head", fmt.Sprintf("w/%02d/free", schema.Slots-1)}},
	} {
		same, unchanged := keysOf(keys, tt.view.IfSameStore(keys)), keysOf(keys, tt.view.IfUnchanged(keys))
		if !slices.Equal(same, sameStore) {
			t.Errorf("%s: the same store has %q", rule, same)
		}
		if want := slices.Concat(sameStore, tt.more); !slices.Equal(unchanged, want) {
			t.Errorf("%s: unchanged has %q, want %q", rule, unchanged, want)
		}
	}
}

// keysOf returns the keys that are compared, without the prefix.
func keysOf(keys schema.Keys, conditions []clientv3.Cmp) (all []string) {
	for _, c := range conditions {
		all = append(all, strings.TrimPrefix(string(c.KeyBytes()), string(keys)))
	}
	return all
}
