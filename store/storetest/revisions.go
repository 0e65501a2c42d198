package storetest

import (
	"sync"
	"sync/atomic"

	"originwarden/store"
)

func revisionTests() []test {
	return []test{
		{name: "AreZeroBeforeTheFirstWrite", run: revisionOfNothing},
		{name: "GrowWithEveryWrite", run: revisionsGrow},
		{name: "OutliveWhatWasDeleted", run: revisionsOutliveDeletions},
		{name: "AreInTheOrderOfTheCommits", run: revisionsAreInCommitOrder},
	}
}

func revisionOfNothing(s *subject) {
	revision, all := s.load("acme")
	if s.revision() != 0 || revision != 0 || len(all) > 0 {
		s.Errorf("an empty store has revision %d, and loads %v at %d", s.revision(), all, revision)
	}
	s.reopen()
	if r := s.revision(); r != 0 {
		s.Errorf("reopened it has revision %d", r)
	}
}

func revisionsGrow(s *subject) {
	var last uint64
	grown := func(revision uint64) {
		s.Helper()
		if revision <= last {
			s.Errorf("revision %d comes after %d", revision, last)
		}
		last = revision
		if now := s.revision(); now != revision {
			s.Errorf("the store has revision %d after a write of %d", now, revision)
		}
	}
	for _, tenant := range []string{"acme", "other", "acme"} {
		w := s.create(newIntegration(tenant, "one"))
		grown(w.Revision)
		grown(s.edit(w, func(*store.WebIntegration) {}).Revision)
		grown(s.edit(w, func(w *store.WebIntegration) { w.ValidOrigins = []string{"https://a.example"} }).Revision)
		s.reopen()
		grown(s.create(newIntegration(tenant, "two")).Revision)
		grown(s.delete(w))
		if loaded, _ := s.load("none"); loaded != last {
			s.Errorf("another tenant loads at revision %d, want %d", loaded, last)
		}
	}
}

func revisionsOutliveDeletions(s *subject) {
	w := s.create(newIntegration("acme", "one"))
	deleted := s.delete(w)
	s.reopen()
	if r := s.revision(); r != deleted {
		s.Errorf("the store has revision %d, want that of the deletion, %d", r, deleted)
	}
	if again := s.create(w); again.Revision <= deleted {
		s.Errorf("a creation has revision %d, after a deletion of %d", again.Revision, deleted)
	}
}

// revisionsAreInCommitOrder makes concurrent writes. A write or a read that begins
// after another write has returned has a greater revision.
func revisionsAreInCommitOrder(s *subject) {
	const writers, rounds = 8, 5
	var acknowledged atomic.Uint64
	var mu sync.Mutex
	taken := map[uint64]bool{}
	take := func(before, revision uint64, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil || revision <= before || taken[revision] {
			s.Errorf("a write after revision %d has %d (taken: %t), %v", before, revision, taken[revision], err)
		}
		taken[revision] = true
		acknowledged.Store(max(acknowledged.Load(), revision))
	}
	var done sync.WaitGroup
	for range writers {
		done.Go(func() {
			for range rounds {
				before := acknowledged.Load()
				w, err := s.Create(s.Context(), newIntegration("acme", "one"))
				take(before, w.Revision, err)
				before = acknowledged.Load()
				w, err = s.Edit(s.Context(), "acme", w.ID, func(w *store.WebIntegration) error { w.Name = "two"; return nil })
				take(before, w.Revision, err)
				before = acknowledged.Load()
				if now, err := s.Position(s.Context()); err != nil || now.Revision < before {
					s.Errorf("the store has revision %d after a write of %d, %v", now.Revision, before, err)
				}
				deletion, err := s.Delete(s.Context(), "acme", w.ID, allowed)
				take(before, deletion, err)
			}
		})
	}
	done.Wait()
	if len(taken) != 3*writers*rounds || s.revision() != acknowledged.Load() {
		s.Errorf("%d revisions were taken, the last is %d, the store's %d", len(taken), acknowledged.Load(), s.revision())
	}
}
