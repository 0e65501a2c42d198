package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"originwarden/store"
)

// Target is where web integrations are brought.
type Target interface {
	Create(ctx context.Context, w store.WebIntegration) error
	Change(ctx context.Context, was, is store.WebIntegration) error
	Delete(ctx context.Context, w store.WebIntegration) error
}

// Take does to the target what the step says.
func (s *Step) Take(ctx context.Context, to Target) error {
	switch s.Action {
	case Create:
		return to.Create(ctx, s.Is)
	case Change:
		return to.Change(ctx, s.Was, s.Is)
	case Delete:
		return to.Delete(ctx, s.Was)
	case Unclear:
		return &UnclearError{s.Problem}
	}
	return nil
}

// Stored is a store as a Source and a Target. What it creates keeps its id, its
// times and its author.
type Stored struct {
	Store store.Store
	// Timeout ends each call of the store; it is positive.
	Timeout time.Duration
	// Origins is how many valid origins one web integration may have. One that
	// has more may only shrink.
	Origins int
}

// UnclearError is what taking an unclear step fails with.
type UnclearError struct{ Problem string }

func (e *UnclearError) Error() string { return e.Problem }

// OriginsError says that a web integration would have too many valid origins.
type OriginsError struct{ Max int }

func (e *OriginsError) Error() string {
	return fmt.Sprintf("a web integration may have at most %d valid origins", e.Max)
}

// Tenants implements Source.
func (s *Stored) Tenants(ctx context.Context) (store.Position, map[string]uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	return s.Store.Tenants(ctx)
}

// Load implements Source.
func (s *Stored) Load(ctx context.Context, tenant string) (uint64, []store.WebIntegration, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	return s.Store.Load(ctx, tenant)
}

// Create implements Target.
func (s *Stored) Create(ctx context.Context, w store.WebIntegration) error {
	if len(w.ValidOrigins) > s.Origins {
		return &OriginsError{s.Origins}
	}
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	_, err := s.Store.Create(ctx, w)
	return err
}

// Change implements Target, whatever was written since was was read.
func (s *Stored) Change(ctx context.Context, was, is store.WebIntegration) error {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	_, err := s.Store.Edit(ctx, was.TenantID, was.ID, func(w *store.WebIntegration) error {
		if same(w, &is) {
			return store.ErrUnchanged
		}
		if len(is.ValidOrigins) > max(s.Origins, len(w.ValidOrigins)) {
			return &OriginsError{s.Origins}
		}
		w.Name, w.CreatedBy, w.ValidOrigins = is.Name, is.CreatedBy, is.ValidOrigins
		w.Created, w.LastUpdated = is.Created, is.LastUpdated
		return nil
	})
	return err
}

// Delete implements Target. What is not there any more needs no deletion.
func (s *Stored) Delete(ctx context.Context, w store.WebIntegration) error {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	_, err := s.Store.Delete(ctx, w.TenantID, w.ID, func(store.WebIntegration) error { return nil })
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
