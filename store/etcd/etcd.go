package etcd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"

	"originwarden/store"
)

// DefaultPrefix is where the keys are if Options name no prefix.
const DefaultPrefix = "/originwarden/"

// Options say which cluster to use, and how much a tenant may keep in it.
type Options struct {
	// Endpoints are members of the cluster, HOST:PORT. At least one; with
	// several the loss of one is bridged.
	Endpoints []string
	// Prefix is what all keys begin with, DefaultPrefix if it is empty. A slash
	// is added in front and behind. No store may be within another's prefix: where
	// one would be made there, calls fail with ErrNested.
	Prefix string
	Access
	// MustExist makes an empty prefix an error, store.ErrMissing, instead of a
	// new store.
	MustExist bool
	// Limits bound every tenant. Both must be positive.
	Limits store.Limits
	// Known is the newest position that was seen before, as a snapshot on disk
	// has it. The zero value binds the store to what it meets first.
	Known store.Position
}

// Store is a store.Store in an etcd cluster. It may be used concurrently, by
// any number of processes.
//
// A web integration takes at most 1.4 MiB in the cluster, or what the cluster
// takes if that is less; more than that is a *store.LimitError of LimitBytes.
//
// While the cluster's NOSPACE alarm is on, some deletions succeed, and edits that
// only take origins away: see withdrawals. Such an edit keeps the time of the last
// update, and takes several origins away one after another.
type Store struct {
	endpoints []string
	keys      layout
	limits    store.Limits
	mustExist bool // the first contact makes no store
	bond      bond
	mark      atomic.Pointer[mark]
	turns     turns
	room      room
	pooled    atomic.Bool // the pool for withdrawals was seen

	writingBack turns // under one name

	silence atomic.Int64 // that the next watch bears, in nanoseconds, if not the least

	mu      sync.Mutex
	members *members
	closed  chan struct{} // closed with mu held
	calls   sync.WaitGroup
}

var errClosed = errors.New("etcd: the store is closed")

// Open returns a store on the cluster, which need not be there yet: calls try
// to reach it until their context ends. The error says which option cannot
// work. ctx is not used beyond the call.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	members, err := newMembers(o.Endpoints, o.Access)
	if err != nil {
		return nil, wrapped(err)
	}
	return &Store{
		endpoints: o.Endpoints,
		keys:      newLayout(o.Prefix),
		limits:    o.Limits,
		mustExist: o.MustExist,
		bond:      bond{known: o.Known},
		members:   members,
		closed:    make(chan struct{}),
	}, nil
}

func (o *Options) check() error {
	if len(o.Endpoints) == 0 {
		return errors.New("etcd: no endpoint")
	}
	for _, endpoint := range o.Endpoints {
		host, port, err := net.SplitHostPort(endpoint)
		if err != nil || host == "" || port == "" || strings.ContainsAny(endpoint, "/@ ") {
			return fmt.Errorf("etcd: the endpoint %q is not HOST:PORT", endpoint)
		}
	}
	if err := o.Access.check(); err != nil {
		return err
	}
	switch {
	case o.Limits.Integrations <= 0 || o.Limits.Origins <= 0:
		return errors.New("etcd: the limits must be positive")
	case o.Known.Store == "" && o.Known.Revision != 0:
		return errors.New("etcd: a known revision is that of a known store")
	}
	return nil
}

// enter begins a call, which Close waits for until leave.
func (s *Store) enter() (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.closed:
		return nil, errClosed
	default:
		s.calls.Add(1)
		return s.calls.Done, nil
	}
}

// Close implements store.Store. It ends those that watch and waits for the
// other calls. Later calls fail; a second Close does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	select {
	case <-s.closed:
		s.mu.Unlock()
		return nil
	default:
		close(s.closed)
	}
	s.mu.Unlock()
	s.calls.Wait()
	if err := s.members.close(); err != nil {
		return fmt.Errorf("etcd: closing: %w", err)
	}
	return nil
}
