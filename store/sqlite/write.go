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

// Create implements store.Store.
func (s *Store) Create(ctx context.Context, w store.WebIntegration) (store.WebIntegration, error) {
	err := s.write(ctx, func(conn *sql.Conn) (origins.Change, error) {
		return s.replace(ctx, conn, nil, &w)
	})
	if err != nil {
		return store.WebIntegration{}, err
	}
	return w, nil
}

// Edit implements store.Store. edit runs once.
func (s *Store) Edit(ctx context.Context, tenant, id string, edit func(*store.WebIntegration) error) (store.WebIntegration, error) {
	var was, w store.WebIntegration
	err := s.write(ctx, func(conn *sql.Conn) (change origins.Change, err error) {
		if was, err = integration(ctx, conn, tenant, id); err != nil {
			return change, err
		}
		w = was
		w.ValidOrigins = slices.Clone(was.ValidOrigins)
		if err := edit(&w); err != nil {
			return change, err
		}
		return s.replace(ctx, conn, &was, &w)
	})
	switch {
	case errors.Is(err, store.ErrUnchanged):
		return was, nil
	case err != nil:
		return store.WebIntegration{}, err
	}
	return w, nil
}

// Delete implements store.Store. allow runs once.
func (s *Store) Delete(ctx context.Context, tenant, id string, allow func(store.WebIntegration) error) (revision uint64, err error) {
	err = s.write(ctx, func(conn *sql.Conn) (change origins.Change, err error) {
		w, err := integration(ctx, conn, tenant, id)
		if err != nil {
			return change, err
		}
		if err := allow(w); err != nil {
			return change, err
		}
		change, err = s.replace(ctx, conn, &w, nil)
		revision = change.Revision
		return change, err
	})
	if err != nil {
		return 0, err
	}
	return revision, nil
}

// replace makes is of was at the next revision, which is gets. was is nil before
// a creation, is after a deletion.
func (s *Store) replace(ctx context.Context, conn *sql.Conn, was, is *store.WebIntegration) (change origins.Change, err error) {
	revision, err := nextRevision(ctx, conn)
	if err != nil {
		return change, err
	}
	if is == nil {
		if err := s.count(ctx, conn, was.TenantID, -1, -len(was.ValidOrigins), revision); err != nil {
			return change, err
		}
		return store.Deletion(was.TenantID, was.ID, revision), remove(ctx, conn, was.ID)
	}
	is.Revision = revision
	if was == nil {
		if err := s.count(ctx, conn, is.TenantID, 1, len(is.ValidOrigins), revision); err != nil {
			return change, err
		}
		return is.Change(), insert(ctx, conn, *is)
	}
	is.ID, is.TenantID = was.ID, was.TenantID
	if err := s.count(ctx, conn, was.TenantID, 0, len(is.ValidOrigins)-len(was.ValidOrigins), revision); err != nil {
		return change, err
	}
	return is.Change(), update(ctx, conn, *is)
}

// count adds to what the tenant has, at revision. What grows is held to the limits; what
// shrinks is not, so that a tenant that has more than a lowered limit can come
// back under it in steps.
func (s *Store) count(ctx context.Context, conn *sql.Conn, tenant string, integrations, origins int, revision uint64) error {
	var have store.Limits
	err := conn.QueryRowContext(ctx, `INSERT INTO tenants (id, integrations, origins, revision) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT (id) DO UPDATE SET integrations = integrations + ?2, origins = origins + ?3, revision = ?4
		RETURNING integrations, origins`, tenant, integrations, origins, revision).Scan(&have.Integrations, &have.Origins)
	switch {
	case err != nil:
		return fmt.Errorf("sqlite: counting: %w", err)
	case integrations > 0 && have.Integrations > s.limits.Integrations:
		return &store.LimitError{What: store.LimitIntegrations, Max: s.limits.Integrations}
	case origins > 0 && have.Origins > s.limits.Origins:
		return &store.LimitError{What: store.LimitOrigins, Max: s.limits.Origins}
	}
	return nil
}

func nextRevision(ctx context.Context, conn *sql.Conn) (revision uint64, err error) {
	err = conn.QueryRowContext(ctx, "UPDATE store SET revision = revision + 1 WHERE only_row = 1 RETURNING revision").Scan(&revision)
	if err != nil {
		return 0, fmt.Errorf("sqlite: taking a revision: %w", err)
	}
	return revision, nil
}

func insert(ctx context.Context, conn *sql.Conn, w store.WebIntegration) error {
	entries, err := encode(w.ValidOrigins)
	if err != nil {
		return err
	}
	inserted, err := conn.ExecContext(ctx, `INSERT INTO web_integrations
		(id, tenant, name, created_by, created, updated, revision, valid_origins)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO NOTHING`,
		w.ID, w.TenantID, w.Name, w.CreatedBy, w.Created.Unix(), w.LastUpdated.Unix(), w.Revision, entries)
	if err != nil {
		return fmt.Errorf("sqlite: creating a web integration: %w", err)
	}
	n, err := inserted.RowsAffected()
	if err == nil && n == 0 {
		return store.ErrExists
	}
	return err
}

func update(ctx context.Context, conn *sql.Conn, w store.WebIntegration) error {
	entries, err := encode(w.ValidOrigins)
	if err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, `UPDATE web_integrations SET
		name = ?2, created_by = ?3, created = ?4, updated = ?5, revision = ?6, valid_origins = ?7 WHERE id = ?1`,
		w.ID, w.Name, w.CreatedBy, w.Created.Unix(), w.LastUpdated.Unix(), w.Revision, entries)
	if err != nil {
		return fmt.Errorf("sqlite: editing a web integration: %w", err)
	}
	return nil
}

func remove(ctx context.Context, conn *sql.Conn, id string) error {
	if _, err := conn.ExecContext(ctx, "DELETE FROM web_integrations WHERE id = ?1", id); err != nil {
		return fmt.Errorf("sqlite: deleting a web integration: %w", err)
	}
	return nil
}
