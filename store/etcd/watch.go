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
	beginPatience = 10 * time.Second // until a watch has begun, with connecting
	askForNews    = time.Second      // how often a member is asked how far it is

	// A member that says nothing for so long is taken to be gone. It may also be
	// sending much: who begins again is given twice the time.
	leastSilence = 3 * time.Second
	mostSilence  = 2 * time.Minute
)

var (
	errSilent  = errors.New("etcd: the member that is watched does not answer")
	errRenewed = errors.New("etcd: connecting anew with other credentials")
)

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
	m := s.hold()
	defer s.release(m)
	watching, stop := context.WithCancelCause(clientv3.WithRequireLeader(ctx))
	var beside sync.WaitGroup
	defer beside.Wait()
	defer stop(nil)
	beside.Go(func() {
		select {
		case <-s.closed:
			stop(errClosed)
		case <-m.replaced:
			stop(errRenewed)
		case <-watching.Done():
		}
	})
	f, w, err := s.follow(watching, m, after)
	if err == nil {
		defer w.Close()
		beside.Go(func() { w.askForNews(watching) })
		err = s.hand(watching, f, w.news, changed)
	}
	if watching.Err() != nil {
		return context.Cause(watching)
	}
	return err
}

// follow begins to watch what comes after the revision, or fails in time.
func (s *Store) follow(ctx context.Context, m *members, after uint64) (*feed, *watch, error) {
	soon, cancel := context.WithTimeout(ctx, beginPatience)
	defer cancel()
	past := s.mark.Load()
	now, _, err := s.read(soon)
	if err == nil {
		err = s.recognise(soon, past, now)
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
	w, err := s.watch(ctx, soon, m, from)
	return f, w, err
}

// watch is one that a member has confirmed.
type watch struct {
	clientv3.Watcher
	news clientv3.WatchChan
}

func (w *watch) close() { _ = w.Close() }

// watch has a member watch from a revision on, until ctx ends. soon is until when
// one has to have confirmed it. Every member that is asked has a stream of its
// own, on which nobody else waits.
func (s *Store) watch(ctx, soon context.Context, m *members, from int64) (*watch, error) {
	of := race[*watch]{members: m, discard: (*watch).close}
	of.ask = func(attempt context.Context, client *clientv3.Client) (*watch, error) {
		w := &watch{Watcher: clientv3.NewWatcher(client)}
		keep := context.AfterFunc(attempt, w.close)
		w.news = w.Watch(ctx, string(s.keys), clientv3.WithPrefix(), clientv3.WithRev(from),
			clientv3.WithProgressNotify(), clientv3.WithFragment())
		if !keep() {
			return nil, attempt.Err()
		}
		return w, nil
	}
	return of.run(soon)
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
			if is.IsProgressNotify() {
				silence = leastSilence // it has sent all that there was
			}
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
