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
		w, err = readIntegration(ctx, conn, tenant, id)
		return err
	})
	return w, err
}

// Load implements store.Store.
func (s *Store) Load(ctx context.Context, tenant string) (revision uint64, all []store.WebIntegration, err error) {
	err = s.read(ctx, func(conn *sql.Conn) error {
		revision, all, err = loadTenant(ctx, conn, tenant)
		return err
	})
	return revision, all, err
}

// Position implements store.Store.
func (s *Store) Position(ctx context.Context) (at store.Position, err error) {
	err = s.read(ctx, func(conn *sql.Conn) error {
		at, err = readPosition(ctx, conn)
		return err
	})
	return at, err
}

// Accept implements store.Store. A file that is open cannot be reset.
func (s *Store) Accept(ctx context.Context) (store.Position, error) { return s.Position(ctx) }

// Tenants implements store.Store.
func (s *Store) Tenants(ctx context.Context) (at store.Position, revisions map[string]uint64, err error) {
	err = s.read(ctx, func(conn *sql.Conn) error {
		at, revisions, err = readTenants(ctx, conn)
		return err
	})
	return at, revisions, err
}

func readPosition(ctx context.Context, conn *sql.Conn) (at store.Position, err error) {
	if err := conn.QueryRowContext(ctx, queryPosition).Scan(&at.Store, &at.Revision); err != nil {
		return at, fmt.Errorf("sqlite: reading the position: %w", err)
	}
	return at, nil
}

// readTenants is Tenants within a transaction.
func readTenants(ctx context.Context, conn *sql.Conn) (at store.Position, revisions map[string]uint64, err error) {
	if at, err = readPosition(ctx, conn); err != nil {
		return at, nil, err
	}
	rows, err := conn.QueryContext(ctx, queryTenants)
	if err != nil {
		return at, nil, fmt.Errorf("sqlite: reading tenants: %w", err)
	}
	defer rows.Close()
	revisions = map[string]uint64{}
	for rows.Next() {
		var tenant string
		var revision uint64
		if err := rows.Scan(&tenant, &revision); err != nil {
			return at, nil, fmt.Errorf("sqlite: reading a tenant: %w", err)
		}
		revisions[tenant] = revision
	}
	if err := rows.Err(); err != nil {
		return at, nil, fmt.Errorf("sqlite: reading tenants: %w", err)
	}
	return at, revisions, nil
}

// loadTenant is Load within a transaction.
func loadTenant(ctx context.Context, conn *sql.Conn, tenant string) (revision uint64, all []store.WebIntegration, err error) {
	at, err := readPosition(ctx, conn)
	if err != nil {
		return 0, nil, err
	}
	all, err = readIntegrations(ctx, conn, new(store.Query).Full, queryTenant, tenant)
	return at.Revision, all, err
}

func readIntegration(ctx context.Context, conn *sql.Conn, tenant, id string) (store.WebIntegration, error) {
	w, err := scanIntegration(conn.QueryRowContext(ctx, queryIntegration, id, tenant))
	if errors.Is(err, sql.ErrNoRows) {
		return w, store.ErrNotFound
	}
	return w, err
}

// readIntegrations reads the rows of query until full returns true for the length
// of all valid origins read so far.
func readIntegrations(ctx context.Context, conn *sql.Conn, full func(bytes int) bool, query string, args ...any) (all []store.WebIntegration, err error) {
	rows, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("sqlite: reading web integrations: %w", err)
	}
	defer rows.Close()
	for bytes := 0; rows.Next(); {
		w, err := scanIntegration(rows)
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
