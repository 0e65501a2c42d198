package sqlite

import (
	"context"
	"database/sql"
	"time"

	"originwarden/origins"
	"originwarden/store"
	"originwarden/store/sqlite/inventory"
)

// AddRefusals implements store.Inventory in one commit, for all of the tenants or none.
func (s *Store) AddRefusals(ctx context.Context, more []store.TenantRefusals) (added int, err error) {
	err = s.writeAll(ctx, func(conn *sql.Conn) ([]origins.Change, error) {
		for _, of := range more {
			if err := inventory.Add(ctx, conn, of.Tenant, of.Refusals); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
	if err != nil {
		return 0, err
	}
	return len(more), nil
}

// Refusals implements store.Inventory.
func (s *Store) Refusals(ctx context.Context, tenant string) (all []store.Refusal, err error) {
	err = s.read(ctx, func(conn *sql.Conn) error {
		all, err = inventory.Read(ctx, conn, tenant)
		return err
	})
	return all, err
}

// Dismiss implements store.Inventory.
func (s *Store) Dismiss(ctx context.Context, tenant, origin string, at time.Time) error {
	return s.writeAll(ctx, func(conn *sql.Conn) ([]origins.Change, error) {
		return nil, inventory.Dismiss(ctx, conn, tenant, origin, at)
	})
}

// Observe implements store.Observer.
func (s *Store) Observe(ctx context.Context, tenant string, seen store.Observation) (observed store.Observation, err error) {
	var kept store.Observation
	err = s.read(ctx, func(conn *sql.Conn) error {
		kept, err = inventory.Observed(ctx, conn, tenant)
		return err
	})
	if observed = kept.With(seen, time.Now()); err != nil || !observed.NeedsWrite(kept) {
		return observed, err
	}
	err = s.writeAll(ctx, func(conn *sql.Conn) (_ []origins.Change, err error) {
		observed, err = inventory.Observe(ctx, conn, tenant, seen)
		return nil, err
	})
	return observed, err
}
