package origins_test

import (
	"maps"
	"testing"

	"originwarden/origins"
)

func TestList_VersionsDifferForChangedParts(t *testing.T) {
	one := origins.Part{ID: "one", Revision: 1, Origins: []string{"https://a.example"}}
	two := origins.Part{ID: "two", Revision: 2, Origins: []string{"https://b.example"}}
	was := origins.NewList(2, []origins.Part{one, two})
	rows := []struct {
		rule    string
		is      *origins.List
		differs map[string]bool // including parts without a version before
	}{
		{"same list", was, map[string]bool{"one": false, "two": false}},
		{"change", was.With(origins.Change{Part: origins.Part{ID: "two", Revision: 3}}), map[string]bool{"one": false, "two": true}},
		{"deletion", was.With(origins.Change{Part: origins.Part{ID: "two", Revision: 3}, Deleted: true}), map[string]bool{"one": false, "two": true}},
		{"new part", was.With(origins.Change{Part: origins.Part{ID: "three", Revision: 3}}), map[string]bool{"one": false, "two": false, "three": true}},
		{"late change", was.With(origins.Change{Part: origins.Part{ID: "two", Revision: 1}}), map[string]bool{"one": false, "two": false}},
		{"loaded again", origins.NewList(2, []origins.Part{one, two}), map[string]bool{"one": true, "two": true}},
	}
	before := maps.Collect(was.Versions())
	for _, row := range rows {
		got := map[string]bool{}
		for id, version := range row.is.Versions() {
			got[id] = version != before[id]
		}
		if !maps.Equal(got, row.differs) {
			t.Errorf("%s: %v, want %v", row.rule, got, row.differs)
		}
		if _, ok := row.is.Change("acme", "four"); ok {
			t.Errorf("%s: Change returned a change of an unknown part", row.rule)
		}
	}
}

func TestList_Change(t *testing.T) {
	l := origins.NewList(1, []origins.Part{{ID: "one", Revision: 1, Origins: []string{"https://a.example"}}}).
		With(origins.Change{Part: origins.Part{ID: "two", Revision: 2}, Deleted: true})
	for want := range l.Changes("acme") {
		got, ok := l.Change("acme", want.ID)
		if !ok || got.Tenant != "acme" || got.ID != want.ID || got.Revision != want.Revision || got.Deleted != want.Deleted || len(got.Origins) != len(want.Origins) {
			t.Errorf("%v, %t; want %v", got, ok, want)
		}
	}
}
