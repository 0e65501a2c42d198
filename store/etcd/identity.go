package etcd

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd/connection"
	"originwarden/store/etcd/schema"
)

// identityGuard detects that the store was reset. It knows the identity of the
// store and its newest revision that was seen. The zero value accepts the first
// store that it finds.
type identityGuard struct {
	mu    sync.Mutex
	known store.Position
	// rolledBack is set once the store was older than known. When it reaches that
	// revision again, it has other writes at known revisions.
	rolledBack bool
}

// position returns the known position, and whether the store was rolled back.
func (g *identityGuard) position() (known store.Position, rolledBack bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.known, g.rolledBack
}

// check compares the position in a response with the position that was known when
// the request was sent. Positions that became known later do not count, because
// responses can arrive out of order.
func (g *identityGuard) check(known, found store.Position) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	another := known.Store != "" && found.Store != known.Store
	older := !another && found.Revision < known.Revision
	if older && g.known.Store == known.Store {
		g.rolledBack = true
	}
	switch {
	case another || older || found.Store == "":
		return &store.ResetError{Known: known, Found: found}
	case g.known.Store == "":
		g.known = found
	case g.known.Store != found.Store, g.rolledBack:
		return &store.ResetError{Known: g.known, Found: found}
	default:
		g.known.Revision = max(g.known.Revision, found.Revision)
	}
	return nil
}

// recordRollback records that the store was rolled back, and has reached the known
// revision again.
func (g *identityGuard) recordRollback(reset store.ResetError) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.known.Store == reset.Known.Store {
		g.rolledBack = true
	}
	return &reset
}

// accept makes found the known position.
func (g *identityGuard) accept(found store.Position) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known, g.rolledBack = found, false
}

// Position implements store.Store.
func (s *Store) Position(ctx context.Context) (at store.Position, err error) {
	err = s.cluster.Call(func() error {
		view, _, err := s.read(ctx)
		at = view.Position
		return err
	})
	return at, err
}

// Accept implements store.Store. A store that was rolled back gets a new identity:
// other processes that know a later revision must not take it for the same store
// when it reaches that revision again.
func (s *Store) Accept(ctx context.Context) (at store.Position, err error) {
	err = s.cluster.Call(func() error {
		at, err = s.acceptStore(ctx)
		return err
	})
	return at, err
}

func (s *Store) acceptStore(ctx context.Context) (store.Position, error) {
	for {
		known, rolledBack := s.guard.position()
		view, _, err := s.readAnyStore(ctx)
		switch {
		case err != nil:
			return store.Position{}, err
		case view.identityValue == "":
			err = s.createStore(ctx)
		case view.Store == known.Store && (rolledBack || view.Revision < known.Revision):
			err = s.putIdentity(ctx, clientv3.Compare(clientv3.Value(s.keys.Identity()), "=", view.identityValue))
		default:
			s.guard.accept(view.Position)
			s.seen.Store(nil)
			return view.Position, nil
		}
		if err != nil {
			return store.Position{}, err
		}
	}
}

// createStore creates the store, unless another process does, or ErrNested forbids
// it.
func (s *Store) createStore(ctx context.Context) error {
	if err := s.checkNesting(ctx); err != nil {
		return err
	}
	return s.putIdentity(ctx, clientv3.Compare(clientv3.CreateRevision(s.keys.Identity()), "=", 0))
}

// putIdentity gives the store a new identity, on a condition. After it returns
// nil, the condition no longer holds.
func (s *Store) putIdentity(ctx context.Context, condition clientv3.Cmp) error {
	put := clientv3.OpPut(s.keys.Identity(), schema.EncodeIdentity(rand.Text()))
	_, err := s.send(ctx, connection.Request{If: []clientv3.Cmp{condition}, Then: []clientv3.Op{put}})
	return err
}

// seenWrite is the last write that a watch has received. A store that was restored
// from a backup, and then reached the same revision, has another write there.
type seenWrite struct {
	store.Position
	write string // its id, the value of head
}

// checkHistory fails if the store has another write where seen was. It passes if
// that part of the history is compacted.
func (s *Store) checkHistory(ctx context.Context, seen *seenWrite, view readView) error {
	if seen == nil || seen.Store != view.Store || seen.Revision >= view.Revision {
		return nil // the guard has checked the rest
	}
	get := clientv3.OpGet(s.keys.Head(), clientv3.WithRev(int64(seen.Revision)))
	response, err := s.send(ctx, connection.Request{Then: []clientv3.Op{get}})
	switch {
	case errors.Is(err, rpctypes.ErrCompacted):
		return nil
	case err != nil:
		return err
	}
	head := rangesOf(response).first(0)
	if head != nil && string(head.Value) == seen.write {
		return nil
	}
	return s.guard.recordRollback(store.ResetError{Known: seen.Position, Found: view.Position})
}
