package etcd

import (
	"errors"
	"fmt"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/origins"
	"originwarden/store"
)

// errForeign says that somebody else has written under the prefix.
var errForeign = errors.New("etcd: the store was written to by something else than an originwarden")

// feed makes changes of what a watch of everything under the prefix sees. It
// sees more than the web integrations, since a deletion counts only if the
// store made it: an emptied prefix is not a store whose lists were deleted.
type feed struct {
	keys     layout
	store    string // its identity
	identity string // the same as it is kept
	after    int64  // changes up to this revision are known
	write    string // the id of the last write that was seen
}

// changes returns those of the events, and an error for what comes behind them
// that no Store has written.
func (f *feed) changes(events []*clientv3.Event) (all []origins.Change, err error) {
	for len(events) > 0 {
		revision, n := events[0].Kv.ModRevision, 1
		for n < len(events) && events[n].Kv.ModRevision == revision {
			n++
		}
		if revision > f.after { // a member may begin too early
			c, err := f.commit(events[:n])
			if err != nil {
				return all, fmt.Errorf("at revision %d: %w", revision, err)
			}
			all = append(all, c...)
			f.after = revision
		}
		events = events[n:]
	}
	return all, nil
}

// commit reads what was written together.
func (f *feed) commit(events []*clientv3.Event) (all []origins.Change, err error) {
	ours, write := false, f.write
	for _, event := range events {
		key, deleted := string(event.Kv.Key), event.Type == clientv3.EventTypeDelete
		switch {
		case key == f.keys.identity():
			if deleted || string(event.Kv.Value) != f.identity {
				return nil, errForeign
			}
		case key == f.keys.head():
			if ours = !deleted; ours {
				write = string(event.Kv.Value)
			}
		case strings.HasPrefix(key, f.keys.integrations()):
			c, err := f.change(event)
			if err != nil {
				return nil, err
			}
			all = append(all, c)
		}
	}
	if writesBack, err := f.withdrawals(events); writesBack || err != nil {
		return nil, err
	}
	if len(all) > 0 && !ours {
		return nil, errForeign
	}
	f.write = write
	return all, nil
}

// withdrawals reports whether what was written together writes withdrawals back,
// which changes nothing. The error is store.ErrCompacted where the lists have to be
// read: after a withdrawal, which does not say of whom, and when all are written
// back, at a revision that has no change.
func (f *feed) withdrawals(events []*clientv3.Event) (writesBack bool, err error) {
	head, none := false, false
	for _, event := range events {
		put := event.Type != clientv3.EventTypeDelete
		switch key := string(event.Kv.Key); {
		case key == f.keys.head():
			head = put
		case key == f.keys.none():
			none = put
		case key == f.keys.pool():
			writesBack = put
		case !put && f.keys.isFree(key):
			return false, fmt.Errorf("%w: origins were withdrawn", store.ErrCompacted)
		}
	}
	if head && none {
		return false, fmt.Errorf("%w: withdrawals were written back", store.ErrCompacted)
	}
	return writesBack, nil
}

func (f *feed) change(event *clientv3.Event) (origins.Change, error) {
	tenant, id, ok := f.keys.parseIntegration(string(event.Kv.Key))
	if !ok {
		return origins.Change{}, fmt.Errorf("%w: %q is no key of a web integration", errForeign, event.Kv.Key)
	}
	if event.Type == clientv3.EventTypeDelete {
		return store.Deletion(tenant, id, uint64(event.Kv.ModRevision)), nil
	}
	w, err := decode(tenant, id, event.Kv)
	if err != nil {
		return origins.Change{}, err
	}
	return w.Change(), nil
}
