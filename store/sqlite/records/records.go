// Package records keeps the history of web integrations in a table of a SQLite file.
package records

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"time"

	"originwarden/store"
	"originwarden/store/history"
)

// maxDropped is how many records a write drops at most.
const maxDropped = 64

const (
	queryNewest = "SELECT ifnull((SELECT number FROM history WHERE tenant = ?1 ORDER BY revision DESC LIMIT 1), 0)"

	insertRecord = "INSERT INTO history (revision, tenant, number, integration, time, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"

	dropRecords = `DELETE FROM history WHERE revision IN (SELECT revision FROM history WHERE tenant = ?1 ORDER BY revision LIMIT ?2)
		AND (number <= ?3 OR time < ?4)`
)

// Add adds a record that has its revision, and drops the tenant's oldest records that
// are not to be kept any more. It is part of the transaction of conn.
func Add(ctx context.Context, conn *sql.Conn, keep store.Retention, r store.Record) error {
	var newest int
	if err := conn.QueryRowContext(ctx, queryNewest, r.Tenant).Scan(&newest); err != nil {
		return fmt.Errorf("sqlite: reading the number of the last record: %w", err)
	}
	if keep.Records > 0 {
		newest++
		_, err := conn.ExecContext(ctx, insertRecord, r.Revision, r.Tenant, newest, r.Integration, r.Time.UnixMilli(), history.Encode(r))
		if err != nil {
			return fmt.Errorf("sqlite: adding a record: %w", err)
		}
	}
	_, err := conn.ExecContext(ctx, dropRecords, r.Tenant, maxDropped, newest-keep.Records, oldestTime(keep, r.Time))
	if err != nil {
		return fmt.Errorf("sqlite: dropping records: %w", err)
	}
	return nil
}

// oldestTime returns the least time of records that are kept.
func oldestTime(keep store.Retention, now time.Time) int64 {
	if since := keep.Since(now); !since.IsZero() {
		return since.UnixMilli()
	}
	return math.MinInt64
}

// Read reads a page of the tenant's records. It is part of the transaction of conn.
func Read(ctx context.Context, conn *sql.Conn, keep store.Retention, tenant string, q store.HistoryQuery) (store.HistoryPage, error) {
	selected, err := history.Select(q)
	if err != nil {
		return store.HistoryPage{}, err
	}
	var newest int
	if err := conn.QueryRowContext(ctx, queryNewest, tenant).Scan(&newest); err != nil {
		return store.HistoryPage{}, fmt.Errorf("sqlite: reading the number of the last record: %w", err)
	}
	from, to := revisions(q)
	rows, err := conn.QueryContext(ctx, queryRecords(q), tenant, from, to, newest-keep.Records, oldestTime(keep, time.Now()), q.Integration)
	if err != nil {
		return store.HistoryPage{}, fmt.Errorf("sqlite: reading the history: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanRecord(rows, tenant)
		if err != nil {
			return store.HistoryPage{}, err
		}
		if selected.Add(r) {
			return selected.Page, nil
		}
	}
	if err := rows.Err(); err != nil {
		return store.HistoryPage{}, fmt.Errorf("sqlite: reading the history: %w", err)
	}
	return selected.Page, nil
}

// revisions returns the revisions between which the records of a query are. Every
// record has a revision of its own.
func revisions(q store.HistoryQuery) (after, before int64) {
	after, before = int64(min(q.After, math.MaxInt64)), math.MaxInt64
	cursor, n, _ := store.ParseRecordID(q.Cursor)
	switch {
	case q.Cursor == "":
	case !q.Newest:
		after = max(after, int64(cursor))
	case n > 0: // places come after one another also within a revision
		before = int64(cursor) + 1
	default:
		before = int64(cursor)
	}
	return after, before
}

// queryRecords scans an index, so that its cost is that of the rows that it returns
// and of those that are too old.
func queryRecords(q store.HistoryQuery) string {
	query := `SELECT revision, integration, time, record FROM history
		WHERE tenant = ?1 AND revision > ?2 AND revision < ?3 AND number > ?4 AND time >= ?5`
	if q.Integration != "" {
		query += " AND integration = ?6"
	} else {
		query += " AND ?6 = ''"
	}
	if q.Newest {
		return query + " ORDER BY revision DESC"
	}
	return query + " ORDER BY revision"
}

func scanRecord(rows *sql.Rows, tenant string) (store.Record, error) {
	r := store.Record{Tenant: tenant}
	var at int64
	var encoded []byte
	err := rows.Scan(&r.Revision, &r.Integration, &at, &encoded)
	if err == nil {
		err = history.Decode(encoded, &r)
	}
	if err != nil {
		return store.Record{}, fmt.Errorf("sqlite: reading a record: %w", err)
	}
	r.ID, r.Time = store.RecordID(r.Revision, 0), time.UnixMilli(at).UTC()
	return r, nil
}

// Queries returns the reading statements, by name.
func Queries() map[string]string {
	return map[string]string{
		"NewestRecord":         queryNewest,
		"Records":              queryRecords(store.HistoryQuery{}),
		"NewestRecords":        queryRecords(store.HistoryQuery{Newest: true}),
		"RecordsOfIntegration": queryRecords(store.HistoryQuery{Integration: "id"}),
	}
}
