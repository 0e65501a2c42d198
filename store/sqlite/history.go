package sqlite

import (
	"context"
	"database/sql"

	"originwarden/store"
	"originwarden/store/history"
	"originwarden/store/sqlite/records"
)

// History implements store.Store.
func (s *Store) History(ctx context.Context, tenant string, q store.HistoryQuery) (page store.HistoryPage, err error) {
	err = s.read(ctx, func(conn *sql.Conn) error {
		page, err = records.Read(ctx, conn, s.history, tenant, q)
		return err
	})
	return page, err
}

// addRecord records that a write has replaced before by after at a revision, unless
// they are equal.
func (s *Store) addRecord(ctx context.Context, conn *sql.Conn, before, after *store.WebIntegration, revision uint64) error {
	r := history.NewRecord(ctx, before, after)
	if history.ChangesNothing(&r) {
		return nil
	}
	r.Revision = revision
	return records.Add(ctx, conn, s.history, r)
}
