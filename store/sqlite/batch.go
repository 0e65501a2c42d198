package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"originwarden/origins"
	"originwarden/store"
)

// Batch implements store.Store in one commit: after an error none of the writes
// was made, unless the commit itself failed. Each Make runs once.
func (s *Store) Batch(ctx context.Context, writes []store.Write) (refused []error, err error) {
	err = s.writeAll(ctx, func(conn *sql.Conn) (changes []origins.Change, err error) {
		refused = make([]error, len(writes))
		for i := range writes {
			change, refusal, err := s.attemptWrite(ctx, conn, &writes[i])
			if err != nil {
				return nil, err
			}
			if refused[i] = refusal; change != nil {
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

// attemptWrite makes one write of a transaction. If it is refused, it changes
// nothing.
func (s *Store) attemptWrite(ctx context.Context, conn *sql.Conn, w *store.Write) (change *origins.Change, refusal, err error) {
	if _, err := conn.ExecContext(ctx, "SAVEPOINT attempt"); err != nil {
		return nil, nil, fmt.Errorf("sqlite: beginning a write: %w", err)
	}
	change, refusal, err = s.makeWrite(ctx, conn, w)
	if err != nil {
		return nil, nil, err
	}
	end := "RELEASE attempt"
	if refusal != nil {
		end = "ROLLBACK TO attempt; RELEASE attempt"
	}
	if _, err := conn.ExecContext(ctx, end); err != nil {
		return nil, nil, fmt.Errorf("sqlite: ending a write: %w", err)
	}
	if errors.Is(refusal, store.ErrUnchanged) {
		refusal = nil
	}
	return change, refusal, nil
}

// makeWrite makes one write. The change is nil if there is nothing to do.
func (s *Store) makeWrite(ctx context.Context, conn *sql.Conn, w *store.Write) (change *origins.Change, refusal, err error) {
	before, err := findIntegration(ctx, conn, w.Tenant, w.ID)
	if err != nil {
		return nil, nil, err
	}
	after, refusal := w.Make(before.Clone())
	if refusal != nil || before == nil && after == nil {
		return nil, refusal, nil
	}
	if after != nil {
		after = after.Clone()
		after.ID, after.TenantID = w.ID, w.Tenant
	}
	made, err := s.replace(ctx, conn, before, after)
	if _, exceeds := errors.AsType[*store.LimitError](err); exceeds || errors.Is(err, store.ErrExists) {
		return nil, err, nil
	}
	return &made, nil, err
}

// findIntegration returns nil if the tenant has no web integration of this id.
func findIntegration(ctx context.Context, conn *sql.Conn, tenant, id string) (*store.WebIntegration, error) {
	w, err := readIntegration(ctx, conn, tenant, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return &w, err
}
