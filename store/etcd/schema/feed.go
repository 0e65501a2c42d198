package schema

import (
	"errors"
	"fmt"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/origins"
	"originwarden/store"
)

// ErrForeign reports a write under the prefix that no originwarden made.
var ErrForeign = errors.New("etcd: a program other than originwarden has written to the store")

// Feed reads changes from the events of a watch of all keys up to WatchEnd. It needs all of them,
// since only deletions that the store made count: a deleted prefix does not empty
// the lists.
type Feed struct {
	Keys          Keys
	IdentityValue string // of the key with the identity
	After         int64  // earlier revisions, and this one, are skipped
	Write         string // the id of the last write that was read
}

// Changes returns the changes of the events up to the first one that it cannot
// read, and the error of that: ErrForeign, or store.ErrFeedGap where all lists
// have to be read again.
func (f *Feed) Changes(events []*clientv3.Event) (changes []origins.Change, err error) {
	for len(events) > 0 {
		revision, n := events[0].Kv.ModRevision, 1
		for n < len(events) && events[n].Kv.ModRevision == revision {
			n++
		}
		if revision > f.After { // a member may begin too early
			committed, err := f.readCommit(events[:n])
			if err != nil {
				return changes, fmt.Errorf("at revision %d: %w", revision, err)
			}
			changes = append(changes, committed...)
			f.After = revision
		}
		events = events[n:]
	}
	return changes, nil
}

// readCommit reads the events of one revision. Removals do not name the web
// integration, so that after one all lists have to be read. The same holds when
// all are written back, which increases the revision without a change.
func (f *Feed) readCommit(events []*clientv3.Event) (changes []origins.Change, err error) {
	var head, none, pool bool // whether these keys were put
	removed := false
	write := f.Write
	for _, event := range events {
		key, put := string(event.Kv.Key), event.Type != clientv3.EventTypeDelete
		switch {
		case key == f.Keys.Identity() && (!put || string(event.Kv.Value) != f.IdentityValue):
			return nil, ErrForeign
		case key == f.Keys.Head():
			if head = put; put {
				write = string(event.Kv.Value)
			}
		case key == f.Keys.NoRemovals():
			none = put
		case key == f.Keys.Pool():
			pool = put
		case strings.HasPrefix(key, f.Keys.Removals()) && strings.HasSuffix(key, "/free"):
			removed = removed || !put
		case strings.HasPrefix(key, f.Keys.integrations()):
			change, err := f.readChange(event)
			if err != nil {
				return nil, err
			}
			changes = append(changes, change)
		}
	}
	switch {
	case removed:
		return nil, fmt.Errorf("%w: origins were removed", store.ErrFeedGap)
	case head && none:
		return nil, fmt.Errorf("%w: removals were written back", store.ErrFeedGap)
	case pool: // a part of the writing back
		return nil, nil
	case len(changes) > 0 && !head:
		return nil, ErrForeign
	}
	f.Write = write
	return changes, nil
}

func (f *Feed) readChange(event *clientv3.Event) (origins.Change, error) {
	tenant, id, ok := f.Keys.ParseIntegration(string(event.Kv.Key))
	if !ok {
		return origins.Change{}, fmt.Errorf("%w: invalid key %q of a web integration", ErrForeign, event.Kv.Key)
	}
	if event.Type == clientv3.EventTypeDelete {
		return store.Deletion(tenant, id, uint64(event.Kv.ModRevision)), nil
	}
	w, err := Decode(tenant, id, event.Kv)
	if err != nil {
		return origins.Change{}, err
	}
	return w.Change(), nil
}
