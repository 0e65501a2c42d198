package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"originwarden/store"
)

func writeTests() []test {
	return []test{
		{name: "RefusesDuplicateID", run: refusesDuplicateID},
		{name: "UnknownIDIsNotFound", run: unknownIDIsNotFound},
		{name: "UnchangedEditWritesNothing", run: editUnchanged},
		{name: "FailedEditWritesNothing", run: editFails},
		{name: "PanickingEditLeavesStoreUsable", run: editPanics},
		{name: "EditSeesPreviousEdit", run: editSeesPreviousEdit},
		{name: "DeletesOnce", run: deletesOnce},
		{name: "DisallowedDeletionWritesNothing", run: deletionNotAllowed},
		{name: "LosesNoConcurrentEdit", run: losesNoConcurrentEdit},
		{name: "DeletesOnceConcurrently", run: deletesOnceConcurrently},
	}
}

func refusesDuplicateID(s *subject) {
	w := s.create(newIntegration("acme", "one", "https://one.example"))
	for _, tenant := range []string{"acme", "other"} {
		again := newIntegration(tenant, "two", "https://two.example")
		again.ID = w.ID
		s.wantNoWrite("acme", func() {
			_, err := s.Create(s.Context(), again)
			s.wantError("Create", err, store.ErrExists)
		})
	}
	if _, all := s.load("other"); len(all) > 0 {
		s.Errorf("the refused creation left %v", all)
	}
	s.delete(w)
	s.create(w)
}

func unknownIDIsNotFound(s *subject) {
	w := s.create(newIntegration("acme", "one"))
	for _, id := range []string{"", "%", store.NewID(), w.ID[:31], w.ID + "x", w.Name} {
		s.wantNoWrite("acme", func() {
			_, err := s.Integration(s.Context(), "acme", id)
			s.wantError("Integration", err, store.ErrNotFound)
			_, err = s.Edit(s.Context(), "acme", id, func(*store.WebIntegration) error { return nil })
			s.wantError("Edit", err, store.ErrNotFound)
			_, err = s.Delete(s.Context(), "acme", id, allowed)
			s.wantError("Delete", err, store.ErrNotFound)
		})
	}
}

// modifyFields changes fields that an edit may change, and the list in place.
func modifyFields(w *store.WebIntegration) {
	w.Name, w.CreatedBy = "spoilt", "spoilt"
	w.ValidOrigins[0] = "https://spoilt.example"
	w.ValidOrigins = append(w.ValidOrigins[:1], "https://more.example")
}

func editUnchanged(s *subject) {
	original := s.create(newIntegration("acme", "one", "https://a.example", "https://b.example"))
	s.create(newIntegration("acme", "later")) // its revision is not the store's
	for _, unchanged := range []error{store.ErrUnchanged, fmt.Errorf("wrapped: %w", store.ErrUnchanged)} {
		s.wantNoWrite("acme", func() {
			got, err := s.Edit(s.Context(), "acme", original.ID, func(w *store.WebIntegration) error {
				modifyFields(w)
				return unchanged
			})
			s.wantError("Edit", err, nil)
			s.wantSame("Edit", got, original)
		})
	}
}

func editFails(s *subject) {
	original := s.create(newIntegration("acme", "one", "https://a.example", "https://b.example"))
	for _, refusal := range []error{errors.New("refused"), store.ErrNotFound} {
		s.wantNoWrite("acme", func() {
			got, err := s.Edit(s.Context(), "acme", original.ID, func(w *store.WebIntegration) error {
				modifyFields(w)
				return refusal
			})
			if err != refusal {
				s.Errorf("error %v, want that of the edit", err)
			}
			s.wantSame("Edit", got, store.WebIntegration{})
		})
	}
	s.wantStored(original)
}

func editPanics(s *subject) {
	original := s.create(newIntegration("acme", "one", "https://a.example"))
	s.wantNoWrite("acme", func() {
		defer func() {
			if recover() == nil {
				s.Error("Edit did not panic")
			}
		}()
		_, _ = s.Edit(s.Context(), "acme", original.ID, func(*store.WebIntegration) error { panic("edit") })
	})
	s.edit(original, func(w *store.WebIntegration) { w.Name = "two" })
	s.delete(original)
}

func editSeesPreviousEdit(s *subject) {
	want := s.create(newIntegration("acme", "0"))
	for i := range 5 {
		got := s.edit(want, func(w *store.WebIntegration) {
			s.wantSame("what the edit sees", *w, want)
			w.Name = fmt.Sprint(i + 1)
			w.ValidOrigins = append(w.ValidOrigins, fmt.Sprintf("https://%d.example", i))
		})
		want.Name, want.Revision = fmt.Sprint(i+1), got.Revision
		want.ValidOrigins = append(want.ValidOrigins, fmt.Sprintf("https://%d.example", i))
		s.wantSame("Edit", got, want)
	}
}

func deletesOnce(s *subject) {
	deleted, kept := s.create(newIntegration("acme", "gone", "https://a.example")), s.create(newIntegration("acme", "kept"))
	revision := s.delete(deleted)
	if revision <= kept.Revision || revision != s.revision() {
		s.Errorf("the deletion has revision %d, the store %d, the web integration created before %d", revision, s.revision(), kept.Revision)
	}
	s.wantNoWrite("acme", func() {
		_, err := s.Delete(s.Context(), "acme", deleted.ID, allowed)
		s.wantError("the second Delete", err, store.ErrNotFound)
		_, err = s.Integration(s.Context(), "acme", deleted.ID)
		s.wantError("Integration", err, store.ErrNotFound)
		_, err = s.Page(s.Context(), "acme", store.Query{After: deleted.ID, Limit: 1})
		s.wantError("Page", err, store.ErrUnknownCursor)
	})
	s.wantStored(kept)
	s.reopen()
	if _, all := s.load("acme"); len(all) != 1 {
		s.Errorf("Load = %v, want one web integration", all)
	}
}

func deletionNotAllowed(s *subject) {
	w := s.create(newIntegration("acme", "one", "https://a.example"))
	refusal := errors.New("refused")
	s.wantNoWrite("acme", func() {
		_, err := s.Delete(s.Context(), "acme", w.ID, func(seen store.WebIntegration) error {
			s.wantSame("what allow sees", seen, w)
			return refusal
		})
		if err != refusal {
			s.Errorf("error %v, want that of allow", err)
		}
	})
}

func losesNoConcurrentEdit(s *subject) {
	const edits = 100
	w := s.create(newIntegration("acme", "one"))
	var done sync.WaitGroup
	for i := range edits {
		done.Go(func() {
			_, err := s.Edit(s.Context(), "acme", w.ID, func(w *store.WebIntegration) error {
				w.ValidOrigins = append(w.ValidOrigins, fmt.Sprintf("https://%03d.example", i))
				return nil
			})
			s.wantError("Edit", err, nil)
		})
	}
	done.Wait()
	got := s.integration("acme", w.ID).ValidOrigins
	slices.Sort(got)
	for i := range edits {
		if want := fmt.Sprintf("https://%03d.example", i); len(got) != edits || got[i] != want {
			s.Fatalf("%d origins were kept; number %d is not %s: %v", len(got), i, want, got)
		}
	}
}

func deletesOnceConcurrently(s *subject) {
	w := s.create(newIntegration("acme", "one"))
	errs := make([]error, 10)
	var done sync.WaitGroup
	for i := range errs {
		done.Go(func() { _, errs[i] = s.Delete(s.Context(), "acme", w.ID, allowed) })
	}
	done.Wait()
	succeeded := 0
	for _, err := range errs {
		if err == nil {
			succeeded++
			continue
		}
		s.wantError("Delete", err, store.ErrNotFound)
	}
	if succeeded != 1 {
		s.Errorf("%d deletions succeeded, want 1", succeeded)
	}
}
