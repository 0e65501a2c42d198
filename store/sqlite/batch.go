package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"originwarden/origins"
	"originwarden/store"
)

// Batch implements store.Store in one commit: after an error none of the writes
// was made, unless it was the commit that failed. Make runs once.
func (s *Store) Batch(ctx context.Context, writes []store.Write) (refused []error, err error) {
	err = s.writeAll(ctx, func(conn *sql.Conn) (changes []origins.Change, err error) {
		refused = make([]error, len(writes))
		for i := range writes {
			change, err := s.attempt(ctx, conn, &writes[i])
			switch refusal, refuses := errors.AsType[refusal](err); {
			case refuses && !errors.Is(err, store.ErrUnchanged):
				refused[i] = refusal.error
			case err != nil && !refuses:
				return nil, err
			case change != nil:
				changes = append(changes, *change)
			}
		}
		return changes, nil
	})
	if err != nil {
		return nil, err
	}
	return refused, nil
}

// refusal is the error of a write that others do not depend on.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// attempt makes one write of a transaction, or after a refusal nothing of it.
func (s *Store) attempt(ctx context.Context, conn *sql.Conn, w *store.Write) (change *origins.Change, err error) {
	if _, err := conn.ExecContext(ctx, "SAVEPOINT attempt"); err != nil {
		return nil, fmt.Errorf("sqlite: beginning a write: %w", err)
	}
	end := "RELEASE attempt"
	change, err = s.make(ctx, conn, w)
	switch _, refuses := errors.AsType[refusal](err); {
	case err != nil && !refuses:
		return nil, err // the transaction ends
	case refuses:
		end = "ROLLBACK TO attempt; RELEASE attempt"
	}
	if _, err := conn.ExecContext(ctx, end); err != nil {
		return nil, fmt.Errorf("sqlite: ending a write: %w", err)
	}
	return change, err
}

// make makes one write. The change is nil if there is none to make.
func (s *Store) make(ctx context.Context, conn *sql.Conn, w *store.Write) (*origins.Change, error) {
	was, err := lookUp(ctx, conn, w.Tenant, w.ID)
	if err != nil {
		return nil, err
	}
	is, err := w.Make(copyOf(was))
	switch {
	case err != nil:
		return nil, refusal{err}
	case was == nil && is == nil:
		return nil, nil
	case is != nil:
		is = copyOf(is)
		is.ID, is.TenantID = w.ID, w.Tenant
	}
	change, err := s.replace(ctx, conn, was, is)
	var limit *store.LimitError
	if errors.Is(err, store.ErrExists) || errors.As(err, &limit) {
		err = refusal{err}
	}
	return &change, err
}

// lookUp is integration, but nil for what is not there.
func lookUp(ctx context.Context, conn *sql.Conn, tenant, id string) (*store.WebIntegration, error) {
	w, err := integration(ctx, conn, tenant, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return &w, err
}

// copyOf is for those who may change what they get.
func copyOf(w *store.WebIntegration) *store.WebIntegration {
	if w == nil {
		return nil
	}
	c := *w
	c.ValidOrigins = slices.Clone(w.ValidOrigins)
	return &c
}
