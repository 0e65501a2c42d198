package storetest

import (
	"sync"
	"sync/atomic"

	"originwarden/store"
)

func revisionTests() []test {
	return []test{
		{name: "StartAtZero", run: revisionsStartAtZero},
		{name: "IncreaseWithEveryWrite", run: revisionsIncrease},
		{name: "SurviveDeletion", run: revisionsSurviveDeletion},
		{name: "FollowCommitOrder", run: revisionsFollowCommitOrder},
	}
}

func revisionsStartAtZero(s *subject) {
	revision, all := s.load("acme")
	if s.revision() != 0 || revision != 0 || len(all) > 0 {
		s.Errorf("an empty store has revision %d, Load = %v at revision %d", s.revision(), all, revision)
	}
	s.reopen()
	if r := s.revision(); r != 0 {
		s.Errorf("after the reopen it has revision %d, want 0", r)
	}
}

func revisionsIncrease(s *subject) {
	var last uint64
	wantNewer := func(revision uint64) {
		s.Helper()
		if revision <= last {
			s.Errorf("revision %d comes after %d", revision, last)
		}
		last = revision
		if now := s.revision(); now != revision {
			s.Errorf("the store has revision %d after a write at %d", now, revision)
		}
	}
	for _, tenant := range []string{"acme", "other", "acme"} {
		w := s.create(newIntegration(tenant, "one"))
		wantNewer(w.Revision)
		wantNewer(s.edit(w, func(*store.WebIntegration) {}).Revision)
		wantNewer(s.edit(w, func(w *store.WebIntegration) { w.ValidOrigins = []string{"https://a.example"} }).Revision)
		s.reopen()
		wantNewer(s.create(newIntegration(tenant, "two")).Revision)
		wantNewer(s.delete(w))
		if loaded, _ := s.load("none"); loaded != last {
			s.Errorf("Load of another tenant: revision %d, want %d", loaded, last)
		}
	}
}

func revisionsSurviveDeletion(s *subject) {
	w := s.create(newIntegration("acme", "one"))
	deletion := s.delete(w)
	s.reopen()
	if r := s.revision(); r != deletion {
		s.Errorf("the store has revision %d, want %d, that of the deletion", r, deletion)
	}
	if again := s.create(w); again.Revision <= deletion {
		s.Errorf("the creation has revision %d, not after the deletion at %d", again.Revision, deletion)
	}
}

// revisionsFollowCommitOrder makes concurrent writes. A write that begins after another
// write has returned must have a greater revision, and a read at least the same.
func revisionsFollowCommitOrder(s *subject) {
	const writers, rounds = 8, 5
	var acknowledged atomic.Uint64
	var mu sync.Mutex
	used := map[uint64]bool{}
	use := func(before, revision uint64, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil || revision <= before || used[revision] {
			s.Errorf("a write after revision %d has revision %d (already used: %t), %v", before, revision, used[revision], err)
		}
		used[revision] = true
		acknowledged.Store(max(acknowledged.Load(), revision))
	}
	var done sync.WaitGroup
	for range writers {
		done.Go(func() {
			for range rounds {
				before := acknowledged.Load()
				w, err := s.Create(s.Context(), newIntegration("acme", "one"))
				use(before, w.Revision, err)
				before = acknowledged.Load()
				w, err = s.Edit(s.Context(), "acme", w.ID, func(w *store.WebIntegration) error { w.Name = "two"; return nil })
				use(before, w.Revision, err)
				before = acknowledged.Load()
				if now, err := s.Position(s.Context()); err != nil || now.Revision < before {
					s.Errorf("the store has revision %d after a write at %d, %v", now.Revision, before, err)
				}
				deletion, err := s.Delete(s.Context(), "acme", w.ID, allowed)
				use(before, deletion, err)
			}
		})
	}
	done.Wait()
	if len(used) != 3*writers*rounds || s.revision() != acknowledged.Load() {
		s.Errorf("%d revisions were used; the last is %d, the store is at %d", len(used), acknowledged.Load(), s.revision())
	}
}
