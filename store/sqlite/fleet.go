package sqlite

import (
	"context"
	"database/sql"
	"time"

	"originwarden/store"
	"originwarden/store/sqlite/heartbeats"
)

// Beat implements store.Fleet. It also removes heartbeats that are too old.
func (s *Store) Beat(ctx context.Context, h store.Heartbeat) error {
	return s.writeAside(ctx, func(conn *sql.Conn) error { return heartbeats.Write(ctx, conn, h, time.Now()) })
}

// Leave implements store.Fleet.
func (s *Store) Leave(ctx context.Context, gateway string) error {
	return s.writeAside(ctx, func(conn *sql.Conn) error { return heartbeats.Remove(ctx, conn, gateway) })
}

// Gateways implements store.Fleet.
func (s *Store) Gateways(ctx context.Context) (all []store.Heartbeat, err error) {
	err = s.read(ctx, func(conn *sql.Conn) error {
		all, err = heartbeats.Read(ctx, conn, time.Now())
		return err
	})
	return all, err
}

// writeAside runs do in a transaction that writes no web integration and takes no
// revision.
func (s *Store) writeAside(ctx context.Context, do func(*sql.Conn) error) error {
	return s.writeError(s.call(ctx, s.writer, func(conn *sql.Conn) error {
		return s.transactWrite(ctx, conn, func() error { return do(conn) })
	}))
}
