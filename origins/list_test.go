package origins_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"originwarden/origins"
)

func newChange(id string, revision uint64, listed ...string) origins.Change {
	return origins.Change{Tenant: "acme", Part: origins.Part{ID: id, Revision: revision, Origins: listed}}
}

func newDeletion(id string, revision uint64) origins.Change {
	return origins.Change{Tenant: "acme", Part: origins.Part{ID: id, Revision: revision}, Deleted: true}
}

func TestList_AppliesOnlyNewerChanges(t *testing.T) {
	const a, b = "https://a.example", "https://b.example"
	rows := []struct {
		rule    string
		changes []origins.Change
		a, b    bool
	}{
		{"as loaded", nil, true, false},
		{"change replaces its part", []origins.Change{newChange("one", 11, b)}, false, true},
		{"loaded list contains older changes", []origins.Change{newChange("one", 10, b), newDeletion("one", 9)}, true, false},
		{"loaded list contains older changes of unknown parts", []origins.Change{newChange("two", 10, b)}, true, false},
		{"late change is ignored", []origins.Change{newChange("one", 12, a), newChange("one", 11, b)}, true, false},
		{"same revision again is ignored", []origins.Change{newChange("one", 11, a), newChange("one", 11, b)}, true, false},
		{"deletion removes its part", []origins.Change{newDeletion("one", 11)}, false, false},
		{"late change after a deletion is ignored", []origins.Change{newDeletion("one", 12), newChange("one", 11, a)}, false, false},
		{"late change after the deletion of an unknown part is ignored", []origins.Change{newDeletion("two", 12), newChange("two", 11, b)}, true, false},
		{"each part has its own revision", []origins.Change{newChange("two", 20, b), newDeletion("one", 11)}, false, true},
		{"deletion keeps origins of other parts", []origins.Change{newChange("two", 11, a), newDeletion("one", 12)}, true, false},
		{"repeated origins count once", []origins.Change{newChange("one", 11, b, b), newChange("one", 12, a)}, true, false},
		{"newer change after a deletion is applied", []origins.Change{newDeletion("one", 11), newChange("one", 12, b)}, false, true},
	}
	for _, row := range rows {
		list := origins.NewList(10, []origins.Part{{ID: "one", Revision: 3, Origins: []string{a}}})
		for _, c := range row.changes {
			list = list.With(c)
		}
		if list.Contains(a) != row.a || list.Contains(b) != row.b {
			t.Errorf("%s: a listed %v, b listed %v, want %v, %v", row.rule, list.Contains(a), list.Contains(b), row.a, row.b)
		}
	}
}

func TestList_WithDoesNotModifyTheList(t *testing.T) {
	old := origins.NewList(1, []origins.Part{{ID: "one", Revision: 1, Origins: []string{"https://a.example"}}})
	changed := old.With(newDeletion("one", 2))
	if !old.Contains("https://a.example") || changed.Contains("https://a.example") {
		t.Error("the change must be in the new list and not in the old one")
	}
	if known, _ := changed.PartContains("one", "https://a.example"); known {
		t.Error("the deleted web integration is still known")
	}
	if old.Revision() != 1 || changed.Revision() != 2 {
		t.Errorf("revisions %d and %d, want 1 and 2", old.Revision(), changed.Revision())
	}
}

// After random changes in random order, the list has the same contents as a map of
// maps.
func TestList_AgreesWithMaps(t *testing.T) {
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 1))
		plain := map[string]map[string]bool{}
		var parts []origins.Part
		for i := range 20 {
			p := origins.Part{ID: fmt.Sprint("part-", i), Revision: 1, Origins: randomOrigins(random, 400)}
			plain[p.ID] = setOf(p.Origins)
			parts = append(parts, p)
		}
		list := origins.NewList(1, parts)
		for revision := uint64(2); revision < 120; revision++ {
			c := newChange(fmt.Sprint("part-", random.IntN(30)), revision, randomOrigins(random, 400)...)
			if c.Deleted = random.IntN(4) == 0; c.Deleted {
				delete(plain, c.ID)
			} else {
				plain[c.ID] = setOf(c.Origins)
			}
			list = list.With(c)
		}
		compareWithMaps(t, list, plain)
	}
}

func randomOrigins(random *rand.Rand, limit int) []string {
	some := make([]string, random.IntN(limit))
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

func compareWithMaps(t *testing.T, list *origins.List, plain map[string]map[string]bool) {
	t.Helper()
	total := 0
	for _, part := range plain {
		total += len(part)
	}
	if list.Len() != total {
		t.Fatalf("list has %d origins, want %d", list.Len(), total)
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
