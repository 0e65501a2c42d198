package inventory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Observed returns since when a tenant is observed, or zero.
func Observed(ctx context.Context, conn *sql.Conn, tenant string) (time.Time, error) {
	var since int64
	err := conn.QueryRowContext(ctx, "SELECT since FROM observations WHERE tenant = ?1", tenant).Scan(&since)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, fmt.Errorf("sqlite: reading since when a tenant is observed: %w", err)
	}
	return time.Unix(since, 0).UTC(), nil
}

// Observe records since when a tenant is observed, unless it is since an earlier time.
func Observe(ctx context.Context, conn *sql.Conn, tenant string, since time.Time) error {
	_, err := conn.ExecContext(ctx, `INSERT INTO observations (tenant, since) VALUES (?1, ?2)
		ON CONFLICT (tenant) DO UPDATE SET since = min(since, excluded.since)`, tenant, since.Unix())
	if err != nil {
		return fmt.Errorf("sqlite: recording since when a tenant is observed: %w", err)
	}
	return nil
}
