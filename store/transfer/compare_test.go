package transfer_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"originwarden/store"
	"originwarden/store/transfer"
)

// integration returns a web integration with these fields.
func integration(id, name string, entries ...string) store.WebIntegration {
	return store.WebIntegration{ID: id, Name: name, ValidOrigins: entries}
}

// describeSteps returns the action of each step with the id and name of its web
// integration.
func describeSteps(steps []transfer.Step) []string {
	var all []string
	for _, s := range steps {
		w := s.After
		if s.Action == transfer.Delete {
			w = s.Before
		}
		all = append(all, [...]string{"=", "+", "~", "-", "!"}[s.Action]+w.ID+" "+w.Name)
	}
	return all
}

func TestCompare_ByID(t *testing.T) {
	for _, row := range []struct {
		rule        string
		has, wanted []store.WebIntegration
		prune       bool
		want        []string
	}{
		{"nothing to do", nil, nil, true, nil},
		{"missing is created", nil, []store.WebIntegration{integration("1", "a"), integration("2", "a")}, false, []string{"+1 a", "+2 a"}},
		{"equal is kept", []store.WebIntegration{integration("1", "a", "x", "y")}, []store.WebIntegration{integration("1", "a", "x", "y")}, true, []string{"=1 a"}},
		{"nil origins equal empty origins", []store.WebIntegration{{ID: "1", ValidOrigins: []string{}}}, []store.WebIntegration{{ID: "1"}}, true, []string{"=1 "}},
		{"different name", []store.WebIntegration{integration("1", "a")}, []store.WebIntegration{integration("1", "b")}, false, []string{"~1 b"}},
		{"different origin", []store.WebIntegration{integration("1", "a", "x")}, []store.WebIntegration{integration("1", "a", "y")}, false, []string{"~1 a"}},
		{"different order of origins", []store.WebIntegration{integration("1", "a", "x", "y")}, []store.WebIntegration{integration("1", "a", "y", "x")}, false, []string{"~1 a"}},
		{"different author", []store.WebIntegration{integration("1", "a")}, []store.WebIntegration{{ID: "1", Name: "a", CreatedBy: "b"}}, false, []string{"~1 a"}},
		{"different time of update", []store.WebIntegration{integration("1", "a")}, []store.WebIntegration{{ID: "1", Name: "a", LastUpdated: newIntegration("", "").LastUpdated}}, false, []string{"~1 a"}},
		{"different time of creation", []store.WebIntegration{integration("1", "a")}, []store.WebIntegration{{ID: "1", Name: "a", Created: newIntegration("", "").Created}}, false, []string{"~1 a"}},
		{"revision is ignored", []store.WebIntegration{integration("1", "a")}, []store.WebIntegration{{ID: "1", Name: "a", Revision: 9}}, false, []string{"=1 a"}},
		{"same name with different id", []store.WebIntegration{integration("1", "a")}, []store.WebIntegration{integration("2", "a")}, false, []string{"+2 a"}},
		{"others are kept without prune", []store.WebIntegration{integration("1", "a")}, nil, false, nil},
		{"others are deleted with prune", []store.WebIntegration{integration("3", "c"), integration("1", "a"), integration("2", "b")}, []store.WebIntegration{integration("2", "b")}, true, []string{"=2 b", "-1 a", "-3 c"}},
	} {
		steps := transfer.Rules{Prune: row.prune}.Compare(row.has, row.wanted)
		if got := describeSteps(steps); !slices.Equal(got, row.want) {
			t.Errorf("%s: %q, want %q", row.rule, got, row.want)
		}
	}
}

func TestCompare_ByName(t *testing.T) {
	for _, row := range []struct {
		rule        string
		has, wanted []store.WebIntegration
		want        []string // with prune
	}{
		{"missing is created without id", nil, []store.WebIntegration{integration("1", "a")}, []string{"+ a"}},
		{"id before name", []store.WebIntegration{integration("1", "a"), integration("2", "b")}, []store.WebIntegration{integration("1", "b"), integration("2", "a")}, []string{"~1 b", "~2 a"}},
		{"same name", []store.WebIntegration{integration("9", "a", "x")}, []store.WebIntegration{integration("1", "a", "y")}, []string{"~9 a"}},
		{"names are case-sensitive", []store.WebIntegration{integration("9", "A")}, []store.WebIntegration{integration("1", "a")}, []string{"+ a", "-9 A"}},
		{"fields set by the server are ignored", []store.WebIntegration{{ID: "9", Name: "a", CreatedBy: "x", Created: newIntegration("", "").Created}}, []store.WebIntegration{integration("1", "a")}, []string{"=9 a"}},
		{"id match leaves the other of the same name", []store.WebIntegration{integration("1", "a"), integration("9", "a")}, []store.WebIntegration{integration("1", "a"), integration("2", "a", "x")}, []string{"=1 a", "~9 a"}},
		{"several with the same name are created", nil, []store.WebIntegration{integration("1", "a"), integration("2", "a")}, []string{"+ a", "+ a"}},
		{"several with the same name are matched by contents", []store.WebIntegration{integration("8", "a", "x"), integration("9", "a", "y")}, []store.WebIntegration{integration("1", "a", "y"), integration("2", "a", "x")}, []string{"=9 a", "=8 a"}},
		{"several identical are kept", []store.WebIntegration{integration("8", "a"), integration("9", "a")}, []store.WebIntegration{integration("1", "a"), integration("2", "a")}, []string{"=8 a", "=9 a"}},
		{"several with the same name, one missing", []store.WebIntegration{integration("8", "a", "x")}, []store.WebIntegration{integration("1", "a", "y"), integration("2", "a", "x")}, []string{"+ a", "=8 a"}},
		{"last of the same name is changed", []store.WebIntegration{integration("8", "a", "x"), integration("9", "a", "z")}, []store.WebIntegration{integration("1", "a", "y"), integration("2", "a", "x")}, []string{"~9 a", "=8 a"}},
		{"rest of the same name is deleted", []store.WebIntegration{integration("8", "a", "x"), integration("9", "a", "y")}, []store.WebIntegration{integration("1", "a", "y")}, []string{"=9 a", "-8 a"}},
		{"one for several is ambiguous and none is deleted", []store.WebIntegration{integration("8", "a", "x"), integration("9", "a", "y"), integration("7", "b")}, []store.WebIntegration{integration("1", "a", "z")}, []string{"!1 a", "-7 b"}},
		{"several for one are ambiguous", []store.WebIntegration{integration("9", "a", "x")}, []store.WebIntegration{integration("1", "a", "y"), integration("2", "a", "z")}, []string{"!1 a", "!2 a"}},
	} {
		steps := transfer.Rules{ByName: true, Prune: true}.Compare(row.has, row.wanted)
		if got := describeSteps(steps); !slices.Equal(got, row.want) {
			t.Errorf("%s: %q, want %q", row.rule, got, row.want)
		}
		for _, step := range steps {
			var ambiguous *transfer.AmbiguousError
			if step.Action == transfer.Ambiguous && (step.Problem == "" || !errors.As(step.Apply(t.Context(), nil), &ambiguous)) {
				t.Errorf("%s: %+v, want a problem and an AmbiguousError", row.rule, step)
			}
		}
	}
}

func TestCompare_DoesNotModifyArguments(t *testing.T) {
	has, wanted := []store.WebIntegration{integration("9", "b", "x"), integration("8", "a")}, []store.WebIntegration{integration("1", "b", "y"), integration("2", "a")}
	hasBefore, wantedBefore := slices.Clone(has), slices.Clone(wanted)
	transfer.Rules{ByName: true, Prune: true}.Compare(has, wanted)
	if !reflect.DeepEqual(has, hasBefore) || !reflect.DeepEqual(wanted, wantedBefore) {
		t.Errorf("arguments changed to %+v and %+v", has, wanted)
	}
}
