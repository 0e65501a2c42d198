package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"originwarden/store"
)

func batchTests() []test {
	few := store.Limits{Integrations: 2, Origins: 3}
	return []test{
		{name: "ApplyEveryWrite", run: batchAppliesEveryWrite},
		{name: "WithoutChangesWriteNothing", run: batchWithoutChanges},
		{name: "RefuseWritesIndividually", run: batchRefusesIndividually, limits: few},
		{name: "WriteInOrder", run: batchIsInOrder, limits: few},
		{name: "ExceedOneCommit", run: batchExceedsOneCommit},
		{name: "LoseNoConcurrentWrite", run: batchLosesNoConcurrentWrite},
		{name: "LeaveStoreUsableAfterPanic", run: batchPanics},
		{name: "KeepFirstWritesWhenCanceled", run: batchIsCanceled},
	}
}

func createWrite(w store.WebIntegration) store.Write {
	return store.Write{Tenant: w.TenantID, ID: w.ID, Make: func(*store.WebIntegration) (*store.WebIntegration, error) { return &w, nil }}
}

func deleteWrite(w store.WebIntegration) store.Write {
	return store.Write{Tenant: w.TenantID, ID: w.ID, Make: func(*store.WebIntegration) (*store.WebIntegration, error) { return nil, nil }}
}

func editWrite(w store.WebIntegration, edit func(*store.WebIntegration)) store.Write {
	return store.Write{Tenant: w.TenantID, ID: w.ID, Make: func(original *store.WebIntegration) (*store.WebIntegration, error) {
		edit(original)
		return original, nil
	}}
}

func failingWrite(w store.WebIntegration, err error) store.Write {
	return store.Write{Tenant: w.TenantID, ID: w.ID, Make: func(original *store.WebIntegration) (*store.WebIntegration, error) {
		if original != nil {
			modifyFields(original)
		}
		return original, err
	}}
}

// batch makes the writes and checks which of them are refused. Writes beyond
// refusals must succeed.
func (s *subject) batch(writes []store.Write, refusals ...error) {
	s.Helper()
	refused, err := s.Batch(s.Context(), writes)
	if err != nil || len(refused) != len(writes) {
		s.Fatalf("Batch returned the outcomes of %d of %d writes: %v", len(refused), len(writes), err)
	}
	for i, got := range refused {
		var want error
		if i < len(refusals) {
			want = refusals[i]
		}
		if limit, ok := errors.AsType[*store.LimitError](want); ok {
			s.wantLimit(got, limit.What, limit.Max)
		} else {
			s.wantError(fmt.Sprintf("write %d", i), got, want)
		}
	}
}

func batchAppliesEveryWrite(s *subject) {
	kept, deleted := s.create(newIntegration("acme", "kept", "https://kept.example")), s.create(newIntegration("other", "gone", "https://gone.example"))
	seen := s.watch(s.revision())
	one, two := newIntegration("acme", "one", "https://one.example"), newIntegration("t/\x00 ü", "two")
	missing := newIntegration("acme", "missing")
	edited := kept
	edited.Name, edited.ValidOrigins = "edited", []string{"https://edited.example", "https://b.example"}
	s.batch([]store.Write{
		createWrite(one),
		editWrite(kept, func(w *store.WebIntegration) {
			s.wantSame("what Make sees", *w, kept)
			*w = edited
			w.ID, w.TenantID, w.Revision = "another", "other", 1<<40
		}),
		deleteWrite(deleted),
		deleteWrite(missing),
		createWrite(two),
	})
	last := s.revision()
	fed := s.changesUntil(seen, last)
	if len(fed) != 4 || fed[2].ID != deleted.ID || !fed[2].Deleted {
		s.Errorf("the feed has %+v", fed)
	}
	for i, w := range []*store.WebIntegration{&one, &edited, nil, &two} {
		if w == nil || i >= len(fed) {
			continue
		}
		if w.Revision = fed[i].Revision; !slices.Equal(fed[i].Origins, w.Part().Origins) || fed[i].ID != w.ID {
			s.Errorf("change %d is %+v", i, fed[i])
		}
		s.wantStored(*w)
	}
	_, err := s.Integration(s.Context(), "other", deleted.ID)
	s.wantError("Integration", err, store.ErrNotFound)
	s.reopen()
	s.wantStored(one)
	s.wantStored(edited)
	_, tenants, err := s.Tenants(s.Context())
	if err != nil || tenants["t/\x00 ü"] != last || tenants["other"] != fed[2].Revision {
		s.Errorf("Tenants: %v, %v", tenants, err)
	}
}

func batchWithoutChanges(s *subject) {
	w := s.create(newIntegration("acme", "one", "https://a.example"))
	s.wantNoWrite("acme", func() {
		s.batch(nil)
		s.batch([]store.Write{failingWrite(w, store.ErrUnchanged), deleteWrite(newIntegration("acme", "missing")), failingWrite(w, fmt.Errorf("wrapped: %w", store.ErrUnchanged))})
	})
	s.wantStored(w)
}

func batchRefusesIndividually(s *subject) {
	w := s.create(newIntegration("acme", "one", "https://a.example", "https://b.example"))
	duplicate := newIntegration("other", "taken")
	duplicate.ID = w.ID
	refusal := errors.New("refused")
	first, third, fourth := newIntegration("other", "first"), newIntegration("other", "third"), newIntegration("other", "fourth")
	s.batch([]store.Write{
		createWrite(duplicate),
		createWrite(first),
		failingWrite(w, refusal),
		failingWrite(w, store.ErrNotFound),
		editWrite(w, func(w *store.WebIntegration) { w.ValidOrigins = makeOrigins(4) }),
		createWrite(third),
		createWrite(fourth),
		editWrite(w, func(w *store.WebIntegration) { w.Name = "renamed" }),
	}, store.ErrExists, nil, refusal, store.ErrNotFound, &store.LimitError{What: store.LimitOrigins, Max: 3},
		nil, &store.LimitError{What: store.LimitIntegrations, Max: 2})
	_, others := s.load("other")
	if _, all := s.load("acme"); len(others) != 2 || all[w.ID].Name != "renamed" || !slices.Equal(all[w.ID].ValidOrigins, w.ValidOrigins) {
		s.Errorf("acme has %v, other %v", all, others)
	}
	s.create(newIntegration("acme", "what was refused counts for nothing", makeOrigins(1)...))
}

func batchIsInOrder(s *subject) {
	w, full := s.create(newIntegration("acme", "one", makeOrigins(3)...)), s.create(newIntegration("acme", "two"))
	moved := w
	moved.TenantID, moved.Name = "other", "moved"
	third := newIntegration("acme", "third")
	s.batch([]store.Write{
		createWrite(moved),
		createWrite(third),
		editWrite(w, func(w *store.WebIntegration) { w.ValidOrigins = makeOrigins(1) }),
		editWrite(full, func(w *store.WebIntegration) { w.ValidOrigins = makeOrigins(2) }),
		deleteWrite(w),
		createWrite(moved),
		createWrite(third),
		editWrite(moved, func(w *store.WebIntegration) { w.Name += " and edited" }),
	}, store.ErrExists, &store.LimitError{What: store.LimitIntegrations, Max: 2})
	_, others := s.load("other")
	if _, all := s.load("acme"); len(all) != 2 || len(all[full.ID].ValidOrigins) != 2 || all[third.ID].Name != "third" || others[moved.ID].Name != "moved and edited" {
		s.Errorf("acme has %v, other %v", all, others)
	}
}

// batchExceedsOneCommit makes more writes than fit into one commit, by number and by
// size.
func batchExceedsOneCommit(s *subject) {
	const tenants, each = 40, 8
	seen := s.watch(s.revision())
	var writes []store.Write
	want := map[string]store.WebIntegration{}
	for i := range tenants * each {
		w := newIntegration(fmt.Sprint("tenant-", i/each), fmt.Sprint("name ", i), makeOrigins(i%7)...)
		if i < 5 {
			w.ValidOrigins = makeOrigins(30_000)
		}
		want[w.ID] = w
		writes = append(writes, createWrite(w))
	}
	s.batch(writes)
	fed := s.changesUntil(seen, s.revision())
	for i, c := range fed {
		if w := want[c.ID]; c.Tenant != w.TenantID || len(c.Origins) != len(w.ValidOrigins) || c.ID != writes[i].ID || i > 0 && c.Revision < fed[i-1].Revision {
			s.Errorf("change %d: tenant %s, id %s, %d origins, revision %d", i, c.Tenant, c.ID, len(c.Origins), c.Revision)
		}
	}
	if len(fed) != len(writes) {
		s.Errorf("the feed has %d changes, want %d", len(fed), len(writes))
	}
	for i := range tenants {
		if _, all := s.load(fmt.Sprint("tenant-", i)); len(all) != each {
			s.Errorf("tenant %d has %d web integrations, want %d", i, len(all), each)
		}
	}
}

// batchLosesNoConcurrentWrite runs edits and batches of the same web integrations
// concurrently. The batches write to them in different orders.
func batchLosesNoConcurrentWrite(s *subject) {
	a, b := s.create(newIntegration("a", "0")), s.create(newIntegration("b", "0"))
	count := func(w *store.WebIntegration) { w.ValidOrigins = makeOrigins(len(w.ValidOrigins) + 1) }
	batch := func(writes ...store.Write) {
		refused, err := s.Batch(s.Context(), writes)
		s.wantError("Batch", errors.Join(append(refused, err)...), nil)
	}
	const rounds = 10
	var done sync.WaitGroup
	for range rounds {
		done.Go(func() { batch(editWrite(a, count), editWrite(b, count)) })
		done.Go(func() { batch(editWrite(b, count), editWrite(a, count), editWrite(b, count)) })
		done.Go(func() {
			_, err := s.Edit(s.Context(), "a", a.ID, func(w *store.WebIntegration) error { count(w); return nil })
			s.wantError("Edit", err, nil)
		})
	}
	done.Wait()
	for _, w := range []store.WebIntegration{a, b} {
		if n := len(s.integration(w.TenantID, w.ID).ValidOrigins); n != 3*rounds {
			s.Errorf("tenant %s: %d edits were kept, want %d", w.TenantID, n, 3*rounds)
		}
	}
}

func batchPanics(s *subject) {
	w := s.create(newIntegration("acme", "one", "https://a.example"))
	s.wantNoWrite("acme", func() {
		defer func() {
			if recover() == nil {
				s.Error("Batch did not panic")
			}
		}()
		_, _ = s.Batch(s.Context(), []store.Write{createWrite(newIntegration("acme", "two")), editWrite(w, func(*store.WebIntegration) { panic("edit") })})
	})
	s.edit(w, func(w *store.WebIntegration) { w.Name = "two" })
	s.batch([]store.Write{deleteWrite(w)})
}

// batchIsCanceled cancels the context during a batch. The store may keep any number of
// its first writes, and the result must not report more.
func batchIsCanceled(s *subject) {
	ctx, cancel := context.WithCancel(s.Context())
	defer cancel()
	var writes []store.Write
	for i := range 200 {
		w := newIntegration("acme", fmt.Sprint(i), "https://a.example")
		writes = append(writes, store.Write{Tenant: "acme", ID: w.ID, Make: func(*store.WebIntegration) (*store.WebIntegration, error) {
			if i == 150 {
				cancel()
			}
			return &w, nil
		}})
	}
	refused, err := s.Batch(ctx, writes)
	_, all := s.load("acme")
	for i, w := range writes {
		if _, kept := all[w.ID]; kept != (i < len(all)) {
			s.Fatalf("%d writes were kept, but write %d was kept: %t", len(all), i, kept)
		}
	}
	if len(refused) > len(all) || err == nil && len(all) != len(writes) {
		s.Errorf("Batch returned the outcomes of %d writes and the error %v, but %d were kept", len(refused), err, len(all))
	}
	s.create(newIntegration("acme", "afterwards"))
}
