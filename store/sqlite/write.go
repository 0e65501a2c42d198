package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"originwarden/origins"
	"originwarden/store"
)

const (
	insertIntegration = `INSERT INTO web_integrations
		(id, tenant, name, created_by, created, updated, revision, valid_origins)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO NOTHING`
	updateIntegration = `UPDATE web_integrations SET
		name = ?3, created_by = ?4, created = ?5, updated = ?6, revision = ?7, valid_origins = ?8
		WHERE id = ?1 AND tenant = ?2`
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
	var w store.WebIntegration
	err := s.write(ctx, func(conn *sql.Conn) (change origins.Change, err error) {
		if w, err = readIntegration(ctx, conn, tenant, id); err != nil {
			return change, err
		}
		after := w.Clone()
		if err := edit(after); err != nil {
			return change, err
		}
		change, err = s.replace(ctx, conn, &w, after)
		w = *after
		return change, err
	})
	if err != nil && !errors.Is(err, store.ErrUnchanged) {
		return store.WebIntegration{}, err
	}
	return w, nil
}

// Delete implements store.Store. allow runs once.
func (s *Store) Delete(ctx context.Context, tenant, id string, allow func(store.WebIntegration) error) (revision uint64, err error) {
	err = s.write(ctx, func(conn *sql.Conn) (change origins.Change, err error) {
		w, err := readIntegration(ctx, conn, tenant, id)
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

// replace replaces before by after at the next revision, which it sets in after, and
// records that. A nil before means a creation, a nil after a deletion.
func (s *Store) replace(ctx context.Context, conn *sql.Conn, before, after *store.WebIntegration) (change origins.Change, err error) {
	revision, err := nextRevision(ctx, conn)
	if err != nil {
		return change, err
	}
	if change, err = s.replaceAt(ctx, conn, before, after, revision); err != nil {
		return change, err
	}
	return change, s.addRecord(ctx, conn, before, after, revision)
}

// replaceAt is replace without the record.
func (s *Store) replaceAt(ctx context.Context, conn *sql.Conn, before, after *store.WebIntegration, revision uint64) (change origins.Change, err error) {
	if after == nil {
		if err := s.addUsage(ctx, conn, before.TenantID, -1, -len(before.ValidOrigins), revision); err != nil {
			return change, err
		}
		return store.Deletion(before.TenantID, before.ID, revision), deleteIntegration(ctx, conn, before.ID)
	}
	after.Revision = revision
	statement, integrations, added := insertIntegration, 1, len(after.ValidOrigins)
	if before != nil {
		after.ID, after.TenantID = before.ID, before.TenantID
		statement, integrations, added = updateIntegration, 0, added-len(before.ValidOrigins)
	}
	if err := s.addUsage(ctx, conn, after.TenantID, integrations, added, revision); err != nil {
		return change, err
	}
	return after.Change(), writeIntegration(ctx, conn, statement, after)
}

// addUsage adds to the tenant's counts, and records the revision. Only a count that
// grows has to be within its limit, so that a tenant that exceeds a lowered limit
// can shrink in steps.
func (s *Store) addUsage(ctx context.Context, conn *sql.Conn, tenant string, integrations, origins int, revision uint64) error {
	var total store.Limits
	err := conn.QueryRowContext(ctx, `INSERT INTO tenants (id, integrations, origins, revision) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT (id) DO UPDATE SET integrations = integrations + ?2, origins = origins + ?3, revision = ?4
		RETURNING integrations, origins`, tenant, integrations, origins, revision).Scan(&total.Integrations, &total.Origins)
	switch {
	case err != nil:
		return fmt.Errorf("sqlite: counting: %w", err)
	case integrations > 0 && total.Integrations > s.limits.Integrations:
		return &store.LimitError{What: store.LimitIntegrations, Max: s.limits.Integrations}
	case origins > 0 && total.Origins > s.limits.Origins:
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

// writeIntegration runs insertIntegration or updateIntegration. Only the insertion
// can fail to change a row.
func writeIntegration(ctx context.Context, conn *sql.Conn, statement string, w *store.WebIntegration) error {
	entries, err := encodeEntries(w.ValidOrigins)
	if err != nil {
		return err
	}
	result, err := conn.ExecContext(ctx, statement,
		w.ID, w.TenantID, w.Name, w.CreatedBy, w.Created.Unix(), w.LastUpdated.Unix(), w.Revision, entries)
	if err != nil {
		return fmt.Errorf("sqlite: writing a web integration: %w", err)
	}
	if rows, err := result.RowsAffected(); err != nil || rows > 0 {
		return err
	}
	return store.ErrExists
}

func deleteIntegration(ctx context.Context, conn *sql.Conn, id string) error {
	if _, err := conn.ExecContext(ctx, "DELETE FROM web_integrations WHERE id = ?1", id); err != nil {
		return fmt.Errorf("sqlite: deleting a web integration: %w", err)
	}
	return nil
}
