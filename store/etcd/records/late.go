package records

import (
	"bytes"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd/schema"
)

// maxLateBytes bounds what Late keeps in memory.
const maxLateBytes = 8 << 20

// Late are the records of removals, which are made while etcd has no space for records.
// They are added when it has, if the process still runs. The zero value has none. It
// may be used concurrently.
type Late struct {
	mu    sync.Mutex
	all   []Record
	bytes int
	lost  uint64
}

// Add adds the record of a removal, which has its revision. If there are too many
// already, the record is lost.
func (l *Late) Add(r Record) {
	if r.Encoded == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bytes+len(r.Encoded) > maxLateBytes {
		l.lost++
		return
	}
	l.all, l.bytes = append(l.all, r), l.bytes+len(r.Encoded)
}

// Lose counts a record that was not kept because no cluster takes it.
func (l *Late) Lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost++
}

// Status implements store.RecordKeeper.
func (l *Late) Status() store.RecordStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	return store.RecordStatus{Waiting: len(l.all), Lost: l.lost}
}

// Ops returns the operations that put a late record, and that read it if its key is
// there already.
func (r *Record) Ops(keys schema.Keys) (key string, put, read clientv3.Op) {
	key = keys.LateRecord(schema.RecordKey{Tenant: r.Tenant, After: int64(r.Revision), Time: r.Time, Integration: r.Integration})
	return key, clientv3.OpPut(key, string(r.Encoded)), clientv3.OpGet(key)
}

// IsAdded reports whether a late record is in the history, given the response to a
// transaction that puts its key, or else reads it: then an earlier copy of the request
// may have put it.
func (r *Record) IsAdded(response *clientv3.TxnResponse) bool {
	if response.Succeeded {
		return true
	}
	found := response.Responses[0].GetResponseRange().Kvs
	return len(found) > 0 && bytes.Equal(found[0].Value, r.Encoded)
}

// Flush calls write with each record, and forgets it. It ends with the first error.
func (l *Late) Flush(write func(r Record) error) error {
	l.mu.Lock()
	all := l.all
	l.all, l.bytes = nil, 0
	l.mu.Unlock()
	for i, r := range all {
		if err := write(r); err != nil {
			for _, rest := range all[i:] {
				l.Add(rest)
			}
			return err
		}
	}
	return nil
}

// Forget loses all records.
func (l *Late) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost += uint64(len(l.all))
	l.all, l.bytes = nil, 0
}
