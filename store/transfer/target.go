package transfer

import (
	"context"
	"fmt"
	"time"

	"originwarden/store"
)

// Target is where steps are applied one by one.
type Target interface {
	Create(ctx context.Context, w store.WebIntegration) error
	Change(ctx context.Context, before, after store.WebIntegration) error
	Delete(ctx context.Context, w store.WebIntegration) error
}

// Apply applies the step to a target.
func (s *Step) Apply(ctx context.Context, to Target) error {
	switch s.Action {
	case Create:
		return to.Create(ctx, s.After)
	case Change:
		return to.Change(ctx, s.Before, s.After)
	case Delete:
		return to.Delete(ctx, s.Before)
	case Ambiguous:
		return &AmbiguousError{s.Problem}
	}
	return nil
}

// Store is a store as a Source, to which ApplyAll also applies steps, in batches.
// Created web integrations keep their ids, times and authors.
type Store struct {
	Store store.Store
	// Timeout limits each call of the store. ApplyAll may take that long for every
	// thousand steps. It is positive.
	Timeout time.Duration
	// Origins is the maximum number of valid origins of one web integration. One
	// that has more can only shrink.
	Origins int
}

// AmbiguousError is returned for an Ambiguous step.
type AmbiguousError struct{ Problem string }

func (e *AmbiguousError) Error() string { return e.Problem }

// OriginsError is returned if a web integration would have too many valid origins.
type OriginsError struct{ Max int }

func (e *OriginsError) Error() string {
	return fmt.Sprintf("a web integration may have at most %d valid origins", e.Max)
}

// Tenants implements Source.
func (s *Store) Tenants(ctx context.Context) (store.Position, map[string]uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	return s.Store.Tenants(ctx)
}

// Load implements Source.
func (s *Store) Load(ctx context.Context, tenant string) (uint64, []store.WebIntegration, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	return s.Store.Load(ctx, tenant)
}

// stepsPerTimeout is how many steps may take as long as one call of the store.
const stepsPerTimeout = 1000

// ApplyAll applies the steps in their order, in one Batch of the store, even if the
// store has changed since Compare. Its results are those of Batch. Steps may be
// applied again.
func (s *Store) ApplyAll(ctx context.Context, steps []Step) (refused []error, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout*time.Duration(1+len(steps)/stepsPerTimeout))
	defer cancel()
	writes := make([]store.Write, len(steps))
	for i := range steps {
		writes[i] = s.newWrite(&steps[i])
	}
	return s.Store.Batch(ctx, writes)
}

// newWrite returns the write that applies a step.
func (s *Store) newWrite(step *Step) store.Write {
	w := &step.After
	if step.Action == Delete {
		w = &step.Before
	}
	return store.Write{Tenant: w.TenantID, ID: w.ID, Make: func(before *store.WebIntegration) (*store.WebIntegration, error) {
		switch {
		case step.Action == Delete:
			return nil, nil
		case step.Action == Ambiguous:
			return nil, &AmbiguousError{step.Problem}
		case step.Action == Keep:
			return nil, store.ErrUnchanged
		case step.Action == Change && before == nil:
			return nil, store.ErrNotFound
		}
		return s.replaceIntegration(before, step.After)
	}}
}

// replaceIntegration returns what replaces before, which may be nil.
func (s *Store) replaceIntegration(before *store.WebIntegration, after store.WebIntegration) (*store.WebIntegration, error) {
	limit := s.Origins
	if before != nil {
		if isSame(before, &after) {
			return nil, store.ErrUnchanged
		}
		limit = max(limit, len(before.ValidOrigins))
	}
	if len(after.ValidOrigins) > limit {
		return nil, &OriginsError{s.Origins}
	}
	return &after, nil
}
