// Package inventory reads and writes the refused origins of a store in a SQLite file,
// inside the transactions of package sqlite.
package inventory

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"originwarden/origins"
	"originwarden/store"
)

// QueryTenant reads the refusals of a tenant.
const QueryTenant = `SELECT origin, reason, count, first, last, method, path, agent, own_host, dismissed
	FROM refusals WHERE tenant = ?1`

const (
	// Counts end at the greatest number that SQLite has.
	add = `INSERT INTO refusals (tenant, origin, reason, count, first, last, method, path, agent, own_host, dismissed)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
		ON CONFLICT (tenant, origin, reason) DO UPDATE SET
			count = iif(count > 0x7fffffffffffffff - excluded.count, 0x7fffffffffffffff, count + excluded.count),
			first = min(first, excluded.first),
			last = max(last, excluded.last),
			method = iif(excluded.last >= last, excluded.method, method),
			path = iif(excluded.last >= last, excluded.path, path),
			agent = iif(excluded.last >= last, excluded.agent, agent),
			own_host = iif(excluded.last >= last, excluded.own_host, own_host),
			dismissed = iif(dismissed = 0, excluded.dismissed, dismissed)`
	remove  = "DELETE FROM refusals WHERE tenant = ?1 AND origin = ?2 AND reason = ?3"
	count   = "SELECT count(*) FROM refusals WHERE tenant = ?1"
	dismiss = "UPDATE refusals SET dismissed = ?3 WHERE tenant = ?1 AND origin = ?2"
)

// Add adds refusals to a tenant's, and removes those that are too many.
func Add(ctx context.Context, conn *sql.Conn, tenant string, more []store.Refusal) error {
	statement, err := conn.PrepareContext(ctx, add)
	if err != nil {
		return fmt.Errorf("sqlite: adding refusals: %w", err)
	}
	defer statement.Close()
	for i := range more {
		r := &more[i]
		_, err := statement.ExecContext(ctx, tenant, r.Origin, string(r.Reason), int64(min(r.Count, 1<<63-1)),
			r.First.Unix(), r.Last.Unix(), r.Method, r.Path, r.Agent, r.OwnHost, unix(r.Dismissed))
		if err != nil {
			return fmt.Errorf("sqlite: adding a refusal: %w", err)
		}
	}
	return removeExcess(ctx, conn, tenant)
}

func removeExcess(ctx context.Context, conn *sql.Conn, tenant string) error {
	var n int
	if err := conn.QueryRowContext(ctx, count, tenant).Scan(&n); err != nil {
		return fmt.Errorf("sqlite: counting refusals: %w", err)
	}
	if n <= store.MaxRefusals {
		return nil
	}
	all, err := read(ctx, conn, tenant)
	if err != nil {
		return err
	}
	_, rest := store.KeepRefusals(all)
	for i := range rest {
		if _, err := conn.ExecContext(ctx, remove, tenant, rest[i].Origin, string(rest[i].Reason)); err != nil {
			return fmt.Errorf("sqlite: removing a refusal: %w", err)
		}
	}
	return nil
}

// Read returns the refusals of a tenant, the latest first.
func Read(ctx context.Context, conn *sql.Conn, tenant string) ([]store.Refusal, error) {
	all, err := read(ctx, conn, tenant)
	return store.MergeRefusals(all, nil), err
}

func read(ctx context.Context, conn *sql.Conn, tenant string) (all []store.Refusal, err error) {
	rows, err := conn.QueryContext(ctx, QueryTenant, tenant)
	if err != nil {
		return nil, fmt.Errorf("sqlite: reading refusals: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r store.Refusal
		var reason string
		var first, last, dismissed int64
		if err := rows.Scan(&r.Origin, &reason, &r.Count, &first, &last, &r.Method, &r.Path, &r.Agent, &r.OwnHost, &dismissed); err != nil {
			return nil, fmt.Errorf("sqlite: reading a refusal: %w", err)
		}
		r.Reason, r.First, r.Last = origins.Reason(reason), time.Unix(first, 0).UTC(), time.Unix(last, 0).UTC()
		if dismissed != 0 {
			r.Dismissed = time.Unix(dismissed, 0).UTC()
		}
		all = append(all, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("sqlite: reading refusals: %w", err)
	}
	return all, nil
}

// Dismiss sets when the refusals of an origin were dismissed. The error is
// store.ErrNotFound if there are none.
func Dismiss(ctx context.Context, conn *sql.Conn, tenant, origin string, at time.Time) error {
	result, err := conn.ExecContext(ctx, dismiss, tenant, origin, unix(at))
	if err != nil {
		return fmt.Errorf("sqlite: dismissing a refusal: %w", err)
	}
	if rows, err := result.RowsAffected(); err != nil || rows > 0 {
		return err
	}
	return store.ErrNotFound
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
