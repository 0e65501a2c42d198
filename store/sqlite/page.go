package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"originwarden/store"
)

const queryCursor = "SELECT name FROM web_integrations WHERE id = ?1 AND tenant = ?2"

// position is a place in a tenant's order, between entries or at one.
type position struct{ name, id string }

// Page implements store.Store.
func (s *Store) Page(ctx context.Context, tenant string, q store.Query) (page store.Page, err error) {
	err = s.read(ctx, func(conn *sql.Conn) error {
		from, err := locateCursor(ctx, conn, tenant, q)
		if err != nil || q.Limit <= 0 {
			return err
		}
		page, err = readPage(ctx, conn, tenant, q, from)
		return err
	})
	if err != nil {
		return store.Page{}, err
	}
	return page, nil
}

// locateCursor returns where the page begins or ends: nil without a cursor.
func locateCursor(ctx context.Context, conn *sql.Conn, tenant string, q store.Query) (*position, error) {
	cursor := position{id: q.After}
	if q.Before != "" {
		cursor.id = q.Before
	}
	if cursor.id == "" {
		return nil, nil
	}
	err := conn.QueryRowContext(ctx, queryCursor, cursor.id, tenant).Scan(&cursor.name)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, store.ErrUnknownCursor
	case err != nil:
		return nil, fmt.Errorf("sqlite: reading the cursor: %w", err)
	}
	return &cursor, nil
}

// readPage reads forward from a cursor, and backward to one.
func readPage(ctx context.Context, conn *sql.Conn, tenant string, q store.Query, from *position) (page store.Page, err error) {
	backward := q.Before != ""
	page.Integrations, err = stretch(ctx, conn, tenant, q, from)
	if err != nil || len(page.Integrations) == 0 {
		return page, err
	}
	if backward {
		slices.Reverse(page.Integrations)
	}
	first, last := page.Integrations[0], page.Integrations[len(page.Integrations)-1]
	if page.More, err = anyBeyond(ctx, conn, tenant, q.Descending, last); err != nil {
		return page, err
	}
	page.Less, err = anyBeyond(ctx, conn, tenant, !q.Descending, first)
	return page, err
}

// stretch reads the page's entries behind from, or from the first one, in the
// direction in which they are read.
func stretch(ctx context.Context, conn *sql.Conn, tenant string, q store.Query, from *position) ([]store.WebIntegration, error) {
	descending, args := q.Descending != (q.Before != ""), []any{tenant, q.Limit}
	if from != nil {
		args = append(args, from.name, from.id)
	}
	return integrationsUntil(ctx, conn, q.Full, queryStretch(descending, from != nil), args...)
}

func anyBeyond(ctx context.Context, conn *sql.Conn, tenant string, descending bool, w store.WebIntegration) (found bool, err error) {
	if err := conn.QueryRowContext(ctx, queryBeyond(descending), tenant, w.Name, w.ID).Scan(&found); err != nil {
		return false, fmt.Errorf("sqlite: looking beyond the page: %w", err)
	}
	return found, nil
}

// queryStretch walks the index on (tenant, name, id): its cost is that of what
// it returns.
func queryStretch(descending, cursor bool) string {
	order, than := "ASC", ">"
	if descending {
		order, than = "DESC", "<"
	}
	behind := ""
	if cursor {
		behind = " AND (name, id) " + than + " (?3, ?4)"
	}
	return "SELECT " + columns + " FROM web_integrations WHERE tenant = ?1" + behind +
		" ORDER BY name " + order + ", id " + order + " LIMIT ?2"
}

func queryBeyond(descending bool) string {
	than := ">"
	if descending {
		than = "<"
	}
	return "SELECT EXISTS (SELECT 1 FROM web_integrations WHERE tenant = ?1 AND (name, id) " + than + " (?2, ?3))"
}
