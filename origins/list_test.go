package origins_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"originwarden/origins"
)

func changed(id string, revision uint64, listed ...string) origins.Change {
	return origins.Change{Tenant: "acme", Part: origins.Part{ID: id, Revision: revision, Origins: listed}}
}

func deleted(id string, revision uint64) origins.Change {
	return origins.Change{Tenant: "acme", Part: origins.Part{ID: id, Revision: revision}, Deleted: true}
}

func TestList_AppliesAChangeOnlyIfItIsNewer(t *testing.T) {
	const a, b = "https://a.example", "https://b.example"
	rows := []struct {
		rule    string
		changes []origins.Change
		a, b    bool
	}{
		{"as loaded", nil, true, false},
		{"a change replaces its part", []origins.Change{changed("one", 11, b)}, false, true},
		{"what was loaded contains older changes", []origins.Change{changed("one", 10, b), deleted("one", 9)}, true, false},
		{"and older changes of parts it does not have", []origins.Change{changed("two", 10, b)}, true, false},
		{"a late change is not newer", []origins.Change{changed("one", 12, a), changed("one", 11, b)}, true, false},
		{"the same change again is nothing", []origins.Change{changed("one", 11, a), changed("one", 11, b)}, true, false},
		{"a deletion removes", []origins.Change{deleted("one", 11)}, false, false},
		{"a late change brings nothing back", []origins.Change{deleted("one", 12), changed("one", 11, a)}, false, false},
		{"also of a part that was never there", []origins.Change{deleted("two", 12), changed("two", 11, b)}, true, false},
		{"each part has its own revision", []origins.Change{changed("two", 20, b), deleted("one", 11)}, false, true},
		{"what another part lists stays", []origins.Change{changed("two", 11, a), deleted("one", 12)}, true, false},
		{"doubles count once", []origins.Change{changed("one", 11, b, b), changed("one", 12, a)}, true, false},
		{"a newer change after a deletion counts", []origins.Change{deleted("one", 11), changed("one", 12, b)}, false, true},
	}
	for _, row := range rows {
		list := origins.NewList(10, []origins.Part{{ID: "one", Revision: 3, Origins: []string{a}}})
		for _, c := range row.changes {
			list = list.With(c)
		}
		if list.Contains(a) != row.a || list.Contains(b) != row.b {
			t.Errorf("%s: lists a %v, b %v, want %v, %v", row.rule, list.Contains(a), list.Contains(b), row.a, row.b)
		}
	}
}

func TestList_LeavesTheOldListAsItWas(t *testing.T) {
	old := origins.NewList(1, []origins.Part{{ID: "one", Revision: 1, Origins: []string{"https://a.example"}}})
	changed := old.With(deleted("one", 2))
	if !old.Contains("https://a.example") || changed.Contains("https://a.example") {
		t.Error("the change is not in the new list alone")
	}
	if known, _ := changed.PartContains("one", "https://a.example"); known {
		t.Error("a deleted web integration is known")
	}
	if old.Revision() != 1 || changed.Revision() != 2 {
		t.Errorf("revisions %d, %d", old.Revision(), changed.Revision())
	}
}

// The trie of a list answers as a plain map of maps does, whatever is changed
// and in which order the changes come.
func TestList_AgreesWithAPlainMap(t *testing.T) {
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 1))
		plain := map[string]map[string]bool{}
		var parts []origins.Part
		for i := range 20 {
			p := origins.Part{ID: fmt.Sprint("part-", i), Revision: 1, Origins: someOrigins(random, 400)}
			plain[p.ID] = setOf(p.Origins)
			parts = append(parts, p)
		}
		list := origins.NewList(1, parts)
		for revision := uint64(2); revision < 120; revision++ {
			c := changed(fmt.Sprint("part-", random.IntN(30)), revision, someOrigins(random, 400)...)
			if c.Deleted = random.IntN(4) == 0; c.Deleted {
				delete(plain, c.ID)
			} else {
				plain[c.ID] = setOf(c.Origins)
			}
			list = list.With(c)
		}
		comparePlain(t, list, plain)
	}
}

func someOrigins(random *rand.Rand, most int) []string {
	some := make([]string, random.IntN(most))
	for i := range some {
		some[i] = fmt.Sprintf("https://app-%d.example", random.IntN(3000))
	}
	return some
}

func setOf(members []string) map[string]bool {
	set := map[string]bool{}
	for _, m := range members {
		set[m] = true
	}
	return set
}

func comparePlain(t *testing.T, list *origins.List, plain map[string]map[string]bool) {
	t.Helper()
	total := 0
	for _, part := range plain {
		total += len(part)
	}
	if list.Len() != total {
		t.Fatalf("the list has %d origins, want %d", list.Len(), total)
	}
	for i := range 3000 {
		origin, union := fmt.Sprintf("https://app-%d.example", i), false
		for j := range 30 {
			id := fmt.Sprint("part-", j)
			part, exists := plain[id]
			known, listed := list.PartContains(id, origin)
			if known != exists || listed != part[origin] {
				t.Fatalf("%s in %s: known %v, listed %v; want %v, %v", origin, id, known, listed, exists, part[origin])
			}
			union = union || part[origin]
		}
		if list.Contains(origin) != union {
			t.Fatalf("%s: listed %v, want %v", origin, !union, union)
		}
	}
}
