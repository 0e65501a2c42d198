// Package records plans how the history of web integrations is written to etcd and read
// from it. It sends no requests.
//
// Each record has a key of its own, which the transaction of the write puts: see
// schema.RecordKey. The same transaction deletes the oldest records that are not to be
// kept. An older originwarden neither puts nor deletes such keys.
package records

import (
	"context"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd/schema"
	"originwarden/store/history"
)

// maxDropped is how many records a transaction drops at most of a tenant: more than it
// adds.
const maxDropped = 48

// Oldest reads the number of the tenant's records, and the oldest keys, for Log.Oldest.
func Oldest(keys schema.Keys, tenant string) clientv3.Op {
	return schema.SpanOf(keys.History(tenant), clientv3.WithKeysOnly()).Page(maxDropped)
}

// Detail is how much a record has.
type Detail int

// The details, each with less than the one before.
const (
	Whole  Detail = iota
	Counts        // of the entries
	None          // there is no record
)

// Record is an encoded record. The zero value is none.
type Record struct {
	store.Record
	Encoded []byte
}

// New returns the record of a write: see history.NewRecord. A write that changes nothing
// has none.
func New(ctx context.Context, keep store.Retention, before, after *store.WebIntegration, d Detail) Record {
	if keep.Records <= 0 || d == None {
		return Record{}
	}
	r := history.NewRecord(ctx, before, after)
	if history.ChangesNothing(&r) {
		return Record{}
	}
	if d == Counts {
		r = history.Omit(r)
	}
	return Record{r, history.Encode(r)}
}

// Log collects what a transaction adds to a tenant's records.
type Log struct {
	Keys   schema.Keys
	Keep   store.Retention
	Tenant string
	After  int64                       // mod revision of the tenant's key
	Oldest *etcdserverpb.RangeResponse // what the operation Oldest has read
	puts   []clientv3.Op
}

// Add adds a record to those of the transaction.
func (l *Log) Add(r Record) {
	if r.Encoded == nil {
		return
	}
	key := l.Keys.Record(schema.RecordKey{Tenant: l.Tenant, After: l.After, Place: len(l.puts), Time: r.Time, Integration: r.Integration})
	l.puts = append(l.puts, clientv3.OpPut(key, string(r.Encoded)))
}

// Ops returns the operations: a put for each record, and at most one other. A late record
// with the same After stays: it is behind these records in the order of the keys.
func (l *Log) Ops() []clientv3.Op {
	surplus := int(l.Oldest.Count) + len(l.puts) - l.Keep.Records
	since := l.Keep.Since(time.Now())
	dropped := 0
	for i, kv := range l.Oldest.Kvs {
		key, _, err := l.Keys.ParseRecord(l.Tenant, kv)
		if err != nil || key.After >= l.After || i >= surplus && !key.Time.Before(since) {
			break
		}
		dropped++
	}
	if dropped == 0 {
		return l.puts
	}
	first, last := string(l.Oldest.Kvs[0].Key), string(l.Oldest.Kvs[dropped-1].Key)
	return append(l.puts, clientv3.OpDelete(first, clientv3.WithRange(last+"\x00")))
}
