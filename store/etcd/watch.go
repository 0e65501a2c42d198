package etcd

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/origins"
	"originwarden/store"
	"originwarden/store/etcd/connection"
	"originwarden/store/etcd/schema"
)

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, after uint64, changed func([]origins.Change)) error {
	w := watch{Store: s, changed: changed}
	return s.cluster.Call(func() error {
		start := func(ctx context.Context) (from int64, err error) { return w.start(ctx, after) }
		return s.cluster.Watch(ctx, string(s.keys), s.keys.WatchEnd(), start, w.handle)
	})
}

// watch is one call of Watch.
type watch struct {
	*Store
	identity string // of the store
	feed     schema.Feed
	changed  func([]origins.Change)
}

// start returns the etcd revision from which to watch for the changes after a revision
// of the store.
func (w *watch) start(ctx context.Context, after uint64) (from int64, err error) {
	seen := w.seen.Load()
	view, _, err := w.reader.Read(ctx)
	if err == nil {
		err = w.checkHistory(ctx, seen, view)
	}
	if err != nil {
		return 0, err
	}
	w.identity = view.Store
	w.feed = schema.Feed{Keys: w.keys, IdentityValue: view.IdentityValue, After: int64(after)}
	if view.Revision > after {
		return int64(after) + 1, nil
	}
	// The store has no write between after and now, so it does not matter whether
	// the cluster has compacted that. A member reports progress only to watches
	// that do not begin in the future.
	w.feed.After = max(int64(after), view.EtcdRevision)
	w.seen.Store(&seenWrite{view.Position, view.Write})
	return view.EtcdRevision, nil
}

// handle passes on the changes of a response, up to the first that it cannot read.
func (w *watch) handle(ctx context.Context, response clientv3.WatchResponse) error {
	if err := response.Err(); errors.Is(err, rpctypes.ErrCompacted) {
		return store.ErrFeedGap
	} else if err != nil {
		return fmt.Errorf("etcd: watching: %w", err)
	}
	changes, err := w.feed.Changes(response.Events)
	if n := len(changes); n > 0 {
		w.changed(changes)
		found := store.Position{Store: w.identity, Revision: changes[n-1].Revision}
		if err := w.guard.Check(store.Position{}, found); err != nil {
			return err
		}
		w.seen.Store(&seenWrite{found, w.feed.Write})
	}
	if !errors.Is(err, schema.ErrForeign) {
		return err
	}
	// If the writer was a restore from a backup, the reset is the better error.
	soon, cancel := context.WithTimeout(ctx, connection.WatchTimeout)
	defer cancel()
	if _, _, reset := w.reader.Read(soon); errors.Is(reset, store.ErrReset) {
		return reset
	}
	return err
}
