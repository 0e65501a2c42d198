package records

import (
	"bytes"
	"errors"
	"slices"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd/schema"
	"originwarden/store/history"
)

// maxLateBytes bounds what Late keeps in memory.
const maxLateBytes = 8 << 20

// Late are the records of removals, which are made while etcd has no space for records.
// They are added when it has, if the process still runs. The zero value has none. It
// may be used concurrently.
type Late struct {
	mu       sync.Mutex
	all      []*Record // without their updates, which Encoded has
	bytes    int
	lost     uint64
	flushing bool
}

// The errors that a function for Flush returns if a record can never be put as it is.
var (
	ErrTooLarge = errors.New("etcd: the cluster does not take a record of this size")
	ErrTaken    = errors.New("etcd: another record has the key")
)

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
	r.Updates = nil
	l.all, l.bytes = append(l.all, &r), l.bytes+len(r.Encoded)
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
// may have put it. The error is ErrTaken if the key has another record.
func (r *Record) IsAdded(response *clientv3.TxnResponse) (bool, error) {
	if response.Succeeded {
		return true, nil
	}
	found := response.Responses[0].GetResponseRange().Kvs
	switch {
	case len(found) == 0:
		return false, nil
	case !bytes.Equal(found[0].Value, r.Encoded):
		return false, ErrTaken
	}
	return true, nil
}

// Flush calls write with each record, and forgets those that it has written. Of one
// that is too large, it writes the numbers of the entries; a record that cannot be
// written at all is lost. It ends with the first other error. While another call is
// running, it does nothing.
func (l *Late) Flush(write func(r Record) error) error {
	l.mu.Lock()
	running, all := l.flushing, slices.Clone(l.all)
	l.flushing = true
	l.mu.Unlock()
	if running {
		return nil
	}
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.flushing = false
	}()
	for _, r := range all {
		err := write(*r)
		if errors.Is(err, ErrTooLarge) && l.omit(r) {
			err = write(*r)
		}
		isLost := errors.Is(err, ErrTooLarge) || errors.Is(err, ErrTaken)
		if err != nil && !isLost {
			return err
		}
		l.remove(r, isLost)
	}
	return nil
}

// omit omits the entries of a record, and reports whether it had any.
func (l *Late) omit(r *Record) bool {
	whole := r.Record
	if history.Decode(r.Encoded, &whole) != nil || whole.Omitted != nil {
		return false
	}
	encoded := history.Encode(history.Omit(whole))
	l.mu.Lock()
	defer l.mu.Unlock()
	if slices.Contains(l.all, r) {
		l.bytes += len(encoded) - len(r.Encoded)
	}
	r.Encoded = encoded
	return true
}

// remove forgets a record, unless Forget has.
func (l *Late) remove(r *Record, isLost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.all, r)
	if i < 0 {
		return
	}
	l.all, l.bytes = slices.Delete(l.all, i, i+1), l.bytes-len(r.Encoded)
	if isLost {
		l.lost++
	}
}

// Forget loses all records.
func (l *Late) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost += uint64(len(l.all))
	l.all, l.bytes = nil, 0
}
