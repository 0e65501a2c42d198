package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"

	"originwarden/origins"
	"originwarden/store"
)

func loadTests() []test {
	return []test{
		{name: "ReadOneRevision", run: loadsReadOneRevision},
		{name: "BuildAList", run: loadsBuildAList},
		{name: "ReturnPatterns", run: loadsReturnPatterns},
	}
}

// history lists the name of a web integration after each of its writes.
type history []namedAt

type namedAt struct {
	revision uint64
	name     string // empty after the deletion
}

// nameAt returns the name at revision.
func (h history) nameAt(revision uint64) (name string) {
	for _, step := range h {
		if step.revision <= revision {
			name = step.name
		}
	}
	return name
}

// loadsReadOneRevision loads during concurrent writes, and then compares each load with
// the writes up to its revision.
func loadsReadOneRevision(s *subject) {
	const writers = 4
	histories := make([]map[string]history, writers)
	var done sync.WaitGroup
	var writing atomic.Int32
	writing.Store(writers)
	for i := range writers {
		done.Go(func() {
			defer writing.Add(-1)
			histories[i] = s.writeHistory()
		})
	}
	loads := map[uint64]map[string]store.WebIntegration{}
	var last uint64
	for busy := true; busy; {
		busy = writing.Load() > 0 // loads once more after the last write
		revision, all := s.load("acme")
		if revision < last {
			s.Errorf("a load returned revision %d after one that returned %d", revision, last)
		}
		last, loads[revision] = revision, all
	}
	done.Wait()
	for revision, all := range loads {
		s.wantHistory(revision, all, histories)
	}
	if last != s.revision() {
		s.Errorf("the last load returned revision %d, want %d", last, s.revision())
	}
}

// writeHistory creates, edits and deletes web integrations, and returns their
// histories.
func (s *subject) writeHistory() map[string]history {
	all := map[string]history{}
	for i := range 10 {
		w := newIntegration("acme", "created", "https://created.example")
		var h history
		record := func(revision uint64, name string, err error) {
			s.wantError("a write", err, nil)
			h = append(h, namedAt{revision, name})
		}
		got, err := s.Create(s.Context(), w)
		record(got.Revision, got.Name, err)
		for j := range 3 {
			got, err = s.Edit(s.Context(), "acme", w.ID, func(w *store.WebIntegration) error {
				w.Name = fmt.Sprint("edited ", j)
				return nil
			})
			record(got.Revision, got.Name, err)
		}
		if i%2 == 0 {
			revision, err := s.Delete(s.Context(), "acme", w.ID, allowed)
			record(revision, "", err)
		}
		all[w.ID] = h
	}
	return all
}

func (s *subject) wantHistory(revision uint64, all map[string]store.WebIntegration, histories []map[string]history) {
	s.Helper()
	for _, w := range all {
		if w.Revision > revision {
			s.Errorf("a load at revision %d has a web integration at revision %d", revision, w.Revision)
		}
	}
	for _, written := range histories {
		for id, h := range written {
			if got, want := all[id].Name, h.nameAt(revision); got != want {
				s.Errorf("a load at revision %d has the name %q, want %q; history: %v", revision, got, want, h)
			}
		}
	}
}

func loadsBuildAList(s *subject) {
	one := s.create(newIntegration("acme", "one", "https://A.example:443/", "not an origin"))
	two := s.create(newIntegration("acme", "two", "https://b.example"))
	s.create(newIntegration("other", "three", "https://c.example"))
	revision, all, err := s.Load(s.Context(), "acme")
	if err != nil {
		s.Fatal(err)
	}
	var parts []origins.Part
	for _, w := range all {
		parts = append(parts, w.Part())
	}
	list := origins.NewList(revision, parts)
	if list.Revision() != s.revision() || list.Len() != 2 || list.Contains("https://c.example") {
		s.Errorf("the list has %d origins at revision %d, want 2 at %d", list.Len(), list.Revision(), s.revision())
	}
	for id, origin := range map[string]string{one.ID: "https://a.example", two.ID: "https://b.example"} {
		if known, listed := list.PartContains(id, origin); !known || !listed {
			s.Errorf("integration %s: known %t; origin %s: listed %t", id, known, origin, listed)
		}
	}
}

// loadsReturnPatterns checks that a pattern lists what it matches, in a list that is
// loaded and in one that follows the feed, until it is removed.
func loadsReturnPatterns(s *subject) {
	const origin, entry = "https://pr-1.example.com", "https://pr-*.example.com"
	from := s.revision()
	w := s.watch(from)
	written := s.create(newIntegration("acme", "one", "https://PR-*.example.com:443/", "https://*.github.io"))
	checkPattern := func(rule, want string) {
		revision, all, err := s.Load(s.Context(), "acme")
		if err != nil {
			s.Fatal(err)
		}
		followed := origins.NewList(from, nil)
		for _, c := range s.changesUntil(w, revision) {
			followed = followed.With(c)
		}
		loaded := origins.NewList(revision, []origins.Part{all[0].Part()})
		for kind, list := range map[string]*origins.List{"loaded": loaded, "followed": followed} {
			if listed, pattern := list.Match(origin, origins.HostedPatterns); listed != (want != "") || pattern != want {
				s.Errorf("%s, %s: listed %v by %q, want %q", rule, kind, listed, pattern, want)
			}
		}
	}
	checkPattern("created", entry)
	s.edit(written, func(w *store.WebIntegration) { w.ValidOrigins = []string{"https://*.example.com"} })
	checkPattern("edited", "https://*.example.com")
	s.edit(written, func(w *store.WebIntegration) { w.ValidOrigins = []string{"https://app.example.com"} })
	checkPattern("removed", "")
}
