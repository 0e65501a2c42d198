package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"originwarden/store"
)

const (
	queryIntegration = "SELECT " + columns + " FROM web_integrations WHERE id = ?1 AND tenant = ?2"
	queryTenant      = "SELECT " + columns + " FROM web_integrations WHERE tenant = ?1"
	queryPosition    = "SELECT identity, revision FROM store WHERE only_row = 1"
	queryTenants     = "SELECT id, revision FROM tenants"
)

// Integration implements store.Store.
func (s *Store) Integration(ctx context.Context, tenant, id string) (w store.WebIntegration, err error) {
	err = s.read(ctx, func(conn *sql.Conn) error {
		w, err = integration(ctx, conn, tenant, id)
		return err
	})
	return w, err
}

// Load implements store.Store.
func (s *Store) Load(ctx context.Context, tenant string) (revision uint64, all []store.WebIntegration, err error) {
	var at store.Position
	err = s.read(ctx, func(conn *sql.Conn) error {
		if at, err = lastPosition(ctx, conn); err != nil {
			return err
		}
		all, err = integrations(ctx, conn, queryTenant, tenant)
		return err
	})
	if err != nil {
		return 0, nil, err
	}
	return at.Revision, all, nil
}

// Position implements store.Store.
func (s *Store) Position(ctx context.Context) (at store.Position, err error) {
	err = s.read(ctx, func(conn *sql.Conn) error {
		at, err = lastPosition(ctx, conn)
		return err
	})
	return at, err
}

// Accept implements store.Store. A file that is open is not reset.
func (s *Store) Accept(ctx context.Context) (store.Position, error) { return s.Position(ctx) }

// Tenants implements store.Store.
func (s *Store) Tenants(ctx context.Context) (at store.Position, revisions map[string]uint64, err error) {
	err = s.read(ctx, func(conn *sql.Conn) error {
		if at, err = lastPosition(ctx, conn); err != nil {
			return err
		}
		revisions, err = tenants(ctx, conn)
		return err
	})
	if err != nil {
		return store.Position{}, nil, err
	}
	return at, revisions, nil
}

func lastPosition(ctx context.Context, conn *sql.Conn) (at store.Position, err error) {
	if err := conn.QueryRowContext(ctx, queryPosition).Scan(&at.Store, &at.Revision); err != nil {
		return at, fmt.Errorf("sqlite: reading the position: %w", err)
	}
	return at, nil
}

func tenants(ctx context.Context, conn *sql.Conn) (map[string]uint64, error) {
	rows, err := conn.QueryContext(ctx, queryTenants)
	if err != nil {
		return nil, fmt.Errorf("sqlite: reading tenants: %w", err)
	}
	defer rows.Close()
	revisions := map[string]uint64{}
	for rows.Next() {
		var tenant string
		var revision uint64
		if err := rows.Scan(&tenant, &revision); err != nil {
			return nil, fmt.Errorf("sqlite: reading a tenant: %w", err)
		}
		revisions[tenant] = revision
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("sqlite: reading tenants: %w", err)
	}
	return revisions, nil
}

func integration(ctx context.Context, conn *sql.Conn, tenant, id string) (store.WebIntegration, error) {
	w, err := scan(conn.QueryRowContext(ctx, queryIntegration, id, tenant))
	if errors.Is(err, sql.ErrNoRows) {
		return w, store.ErrNotFound
	}
	return w, err
}

func integrations(ctx context.Context, conn *sql.Conn, query string, args ...any) (all []store.WebIntegration, err error) {
	return integrationsUntil(ctx, conn, func(int) bool { return false }, query, args...)
}

// integrationsUntil reads no further when full, which is told the length of all
// valid origins that were read, says so.
func integrationsUntil(ctx context.Context, conn *sql.Conn, full func(bytes int) bool, query string, args ...any) (all []store.WebIntegration, err error) {
	rows, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("sqlite: reading web integrations: %w", err)
	}
	defer rows.Close()
	for bytes := 0; rows.Next(); {
		w, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, w)
		if bytes += w.OriginBytes(); full(bytes) {
			return all, nil
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("sqlite: reading web integrations: %w", err)
	}
	return all, nil
}
