package transfer

import (
	"context"
	"fmt"
	"time"

	"originwarden/store"
)

// Target is where web integrations are brought one by one.
type Target interface {
	Create(ctx context.Context, w store.WebIntegration) error
	Change(ctx context.Context, was, is store.WebIntegration) error
	Delete(ctx context.Context, w store.WebIntegration) error
}

// Apply does to the target what the step says.
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

// StoreTarget is a store as a Source, and as what takes steps. What it creates keeps
// its id, its times and its author.
type StoreTarget struct {
	Store store.Store
	// Timeout ends each call of the store, and ApplyAll when it has passed for
	// every thousand steps; it is positive.
	Timeout time.Duration
	// Origins is how many valid origins one web integration may have. One that
	// has more may only shrink.
	Origins int
}

// AmbiguousError is what taking an unclear step fails with.
type AmbiguousError struct{ Problem string }

func (e *AmbiguousError) Error() string { return e.Problem }

// OriginsError says that a web integration would have too many valid origins.
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

// stepsInTime is how many steps may take as long as one call of the store.
const stepsInTime = 1000

// ApplyAll takes the steps in their order, whatever was written since they were
// compared, in one Batch of the store. It returns what each was refused with, or
// nil. After an error of its own that is as after one of Batch: it ends with the
// last step that is known to be taken or refused. Steps that were taken may be
// taken again.
func (s *StoreTarget) ApplyAll(ctx context.Context, steps []Step) (refused []error, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout*time.Duration(1+len(steps)/stepsInTime))
	defer cancel()
	writes := make([]store.Write, len(steps))
	for i := range steps {
		writes[i] = s.write(&steps[i])
	}
	return s.Store.Batch(ctx, writes)
}

// write is what a step does to the store.
func (s *StoreTarget) write(step *Step) store.Write {
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
		return s.changed(was, step.Is)
	}}
}

// changed is what is kept in the place of was, which may be nil.
func (s *StoreTarget) changed(was *store.WebIntegration, is store.WebIntegration) (*store.WebIntegration, error) {
	most := s.Origins
	if was != nil {
		if same(was, &is) {
			return nil, store.ErrUnchanged
		}
		most = max(most, len(was.ValidOrigins))
	}
	if len(is.ValidOrigins) > most {
		return nil, &OriginsError{s.Origins}
	}
	return &is, nil
}
