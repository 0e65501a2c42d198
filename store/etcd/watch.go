package etcd

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/origins"
	"originwarden/store"
)

const (
	beginPatience  = 5 * time.Second        // until a watch has begun
	memberPatience = 250 * time.Millisecond // of the first member that is asked for that
	askForNews     = time.Second            // how often a member is asked how far it is

	// A member that says nothing for so long is taken to be gone. It may also be
	// sending much: who begins again is given twice the time.
	leastSilence = 3 * time.Second
	mostSilence  = 2 * time.Minute
)

var errSilent = errors.New("etcd: the member that is watched does not answer")

// Watch implements store.Store. It moves on to another member by itself when
// one is lost, and returns an error when the member has no leader, or says
// nothing for 3 s. It asks every second how far the member is, so that a watch with
// nothing to see is not behind what the cluster keeps of its history.
func (s *Store) Watch(ctx context.Context, after uint64, changed func([]origins.Change)) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	var beside sync.WaitGroup
	defer beside.Wait()
	inner, stop := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer stop()
	beside.Go(func() {
		select {
		case <-s.closed:
			stop()
		case <-inner.Done():
		}
	})
	f, w, err := s.follow(inner, after)
	if err == nil {
		defer w.Close()
		beside.Go(func() { w.askForNews(inner) })
		err = s.hand(inner, f, w.news, changed)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed:
		return errClosed
	default:
		return err
	}
}

// follow begins to watch what comes after the revision, or fails in time.
func (s *Store) follow(ctx context.Context, after uint64) (*feed, *watch, error) {
	past := s.mark.Load()
	now, err := s.now(ctx)
	if err == nil {
		err = s.recognise(ctx, past, now)
	}
	if err != nil {
		return nil, nil, err
	}
	f := &feed{keys: s.keys, store: now.Store, identity: now.identity, after: int64(after)}
	from := f.after + 1
	if now.Revision <= after {
		// Nothing of ours came between the two, so that it does not matter
		// whether the cluster still has what did. A member says how far it is
		// only to those who do not watch from the future.
		from, f.after = now.etcd, max(f.after, now.etcd)
		s.mark.Store(&mark{now.Position, now.write})
	}
	w, err := s.watch(ctx, from)
	return f, w, err
}

// now reads where the store is. A member that does not answer is left for
// another one sooner than in other calls: all that changes meanwhile is not seen.
func (s *Store) now(ctx context.Context) (at moment, err error) {
	for patience := memberPatience; patience <= beginPatience/2; patience *= 2 {
		soon, cancel := context.WithTimeout(ctx, patienceShare*patience)
		at, _, err = s.read(soon)
		late := soon.Err() != nil
		cancel()
		if err == nil || !late || ctx.Err() != nil {
			break
		}
	}
	return at, err
}

// watch is one that a member has confirmed.
type watch struct {
	clientv3.Watcher
	news clientv3.WatchChan
}

// watch asks one member after another to watch from a revision on, until one
// has confirmed it. Every attempt has a stream of its own: the one that the
// client shares would go on waiting for the first that was asked, with all who
// ask later, for as long as the connection to it is taken to be alive.
func (s *Store) watch(ctx context.Context, from int64) (*watch, error) {
	for patience := memberPatience; patience <= beginPatience; patience *= 2 {
		w := clientv3.NewWatcher(s.client)
		timer := time.AfterFunc(patience, func() { _ = w.Close() })
		news := w.Watch(ctx, string(s.keys), clientv3.WithPrefix(), clientv3.WithRev(from),
			clientv3.WithProgressNotify(), clientv3.WithFragment())
		if timer.Stop() {
			return &watch{w, news}, nil
		}
	}
	return nil, errSilent
}

// askForNews has the cluster say how far it is, until ctx ends.
func (w *watch) askForNews(ctx context.Context) {
	ticker := time.NewTicker(askForNews)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			_ = w.RequestProgress(ctx) // that it failed shows in the silence
		case <-ctx.Done():
			return
		}
	}
}

// hand hands the changes over as they come, until there is an error.
func (s *Store) hand(ctx context.Context, f *feed, news clientv3.WatchChan, changed func([]origins.Change)) error {
	silence := max(time.Duration(s.silence.Load()), leastSilence)
	timer := time.NewTimer(silence)
	defer timer.Stop()
	for {
		timer.Reset(silence)
		select {
		case <-timer.C:
			s.silence.Store(int64(min(2*silence, mostSilence)))
			return errSilent
		case is, ok := <-news:
			if !ok {
				return errors.New("etcd: the watch ended")
			}
			s.silence.Store(0)
			if err := watchError(is); err != nil {
				return err
			}
			if err := s.take(ctx, f, is, changed); err != nil {
				return err
			}
		}
	}
}

// take hands over what one response has, up to what is not understood.
func (s *Store) take(ctx context.Context, f *feed, is clientv3.WatchResponse, changed func([]origins.Change)) error {
	changes, err := f.changes(is.Events)
	if n := len(changes); n > 0 {
		changed(changes)
		found := store.Position{Store: f.store, Revision: changes[n-1].Revision}
		if reset := s.bond.meet(store.Position{}, found); reset != nil {
			return reset
		}
		s.mark.Store(&mark{found, f.write})
	}
	if !errors.Is(err, errForeign) {
		return err
	}
	soon, cancel := context.WithTimeout(ctx, beginPatience)
	defer cancel()
	if _, _, reset := s.read(soon); errors.Is(reset, store.ErrReset) {
		return reset
	}
	return err
}

func watchError(is clientv3.WatchResponse) error {
	err := is.Err()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, rpctypes.ErrCompacted):
		return store.ErrCompacted
	}
	return fmt.Errorf("etcd: watching: %w", err)
}
