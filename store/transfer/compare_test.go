package transfer_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"originwarden/store"
	"originwarden/store/transfer"
)

// of is a web integration of few words.
func of(id, name string, entries ...string) store.WebIntegration {
	return store.WebIntegration{ID: id, Name: name, ValidOrigins: entries}
}

// tags are the actions of the steps, with the id and name that each is about.
func tags(steps []transfer.Step) []string {
	var all []string
	for _, s := range steps {
		w := s.Is
		if s.Action == transfer.Delete {
			w = s.Was
		}
		all = append(all, [...]string{"=", "+", "~", "-", "!"}[s.Action]+w.ID+" "+w.Name)
	}
	return all
}

func TestCompare_OfStores(t *testing.T) {
	for _, row := range []struct {
		rule        string
		has, wanted []store.WebIntegration
		prune       bool
		want        []string
	}{
		{"nothing from nothing", nil, nil, true, nil},
		{"what is missing is created", nil, []store.WebIntegration{of("1", "a"), of("2", "a")}, false, []string{"+1 a", "+2 a"}},
		{"what is equal stays", []store.WebIntegration{of("1", "a", "x", "y")}, []store.WebIntegration{of("1", "a", "x", "y")}, true, []string{"=1 a"}},
		{"no list is an empty one", []store.WebIntegration{{ID: "1", ValidOrigins: []string{}}}, []store.WebIntegration{{ID: "1"}}, true, []string{"=1 "}},
		{"another name is a change", []store.WebIntegration{of("1", "a")}, []store.WebIntegration{of("1", "b")}, false, []string{"~1 b"}},
		{"another origin is a change", []store.WebIntegration{of("1", "a", "x")}, []store.WebIntegration{of("1", "a", "y")}, false, []string{"~1 a"}},
		{"another order of origins is a change", []store.WebIntegration{of("1", "a", "x", "y")}, []store.WebIntegration{of("1", "a", "y", "x")}, false, []string{"~1 a"}},
		{"another author is a change", []store.WebIntegration{of("1", "a")}, []store.WebIntegration{{ID: "1", Name: "a", CreatedBy: "b"}}, false, []string{"~1 a"}},
		{"another time is a change", []store.WebIntegration{of("1", "a")}, []store.WebIntegration{{ID: "1", Name: "a", LastUpdated: entry("", "").LastUpdated}}, false, []string{"~1 a"}},
		{"another time of creation too", []store.WebIntegration{of("1", "a")}, []store.WebIntegration{{ID: "1", Name: "a", Created: entry("", "").Created}}, false, []string{"~1 a"}},
		{"another revision is none", []store.WebIntegration{of("1", "a")}, []store.WebIntegration{{ID: "1", Name: "a", Revision: 9}}, false, []string{"=1 a"}},
		{"a name means nothing", []store.WebIntegration{of("1", "a")}, []store.WebIntegration{of("2", "a")}, false, []string{"+2 a"}},
		{"what is not wanted stays", []store.WebIntegration{of("1", "a")}, nil, false, nil},
		{"unless it is pruned", []store.WebIntegration{of("3", "c"), of("1", "a"), of("2", "b")}, []store.WebIntegration{of("2", "b")}, true, []string{"=2 b", "-1 a", "-3 c"}},
	} {
		steps := transfer.Rules{Prune: row.prune}.Compare(row.has, row.wanted)
		if got := tags(steps); !slices.Equal(got, row.want) {
			t.Errorf("%s: %q, want %q", row.rule, got, row.want)
		}
	}
}

func TestCompare_OfServersThatGiveIDs(t *testing.T) {
	for _, row := range []struct {
		rule        string
		has, wanted []store.WebIntegration
		want        []string // with prune
	}{
		{"what is missing gets an id", nil, []store.WebIntegration{of("1", "a")}, []string{"+ a"}},
		{"the id is first", []store.WebIntegration{of("1", "a"), of("2", "b")}, []store.WebIntegration{of("1", "b"), of("2", "a")}, []string{"~1 b", "~2 a"}},
		{"then the name", []store.WebIntegration{of("9", "a", "x")}, []store.WebIntegration{of("1", "a", "y")}, []string{"~9 a"}},
		{"of the same letters", []store.WebIntegration{of("9", "A")}, []store.WebIntegration{of("1", "a")}, []string{"+ a", "-9 A"}},
		{"what only the server decides is no difference", []store.WebIntegration{{ID: "9", Name: "a", CreatedBy: "x", Created: entry("", "").Created}}, []store.WebIntegration{of("1", "a")}, []string{"=9 a"}},
		{"a name whose id is another's is free", []store.WebIntegration{of("1", "a"), of("9", "a")}, []store.WebIntegration{of("1", "a"), of("2", "a", "x")}, []string{"=1 a", "~9 a"}},
		{"several of a name are all created", nil, []store.WebIntegration{of("1", "a"), of("2", "a")}, []string{"+ a", "+ a"}},
		{"several of a name that are equal stay", []store.WebIntegration{of("8", "a", "x"), of("9", "a", "y")}, []store.WebIntegration{of("1", "a", "y"), of("2", "a", "x")}, []string{"=9 a", "=8 a"}},
		{"several that are all the same stay", []store.WebIntegration{of("8", "a"), of("9", "a")}, []store.WebIntegration{of("1", "a"), of("2", "a")}, []string{"=8 a", "=9 a"}},
		{"the rest of several is created", []store.WebIntegration{of("8", "a", "x")}, []store.WebIntegration{of("1", "a", "y"), of("2", "a", "x")}, []string{"+ a", "=8 a"}},
		{"the only one that is left is meant", []store.WebIntegration{of("8", "a", "x"), of("9", "a", "z")}, []store.WebIntegration{of("1", "a", "y"), of("2", "a", "x")}, []string{"~9 a", "=8 a"}},
		{"the rest of several is pruned", []store.WebIntegration{of("8", "a", "x"), of("9", "a", "y")}, []store.WebIntegration{of("1", "a", "y")}, []string{"=9 a", "-8 a"}},
		{"one of several is unclear, and none is pruned", []store.WebIntegration{of("8", "a", "x"), of("9", "a", "y"), of("7", "b")}, []store.WebIntegration{of("1", "a", "z")}, []string{"!1 a", "-7 b"}},
		{"several for one are unclear", []store.WebIntegration{of("9", "a", "x")}, []store.WebIntegration{of("1", "a", "y"), of("2", "a", "z")}, []string{"!1 a", "!2 a"}},
	} {
		steps := transfer.Rules{ByName: true, Prune: true}.Compare(row.has, row.wanted)
		if got := tags(steps); !slices.Equal(got, row.want) {
			t.Errorf("%s: %q, want %q", row.rule, got, row.want)
		}
		for _, step := range steps {
			var unclear *transfer.AmbiguousError
			if step.Action == transfer.Ambiguous && (step.Problem == "" || !errors.As(step.Apply(t.Context(), nil), &unclear)) {
				t.Errorf("%s: %+v", row.rule, step)
			}
		}
	}
}

func TestCompare_ChangesNeitherOfBoth(t *testing.T) {
	has, wanted := []store.WebIntegration{of("9", "b", "x"), of("8", "a")}, []store.WebIntegration{of("1", "b", "y"), of("2", "a")}
	hasBefore, wantedBefore := slices.Clone(has), slices.Clone(wanted)
	transfer.Rules{ByName: true, Prune: true}.Compare(has, wanted)
	if !reflect.DeepEqual(has, hasBefore) || !reflect.DeepEqual(wanted, wantedBefore) {
		t.Errorf("now %+v and %+v", has, wanted)
	}
}
