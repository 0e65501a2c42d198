// Package heartbeats reads and writes the heartbeats of gateways in a SQLite file.
package heartbeats

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"originwarden/store"
)

// The time may have been set back since a heartbeat was written.
const isAlive = "written BETWEEN ?1 - ?2 AND ?1 + ?2"

// Write replaces the gateway's heartbeat, and removes those that are too old.
func Write(ctx context.Context, conn *sql.Conn, h store.Heartbeat, now time.Time) error {
	text, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("sqlite: encoding a heartbeat: %w", err)
	}
	if _, err := conn.ExecContext(ctx, "DELETE FROM gateways WHERE NOT "+isAlive, now.UnixMilli(), store.HeartbeatLifetime.Milliseconds()); err != nil {
		return fmt.Errorf("sqlite: removing old heartbeats: %w", err)
	}
	if _, err := conn.ExecContext(ctx, "REPLACE INTO gateways (name, written, heartbeat) VALUES (?1, ?2, ?3)", h.Gateway, now.UnixMilli(), string(text)); err != nil {
		return fmt.Errorf("sqlite: writing a heartbeat: %w", err)
	}
	return nil
}

// Remove removes the gateway's heartbeat.
func Remove(ctx context.Context, conn *sql.Conn, gateway string) error {
	if _, err := conn.ExecContext(ctx, "DELETE FROM gateways WHERE name = ?1", gateway); err != nil {
		return fmt.Errorf("sqlite: removing a heartbeat: %w", err)
	}
	return nil
}

// Read returns what store.Fleet.Gateways returns.
func Read(ctx context.Context, conn *sql.Conn, now time.Time) (all []store.Heartbeat, err error) {
	rows, err := conn.QueryContext(ctx, "SELECT heartbeat FROM gateways WHERE "+isAlive+" LIMIT ?3",
		now.UnixMilli(), store.HeartbeatLifetime.Milliseconds(), store.MaxGateways)
	if err != nil {
		return nil, fmt.Errorf("sqlite: reading heartbeats: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		var h store.Heartbeat
		err := rows.Scan(&text)
		if err == nil {
			err = json.Unmarshal([]byte(text), &h)
		}
		if err != nil {
			return nil, fmt.Errorf("sqlite: reading a heartbeat: %w", err)
		}
		all = append(all, h)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("sqlite: reading heartbeats: %w", err)
	}
	slices.SortFunc(all, store.CompareHeartbeats)
	return all, nil
}
