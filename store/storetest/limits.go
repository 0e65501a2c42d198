package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"originwarden/store"
)

func limitTests() []test {
	few, small := store.Limits{Integrations: 2, Origins: 100}, store.Limits{Integrations: 100, Origins: 3}
	return []test{
		{name: "BoundTheIntegrations", run: limitsBoundIntegrations, limits: few},
		{name: "BoundTheOrigins", run: limitsBoundOrigins, limits: small},
		{name: "BoundWhatAnEditAdds", run: limitsBoundEdits, limits: small},
		{name: "CountWhatWasReopened", run: limitsSurviveReopening, limits: small},
		{name: "HoldHoweverManyCreate", run: limitsHoldConcurrently, limits: store.Limits{Integrations: 5, Origins: 100}},
	}
}

func (s *subject) refuses(w store.WebIntegration, what string, most int) {
	s.Helper()
	s.wantNoWrite(w.TenantID, func() {
		s.Helper()
		_, err := s.Create(s.Context(), w)
		s.wantLimit(err, what, most)
	})
}

func (s *subject) wantLimit(err error, what string, most int) {
	s.Helper()
	var limit *store.LimitError
	if !errors.As(err, &limit) || *limit != (store.LimitError{What: what, Max: most}) {
		s.Errorf("the error is %v, want that a tenant may have at most %d %s", err, most, what)
	}
}

// numbered returns n valid origins.
func numbered(n int) []string {
	entries := make([]string, n)
	for i := range entries {
		entries[i] = fmt.Sprintf("https://%d.example", i)
	}
	return entries
}

func limitsBoundIntegrations(s *subject) {
	one := s.create(newIntegration("acme", "one"))
	s.create(newIntegration("acme", "two", numbered(3)...))
	s.refuses(newIntegration("acme", "three"), store.LimitIntegrations, 2)
	s.create(newIntegration("other", "one"))
	s.edit(one, func(w *store.WebIntegration) { w.ValidOrigins = numbered(2) })
	s.refuses(newIntegration("acme", "three"), store.LimitIntegrations, 2)
	s.delete(one)
	s.create(newIntegration("acme", "three"))
	s.refuses(newIntegration("acme", "four"), store.LimitIntegrations, 2)
}

func limitsBoundOrigins(s *subject) {
	s.refuses(newIntegration("acme", "four", numbered(4)...), store.LimitOrigins, 3)
	two := s.create(newIntegration("acme", "two", numbered(2)...))
	s.refuses(newIntegration("acme", "two more", numbered(2)...), store.LimitOrigins, 3)
	s.create(newIntegration("acme", "one more", numbered(1)...))
	s.create(newIntegration("acme", "none"))
	s.refuses(newIntegration("acme", "one", numbered(1)...), store.LimitOrigins, 3)
	s.create(newIntegration("other", "three", numbered(3)...))
	s.delete(two)
	s.create(newIntegration("acme", "two again", numbered(2)...))
	s.refuses(newIntegration("acme", "one", numbered(1)...), store.LimitOrigins, 3)
}

func limitsBoundEdits(s *subject) {
	w, other := s.create(newIntegration("acme", "one", numbered(1)...)), s.create(newIntegration("acme", "other", numbered(1)...))
	resize := func(n int) func(*store.WebIntegration) error {
		return func(w *store.WebIntegration) error { w.ValidOrigins = numbered(n); return nil }
	}
	s.wantNoWrite("acme", func() {
		_, err := s.Edit(s.Context(), "acme", w.ID, resize(3))
		s.wantLimit(err, store.LimitOrigins, 3)
	})
	for _, n := range []int{2, 2, 0, 1, 2} {
		_, err := s.Edit(s.Context(), "acme", w.ID, resize(n))
		s.wantError(fmt.Sprintf("an edit to %d", n), err, nil)
	}
	s.edit(w, func(w *store.WebIntegration) { w.Name = "renamed at the limit" })
	s.edit(other, func(w *store.WebIntegration) { w.ValidOrigins = nil })
	_, err := s.Edit(s.Context(), "acme", w.ID, resize(3))
	s.wantError("an edit up to what another one freed", err, nil)
	s.delete(w)
	_, err = s.Edit(s.Context(), "acme", other.ID, resize(3))
	s.wantError("an edit up to what a deletion freed", err, nil)
}

func limitsSurviveReopening(s *subject) {
	w := s.create(newIntegration("acme", "two", numbered(2)...))
	s.reopen()
	s.refuses(newIntegration("acme", "two more", numbered(2)...), store.LimitOrigins, 3)
	s.delete(w)
	s.reopen()
	s.create(newIntegration("acme", "three", numbered(3)...))
}

func limitsHoldConcurrently(s *subject) {
	errs := make([]error, 20)
	var done sync.WaitGroup
	for i := range errs {
		done.Go(func() { _, errs[i] = s.Create(s.Context(), newIntegration("acme", "one")) })
	}
	done.Wait()
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	for _, err := range errs {
		s.wantLimit(err, store.LimitIntegrations, 5)
	}
	if _, all := s.load("acme"); len(all) != 5 || len(errs) != 15 {
		s.Errorf("%d are kept and %d were refused, want 5 and 15", len(all), len(errs))
	}
}
