package records

import (
	"bytes"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store/etcd/schema"
)

// Late are the records of removals, which are made while etcd has no space for records.
// They are added when it has, if the process still runs. The zero value has none. It
// may be used concurrently.
type Late struct {
	mu  sync.Mutex
	all []Record
}

// Add adds a record, unless there are as many as there can be removals.
func (l *Late) Add(r Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Encoded != nil && len(l.all) < schema.Slots {
		l.all = append(l.all, r)
	}
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
func (l *Late) Flush(write func(r Record, place int) error) error {
	l.mu.Lock()
	all := l.all
	l.all = nil
	l.mu.Unlock()
	for i, r := range all {
		if err := write(r, i); err != nil {
			for _, rest := range all[i:] {
				l.Add(rest)
			}
			return err
		}
	}
	return nil
}

// Forget forgets all records.
func (l *Late) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = nil
}
