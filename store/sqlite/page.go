package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"originwarden/store"
)

const queryCursor = "SELECT name FROM web_integrations WHERE id = ?1 AND tenant = ?2"

// cursor is the place of a web integration in the tenant's order.
type cursor struct{ name, id string }

// Page implements store.Store.
func (s *Store) Page(ctx context.Context, tenant string, q store.Query) (page store.Page, err error) {
	err = s.read(ctx, func(conn *sql.Conn) error {
		from, err := findCursor(ctx, conn, tenant, q)
		if err != nil || q.Limit <= 0 {
			return err
		}
		page, err = readPage(ctx, conn, tenant, q, from)
		return err
	})
	return page, err
}

// findCursor returns nil if the query has no cursor.
func findCursor(ctx context.Context, conn *sql.Conn, tenant string, q store.Query) (*cursor, error) {
	c := cursor{id: cmp.Or(q.Before, q.After)}
	if c.id == "" {
		return nil, nil
	}
	err := conn.QueryRowContext(ctx, queryCursor, c.id, tenant).Scan(&c.name)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, store.ErrUnknownCursor
	case err != nil:
		return nil, fmt.Errorf("sqlite: reading the cursor: %w", err)
	}
	return &c, nil
}

// readPage reads forward from the cursor After, and backward from Before.
func readPage(ctx context.Context, conn *sql.Conn, tenant string, q store.Query, from *cursor) (page store.Page, err error) {
	backward, args := q.Before != "", []any{tenant, q.Limit}
	if from != nil {
		args = append(args, from.name, from.id)
	}
	query := queryPage(q.Descending != backward, from != nil)
	page.Integrations, err = readIntegrations(ctx, conn, q.Full, query, args...)
	if err != nil || len(page.Integrations) == 0 {
		return page, err
	}
	if backward {
		slices.Reverse(page.Integrations)
	}
	first, last := page.Integrations[0], page.Integrations[len(page.Integrations)-1]
	if page.HasNext, err = existsBeyond(ctx, conn, tenant, q.Descending, last); err != nil {
		return page, err
	}
	page.HasPrev, err = existsBeyond(ctx, conn, tenant, !q.Descending, first)
	return page, err
}

// existsBeyond reports whether the tenant has a web integration after w.
func existsBeyond(ctx context.Context, conn *sql.Conn, tenant string, descending bool, w store.WebIntegration) (found bool, err error) {
	if err := conn.QueryRowContext(ctx, queryBeyond(descending), tenant, w.Name, w.ID).Scan(&found); err != nil {
		return false, fmt.Errorf("sqlite: looking beyond the page: %w", err)
	}
	return found, nil
}

// queryPage scans the index on (tenant, name, id), so that its cost is that of the
// rows that it returns.
func queryPage(descending, cursor bool) string {
	order, than := "ASC", ">"
	if descending {
		order, than = "DESC", "<"
	}
	after := ""
	if cursor {
		after = " AND (name, id) " + than + " (?3, ?4)"
	}
	return "SELECT " + columns + " FROM web_integrations WHERE tenant = ?1" + after +
		" ORDER BY name " + order + ", id " + order + " LIMIT ?2"
}

func queryBeyond(descending bool) string {
	than := ">"
	if descending {
		than = "<"
	}
	return "SELECT EXISTS (SELECT 1 FROM web_integrations WHERE tenant = ?1 AND (name, id) " + than + " (?2, ?3))"
}
