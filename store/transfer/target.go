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
	Change(ctx context.Context, was, is store.WebIntegration) error
	Delete(ctx context.Context, w store.WebIntegration) error
}

// Apply applies the step to a target.
func (s *Step) Apply(ctx context.Context, to Target) error {
	switch s.Action {
	case Create:
		return to.Create(ctx, s.Is)
	case Change:
		return to.Change(ctx, s.Was, s.Is)
	case Delete:
		return to.Delete(ctx, s.Was)
	case Ambiguous:
		return &AmbiguousError{s.Problem}
	}
	return nil
}

// StoreTarget is a store as a Source, and one to which steps are applied. Created web
// integrations keep their ids, times and authors.
type StoreTarget struct {
	Store store.Store
	// Timeout limits each call of the store. ApplyAll may take so long for every
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
func (s *StoreTarget) Tenants(ctx context.Context) (store.Position, map[string]uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	return s.Store.Tenants(ctx)
}

// Load implements Source.
func (s *StoreTarget) Load(ctx context.Context, tenant string) (uint64, []store.WebIntegration, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	return s.Store.Load(ctx, tenant)
}

// stepsPerTimeout is how many steps may take as long as one call of the store.
const stepsPerTimeout = 1000

// ApplyAll applies the steps in their order, in one Batch of the store, even if the
// store has changed since Compare. Its results are those of Batch. Steps may be
// applied again.
func (s *StoreTarget) ApplyAll(ctx context.Context, steps []Step) (refused []error, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout*time.Duration(1+len(steps)/stepsPerTimeout))
	defer cancel()
	writes := make([]store.Write, len(steps))
	for i := range steps {
		writes[i] = s.newWrite(&steps[i])
	}
	return s.Store.Batch(ctx, writes)
}

// newWrite returns the write that applies a step.
func (s *StoreTarget) newWrite(step *Step) store.Write {
	w := &step.Is
	if step.Action == Delete {
		w = &step.Was
	}
	return store.Write{Tenant: w.TenantID, ID: w.ID, Make: func(was *store.WebIntegration) (*store.WebIntegration, error) {
		switch {
		case step.Action == Delete:
			return nil, nil
		case step.Action == Ambiguous:
			return nil, &AmbiguousError{step.Problem}
		case step.Action == Keep:
			return nil, store.ErrUnchanged
		case step.Action == Change && was == nil:
			return nil, store.ErrNotFound
		}
		return s.replaceIntegration(was, step.Is)
	}}
}

// replaceIntegration returns what replaces was, which may be nil.
func (s *StoreTarget) replaceIntegration(was *store.WebIntegration, is store.WebIntegration) (*store.WebIntegration, error) {
	most := s.Origins
	if was != nil {
		if isSame(was, &is) {
			return nil, store.ErrUnchanged
		}
		most = max(most, len(was.ValidOrigins))
	}
	if len(is.ValidOrigins) > most {
		return nil, &OriginsError{s.Origins}
	}
	return &is, nil
}
