package etcd

import (
	"context"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd/connection"
	"originwarden/store/etcd/records"
	"originwarden/store/etcd/schema"
)

// History implements store.Store.
func (s *Store) History(ctx context.Context, tenant string, q store.HistoryQuery) (page store.HistoryPage, err error) {
	err = s.callRead(ctx, func() error {
		page, err = s.readHistory(ctx, tenant, q)
		return err
	})
	return page, err
}

func (s *Store) readHistory(ctx context.Context, tenant string, q store.HistoryQuery) (store.HistoryPage, error) {
	span := schema.SpanOf(s.keys.History(tenant), clientv3.WithKeysOnly())
	view, found, err := s.reader.Read(ctx, span.Page(maxKeysOnPage))
	if err != nil {
		return store.HistoryPage{}, err
	}
	reading := records.Reading{Keys: s.keys, Keep: s.history, Tenant: tenant, Query: q}
	keys := s.reader.ReadSpan(ctx, view, span, found[0], maxKeysOnPage)
	return reading.Page(keys, func(keys []string) (values [][]byte, err error) {
		ops := make([]clientv3.Op, len(keys))
		for i, key := range keys {
			ops[i] = clientv3.OpGet(key, clientv3.WithRev(view.EtcdRevision))
		}
		found, err := s.reader.ReadAt(ctx, view, ops...)
		for i := range found {
			values = append(values, found.First(i).GetValue())
		}
		return values, err
	})
}

// addRecord adds the record of a change to the transaction.
func (s *Store) addRecord(t *transaction, c *change) {
	p := c.before
	if t.logs[p.tenant] == nil {
		t.logs[p.tenant] = &records.Log{Keys: s.keys, Keep: s.history, Tenant: p.tenant, After: p.tenantRevision, Oldest: p.oldest}
	}
	t.logs[p.tenant].Add(c.record)
	t.recorded += len(c.record.Encoded)
}

// hasSpaceForRecords reports whether the entries of the records may be kept. A
// transaction that only removes also uses space that is reserved for removals, and
// none of that is for records.
func (s *Store) hasSpaceForRecords(ctx context.Context, t *transaction) bool {
	return t.growth > 0 || t.recorded == 0 || s.reserveSpace(ctx, t.recorded) == nil
}

// isRecordDue reports whether the first change of the transaction has a record, unless
// that is too large.
func (s *Store) isRecordDue(ctx context.Context, t *transaction) bool {
	c := t.changes[0]
	return records.New(ctx, s.history, c.before.integration, c.after, records.Counts).Encoded != nil
}

// RecordStatus implements store.RecordKeeper.
func (s *Store) RecordStatus() store.RecordStatus { return s.late.Status() }

// addLateRecords adds the late records to the history, each by a transaction of its
// own, which does not change the revision of the store.
func (s *Store) addLateRecords(ctx context.Context) error {
	return s.late.Flush(func(r records.Record) error {
		if err := s.reserveSpace(ctx, len(r.Encoded)); err != nil {
			return err
		}
		view, _, err := s.reader.Read(ctx)
		if err != nil {
			return err
		}
		key, put, read := r.Ops(s.keys)
		response, err := s.send(ctx, connection.Request{
			If:   append(view.IfSameStore(s.keys), clientv3.Compare(clientv3.CreateRevision(key), "=", 0)),
			Then: []clientv3.Op{put},
			Else: []clientv3.Op{read},
		})
		switch {
		case connection.IsTooLarge(err):
			return fmt.Errorf("%w: %w", records.ErrTooLarge, err)
		case err != nil:
			return err
		}
		added, err := r.IsAdded(response)
		if err == nil && !added {
			err = errConflict // the next call tries again
		}
		return err
	})
}
