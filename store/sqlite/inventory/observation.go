package inventory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"originwarden/store"
)

// Observed returns when a tenant was observed.
func Observed(ctx context.Context, conn *sql.Conn, tenant string) (store.Observation, error) {
	var since, last int64
	err := conn.QueryRowContext(ctx, "SELECT since, last FROM observations WHERE tenant = ?1", tenant).Scan(&since, &last)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return store.Observation{}, nil
	case err != nil:
		return store.Observation{}, fmt.Errorf("sqlite: reading when a tenant was observed: %w", err)
	}
	return store.Observation{Since: time.Unix(since, 0).UTC(), Last: time.Unix(last, 0).UTC()}, nil
}

// Observe adds to when a tenant was observed.
func Observe(ctx context.Context, conn *sql.Conn, tenant string, seen store.Observation) (store.Observation, error) {
	kept, err := Observed(ctx, conn, tenant)
	if err != nil {
		return store.Observation{}, err
	}
	joined := kept.With(seen, time.Now())
	if !joined.NeedsWrite(kept) {
		return joined, nil
	}
	_, err = conn.ExecContext(ctx, `INSERT INTO observations (tenant, since, last) VALUES (?1, ?2, ?3)
		ON CONFLICT (tenant) DO UPDATE SET since = excluded.since, last = excluded.last`, tenant, joined.Since.Unix(), joined.Last.Unix())
	if err != nil {
		return store.Observation{}, fmt.Errorf("sqlite: recording when a tenant was observed: %w", err)
	}
	return joined, nil
}
