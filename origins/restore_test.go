package origins_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"originwarden/origins"
)

// kept is a list as it is restored from what is written down of it, in
// whatever order.
func kept(random *rand.Rand, l *origins.List) *origins.List {
	changes := slices.Collect(l.Changes("acme"))
	random.Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })
	return origins.RestoreList(l.CompleteTo(), changes)
}

// written is what is written down of a list, in an order.
func written(l *origins.List) string {
	changes := slices.Collect(l.Changes("acme"))
	for _, c := range changes {
		slices.Sort(c.Origins)
	}
	slices.SortFunc(changes, func(a, b origins.Change) int { return strings.Compare(a.ID, b.ID) })
	return fmt.Sprint(l.CompleteTo(), l.Revision(), l.Len(), changes)
}

func TestRestoreList_ContainsWhatTheListDid(t *testing.T) {
	const a, b = "https://a.example", "https://b.example"
	part := origins.Part{ID: "one", Revision: 3, Origins: []string{a}}
	rows := []struct {
		rule string
		list *origins.List
	}{
		{"an empty list", origins.NewList(7, nil)},
		{"as loaded", origins.NewList(7, []origins.Part{part, {ID: "two", Revision: 5}})},
		{"changed", origins.NewList(7, []origins.Part{part}).With(changed("one", 9, b)).With(changed("two", 8, a, b))},
		{"deleted", origins.NewList(7, []origins.Part{part}).With(deleted("one", 9))},
		{"deleted what was never there", origins.NewList(7, nil).With(deleted("two", 9))},
		{"deleted, and there again", origins.NewList(7, nil).With(deleted("two", 9)).With(changed("two", 10, a))},
	}
	for _, row := range rows {
		restored := kept(rand.New(rand.NewPCG(1, 1)), row.list)
		if got, want := written(restored), written(row.list); got != want {
			t.Errorf("%s: %s, want %s", row.rule, got, want)
		}
		for _, o := range []string{a, b} {
			if restored.Contains(o) != row.list.Contains(o) {
				t.Errorf("%s: lists %s %v", row.rule, o, restored.Contains(o))
			}
		}
	}
}

func TestList_ChangesEndWhenTheyAreNotWanted(t *testing.T) {
	l := origins.NewList(1, []origins.Part{{ID: "one", Revision: 1}}).With(changed("two", 2)).With(changed("three", 3))
	n := 0
	for c := range l.Changes("acme") {
		if n++; c.Tenant != "acme" {
			t.Errorf("a change of %q", c.Tenant)
		}
		break
	}
	if n != 1 {
		t.Errorf("%d changes", n)
	}
}

// Whatever has happened to a list, and whatever comes afterwards, however late
// and in whatever order, a restored list goes the way of the original.
func TestRestoreList_GoesOnAsTheListDoes(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 2))
		history := someHistory(random, 80)
		loaded, list := someList(random, history)
		for range random.IntN(40) {
			list = list.With(history[random.IntN(len(history))])
		}
		restored := kept(random, list)
		for step := range 100 {
			c := history[random.IntN(len(history))]
			list, restored = list.With(c), restored.With(c)
			if got, want := written(restored), written(list); got != want {
				t.Fatalf("seed %d, loaded at %d, step %d, after %v:\n%s, want\n%s", seed, loaded, step, c, got, want)
			}
			if random.IntN(20) == 0 {
				restored = kept(random, restored)
			}
		}
		for i := range 3000 {
			if o := fmt.Sprintf("https://app-%d.example", i); list.Contains(o) != restored.Contains(o) {
				t.Fatalf("seed %d: lists %s %v, want %v", seed, o, restored.Contains(o), list.Contains(o))
			}
		}
	}
}

// someHistory is what was committed, one change a revision.
func someHistory(random *rand.Rand, length int) []origins.Change {
	history := make([]origins.Change, length)
	for i := range history {
		history[i] = changed(fmt.Sprint("part-", random.IntN(8)), uint64(i+1), someOrigins(random, 20)...)
		history[i].Deleted = random.IntN(3) == 0
	}
	return history
}

// someList is a list as it was read at some revision of the history.
func someList(random *rand.Rand, history []origins.Change) (uint64, *origins.List) {
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
