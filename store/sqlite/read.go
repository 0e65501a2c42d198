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
	queryRevision    = "SELECT revision FROM store WHERE only_row = 1"
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
	err = s.read(ctx, func(conn *sql.Conn) error {
		if revision, err = lastRevision(ctx, conn); err != nil {
			return err
		}
		all, err = integrations(ctx, conn, queryTenant, tenant)
		return err
	})
	if err != nil {
		return 0, nil, err
	}
	return revision, all, nil
}

// Revision implements store.Store.
func (s *Store) Revision(ctx context.Context) (revision uint64, err error) {
	err = s.read(ctx, func(conn *sql.Conn) error {
		revision, err = lastRevision(ctx, conn)
		return err
	})
	return revision, err
}

func lastRevision(ctx context.Context, conn *sql.Conn) (revision uint64, err error) {
	if err := conn.QueryRowContext(ctx, queryRevision).Scan(&revision); err != nil {
		return 0, fmt.Errorf("sqlite: reading the revision: %w", err)
	}
	return revision, nil
}

func integration(ctx context.Context, conn *sql.Conn, tenant, id string) (store.WebIntegration, error) {
	w, err := scan(conn.QueryRowContext(ctx, queryIntegration, id, tenant))
	if errors.Is(err, sql.ErrNoRows) {
		return w, store.ErrNotFound
	}
	return w, err
}

func integrations(ctx context.Context, conn *sql.Conn, query string, args ...any) (all []store.WebIntegration, err error) {
	rows, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("sqlite: reading web integrations: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		w, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("sqlite: reading web integrations: %w", err)
	}
	return all, nil
}
