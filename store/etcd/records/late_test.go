package records_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd/records"
	"originwarden/store/etcd/schema"
)

// A transaction that was not carried out has added the record only if the key has it.
func TestRecord_IsAdded(t *testing.T) {
	r := records.Record{Encoded: []byte("one")}
	for name, row := range map[string]struct {
		response *clientv3.TxnResponse
		want     bool
		err      error
	}{
		"put":                    {&clientv3.TxnResponse{Succeeded: true}, true, nil},
		"put by an earlier copy": {read("one"), true, nil},
		"removals written back":  {read(), false, nil},
		"key of another record":  {read("another"), false, records.ErrTaken},
	} {
		if got, err := r.IsAdded(row.response); got != row.want || err != row.err {
			t.Errorf("%s: %t, %v, want %t, %v", name, got, err, row.want, row.err)
		}
	}
}

// A record is never lost without being counted.
func TestLate_CountsLostRecords(t *testing.T) {
	var l records.Late
	for range 3 { // of which two fit
		l.Add(records.Record{Encoded: make([]byte, 3<<20)})
	}
	l.Add(records.Record{}) // none
	want(t, &l, store.RecordStatus{Waiting: 2, Lost: 1})
	flushed := 0
	if err := l.Flush(func(records.Record) error { flushed++; return errFull }); err != errFull || flushed != 1 {
		t.Errorf("Flush: %v after %d records, want the error of the first", err, flushed)
	}
	want(t, &l, store.RecordStatus{Waiting: 2, Lost: 1})
	l.Forget()
	l.Lose()
	want(t, &l, store.RecordStatus{Lost: 4})
}

// A record that cannot be written keeps no other one from the history, and each is
// counted as waiting until it is written.
func TestLate_WritesOthersThanThoseThatCannotBe(t *testing.T) {
	keep := store.Retention{Records: 10}
	record := func(entries ...string) records.Record {
		w := store.WebIntegration{ID: "a", TenantID: "acme", Name: "a", ValidOrigins: entries}
		return records.New(t.Context(), keep, &w, nil, records.Whole)
	}
	long := record(rand.Text()+rand.Text(), rand.Text()+rand.Text())
	for name, row := range map[string]struct {
		write   func(r records.Record) error
		written int
		want    store.RecordStatus
	}{
		"all":                   {func(records.Record) error { return nil }, 3, store.RecordStatus{}},
		"the key is taken":      {failFor(long, records.ErrTaken), 2, store.RecordStatus{Lost: 1}},
		"only whole too large":  {failFor(long, records.ErrTooLarge), 3, store.RecordStatus{}},
		"at all too large":      {func(records.Record) error { return records.ErrTooLarge }, 0, store.RecordStatus{Lost: 3}},
		"the cluster is absent": {failFor(long, errFull), 1, store.RecordStatus{Waiting: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			var l records.Late
			l.Add(record("x"))
			l.Add(long)
			l.Add(record("y"))
			written := 0
			err := l.Flush(func(r records.Record) error {
				if before := l.Status(); before.Waiting+int(before.Lost)+written != 3 {
					t.Errorf("before a record is written: %+v, %d written", before, written)
				}
				err := row.write(r)
				if err == nil {
					written++
				}
				return err
			})
			if want := row.want.Waiting > 0; written != row.written || (err != nil) != want {
				t.Errorf("%d were written, %v, want %d", written, err, row.written)
			}
			want(t, &l, row.want)
		})
	}
}

// failFor returns a function that fails for one record.
func failFor(one records.Record, err error) func(records.Record) error {
	return func(r records.Record) error {
		if bytes.Equal(r.Encoded, one.Encoded) {
			return err
		}
		return nil
	}
}

var errFull = errors.New("no space")

func want(t *testing.T, l *records.Late, status store.RecordStatus) {
	t.Helper()
	if got := l.Status(); got != status {
		t.Errorf("%+v, want %+v", got, status)
	}
}

// A late record has the revision of its write. One of an older version has that of its
// own commit, and one with the revision of another record follows it.
func TestReading_OrdersLateRecords(t *testing.T) {
	keys := schema.NewKeys("p")
	at := time.UnixMilli(5).UTC()
	var found []*mvccpb.KeyValue
	put := func(revision int64, key string) {
		found = append(found, &mvccpb.KeyValue{Key: []byte(key), ModRevision: revision})
	}
	key := schema.RecordKey{Tenant: "acme", After: 10, Time: at, Integration: "a"}
	put(11, keys.Record(key))
	key.Place = 128 // the older version
	put(40, keys.Record(key))
	late := records.Record{Record: store.Record{Tenant: "acme", Revision: 12, Time: at, Integration: "b"}, Encoded: []byte("{}")}
	for _, integration := range []string{"b", "c"} {
		late.Integration = integration
		key, _, _ := late.Ops(keys)
		put(50, key)
	}
	put(20, keys.Record(schema.RecordKey{Tenant: "acme", After: 15, Time: at, Integration: "a"}))
	reading := records.Reading{Keys: keys, Keep: store.Retention{Records: 10}, Tenant: "acme", Query: store.HistoryQuery{Limit: 10}}
	page, err := reading.Page(func(yield func(*mvccpb.KeyValue, error) bool) {
		for _, kv := range found {
			if !yield(kv, nil) {
				return
			}
		}
	}, func(keys []string) (values [][]byte, err error) {
		for range keys {
			values = append(values, []byte(`{"operation":"updated"}`))
		}
		return values, nil
	})
	var ids []string
	for _, r := range page.Records {
		ids = append(ids, r.ID)
	}
	if got := strings.Join(ids, " "); err != nil || got != "11 12 12-1 20 40" {
		t.Errorf("records %s, %v", got, err)
	}
}

// read returns a response whose transaction has read these values.
func read(values ...string) *clientv3.TxnResponse {
	var found etcdserverpb.RangeResponse
	for _, v := range values {
		found.Kvs = append(found.Kvs, &mvccpb.KeyValue{Value: []byte(v)})
	}
	return &clientv3.TxnResponse{Responses: []*etcdserverpb.ResponseOp{
		{Response: &etcdserverpb.ResponseOp_ResponseRange{ResponseRange: &found}},
	}}
}
