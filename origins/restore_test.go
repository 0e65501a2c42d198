package origins_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"originwarden/origins"
)

// restoreShuffled restores a list from its changes in random order.
func restoreShuffled(random *rand.Rand, l *origins.List) *origins.List {
	changes := slices.Collect(l.Changes("acme"))
	random.Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })
	return origins.RestoreList(l.CompleteTo(), changes)
}

// describeList returns the contents of a list in a fixed order.
func describeList(l *origins.List) string {
	changes := slices.Collect(l.Changes("acme"))
	for _, c := range changes {
		slices.Sort(c.Origins)
	}
	slices.SortFunc(changes, func(a, b origins.Change) int { return strings.Compare(a.ID, b.ID) })
	return fmt.Sprint(l.CompleteTo(), l.Revision(), l.Len(), changes)
}

func TestRestoreList_HasSameContents(t *testing.T) {
	const a, b = "https://a.example", "https://b.example"
	part := origins.Part{ID: "one", Revision: 3, Origins: []string{a}}
	rows := []struct {
		rule string
		list *origins.List
	}{
		{"empty list", origins.NewList(7, nil)},
		{"as loaded", origins.NewList(7, []origins.Part{part, {ID: "two", Revision: 5}})},
		{"changed", origins.NewList(7, []origins.Part{part}).With(newChange("one", 9, b)).With(newChange("two", 8, a, b))},
		{"deleted", origins.NewList(7, []origins.Part{part}).With(newDeletion("one", 9))},
		{"deletion of an unknown part", origins.NewList(7, nil).With(newDeletion("two", 9))},
		{"deleted and created again", origins.NewList(7, nil).With(newDeletion("two", 9)).With(newChange("two", 10, a))},
	}
	for _, row := range rows {
		restored := restoreShuffled(rand.New(rand.NewPCG(1, 1)), row.list)
		if got, want := describeList(restored), describeList(row.list); got != want {
			t.Errorf("%s: %s, want %s", row.rule, got, want)
		}
		for _, o := range []string{a, b} {
			if restored.Contains(o) != row.list.Contains(o) {
				t.Errorf("%s: %s listed %v", row.rule, o, restored.Contains(o))
			}
		}
	}
}

func TestList_ChangesCanBeStopped(t *testing.T) {
	l := origins.NewList(1, []origins.Part{{ID: "one", Revision: 1}}).With(newChange("two", 2)).With(newChange("three", 3))
	n := 0
	for c := range l.Changes("acme") {
		if n++; c.Tenant != "acme" {
			t.Errorf("change of tenant %q, want acme", c.Tenant)
		}
		break
	}
	if n != 1 {
		t.Errorf("%d changes, want 1", n)
	}
}

// After random changes before and after it is restored, in random order, a restored
// list has the same contents as the original.
func TestRestoreList_AppliesChangesLikeTheOriginal(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 2))
		history := newHistory(random, 80)
		loaded, list := newListFrom(random, history)
		for range random.IntN(40) {
			list = list.With(history[random.IntN(len(history))])
		}
		restored := restoreShuffled(random, list)
		for step := range 100 {
			c := history[random.IntN(len(history))]
			list, restored = list.With(c), restored.With(c)
			if got, want := describeList(restored), describeList(list); got != want {
				t.Fatalf("seed %d, loaded at %d, step %d, after %v:\n%s, want\n%s", seed, loaded, step, c, got, want)
			}
			if random.IntN(20) == 0 {
				restored = restoreShuffled(random, restored)
			}
		}
		for i := range 3000 {
			if o := fmt.Sprintf("https://app-%d.example", i); list.Contains(o) != restored.Contains(o) {
				t.Fatalf("seed %d: %s listed %v, want %v", seed, o, restored.Contains(o), list.Contains(o))
			}
		}
	}
}

// newHistory returns random commits, one change per revision.
func newHistory(random *rand.Rand, length int) []origins.Change {
	history := make([]origins.Change, length)
	for i := range history {
		history[i] = newChange(fmt.Sprint("part-", random.IntN(8)), uint64(i+1), randomOrigins(random, 20)...)
		history[i].Deleted = random.IntN(3) == 0
	}
	return history
}

// newListFrom returns the list as loaded at a random revision of the history.
func newListFrom(random *rand.Rand, history []origins.Change) (uint64, *origins.List) {
	at := random.IntN(len(history))
	parts := map[string]origins.Part{}
	for _, c := range history[:at] {
		if delete(parts, c.ID); !c.Deleted {
			parts[c.ID] = c.Part
		}
	}
	var all []origins.Part
	for _, p := range parts {
		all = append(all, p)
	}
	return uint64(at), origins.NewList(uint64(at), all)
}
