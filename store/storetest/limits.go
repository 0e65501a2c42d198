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
		{name: "ApplyToIntegrations", run: limitsApplyToIntegrations, limits: few},
		{name: "ApplyToOrigins", run: limitsApplyToOrigins, limits: small},
		{name: "ApplyToEdits", run: limitsApplyToEdits, limits: small},
		{name: "ApplyAfterReopen", run: limitsApplyAfterReopen, limits: small},
		{name: "ApplyToConcurrentCreates", run: limitsApplyToConcurrentCreates, limits: store.Limits{Integrations: 5, Origins: 100}},
	}
}

// wantRefused checks that the creation of w exceeds a limit and writes nothing.
func (s *subject) wantRefused(w store.WebIntegration, what string, most int) {
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
		s.Errorf("error %v, want that a tenant may have at most %d %s", err, most, what)
	}
}

// makeOrigins returns n different origins.
func makeOrigins(n int) []string {
	entries := make([]string, n)
	for i := range entries {
		entries[i] = fmt.Sprintf("https://%d.example", i)
	}
	return entries
}

func limitsApplyToIntegrations(s *subject) {
	one := s.create(newIntegration("acme", "one"))
	s.create(newIntegration("acme", "two", makeOrigins(3)...))
	s.wantRefused(newIntegration("acme", "three"), store.LimitIntegrations, 2)
	s.create(newIntegration("other", "one"))
	s.edit(one, func(w *store.WebIntegration) { w.ValidOrigins = makeOrigins(2) })
	s.wantRefused(newIntegration("acme", "three"), store.LimitIntegrations, 2)
	s.delete(one)
	s.create(newIntegration("acme", "three"))
	s.wantRefused(newIntegration("acme", "four"), store.LimitIntegrations, 2)
}

func limitsApplyToOrigins(s *subject) {
	s.wantRefused(newIntegration("acme", "four", makeOrigins(4)...), store.LimitOrigins, 3)
	two := s.create(newIntegration("acme", "two", makeOrigins(2)...))
	s.wantRefused(newIntegration("acme", "two more", makeOrigins(2)...), store.LimitOrigins, 3)
	s.create(newIntegration("acme", "one more", makeOrigins(1)...))
	s.create(newIntegration("acme", "none"))
	s.wantRefused(newIntegration("acme", "one", makeOrigins(1)...), store.LimitOrigins, 3)
	s.create(newIntegration("other", "three", makeOrigins(3)...))
	s.delete(two)
	s.create(newIntegration("acme", "two again", makeOrigins(2)...))
	s.wantRefused(newIntegration("acme", "one", makeOrigins(1)...), store.LimitOrigins, 3)
}

func limitsApplyToEdits(s *subject) {
	w, other := s.create(newIntegration("acme", "one", makeOrigins(1)...)), s.create(newIntegration("acme", "other", makeOrigins(1)...))
	resize := func(n int) func(*store.WebIntegration) error {
		return func(w *store.WebIntegration) error { w.ValidOrigins = makeOrigins(n); return nil }
	}
	s.wantNoWrite("acme", func() {
		_, err := s.Edit(s.Context(), "acme", w.ID, resize(3))
		s.wantLimit(err, store.LimitOrigins, 3)
	})
	for _, n := range []int{2, 2, 0, 1, 2} {
		_, err := s.Edit(s.Context(), "acme", w.ID, resize(n))
		s.wantError(fmt.Sprintf("an edit to %d origins", n), err, nil)
	}
	s.edit(w, func(w *store.WebIntegration) { w.Name = "renamed at the limit" })
	s.edit(other, func(w *store.WebIntegration) { w.ValidOrigins = nil })
	_, err := s.Edit(s.Context(), "acme", w.ID, resize(3))
	s.wantError("an edit that uses origins freed by another edit", err, nil)
	s.delete(w)
	_, err = s.Edit(s.Context(), "acme", other.ID, resize(3))
	s.wantError("an edit that uses origins freed by a deletion", err, nil)
}

func limitsApplyAfterReopen(s *subject) {
	w := s.create(newIntegration("acme", "two", makeOrigins(2)...))
	s.reopen()
	s.wantRefused(newIntegration("acme", "two more", makeOrigins(2)...), store.LimitOrigins, 3)
	s.delete(w)
	s.reopen()
	s.create(newIntegration("acme", "three", makeOrigins(3)...))
}

func limitsApplyToConcurrentCreates(s *subject) {
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
		s.Errorf("%d were created and %d refused, want 5 and 15", len(all), len(errs))
	}
}
