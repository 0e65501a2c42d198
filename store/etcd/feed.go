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
	ours, none, writesBack, write := false, false, false, f.write
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
		case key == f.keys.none():
			none = !deleted
		case key == f.keys.pool():
			writesBack = !deleted
		case deleted && f.keys.isFree(key):
			return nil, store.ErrCompacted // only a read tells what was withdrawn
		case strings.HasPrefix(key, f.keys.integrations()):
			c, err := f.change(event)
			if err != nil {
				return nil, err
			}
			all = append(all, c)
		}
	}
	if ours && none {
		return nil, store.ErrCompacted // written back: the last revision is of no change
	}
	if writesBack {
		return nil, nil
	}
	if len(all) > 0 && !ours {
		return nil, errForeign
	}
	f.write = write
	return all, nil
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
