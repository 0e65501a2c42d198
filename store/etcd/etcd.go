package etcd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"

	clientv3 "go.etcd.io/etcd/client/v3"

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
	// is added in front and behind. No store may be within another's prefix.
	Prefix string
	// Username and Password are etcd's own; both or none. The user needs to
	// read and write under the prefix, and nothing else.
	Username, Password string
	// TLS is how to connect; nil means without TLS. It may hold a client
	// certificate.
	TLS *tls.Config
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
type Store struct {
	client *clientv3.Client
	keys   layout
	limits store.Limits
	bond   bond
	mark   atomic.Pointer[mark]
	turns  turns

	silence atomic.Int64 // that the next watch bears, in nanoseconds, if not the least

	mu     sync.Mutex
	closed chan struct{} // closed with mu held
	calls  sync.WaitGroup
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
	client, err := connect(o)
	if err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	return &Store{
		client: client,
		keys:   newLayout(o.Prefix),
		limits: o.Limits,
		bond:   bond{known: o.Known},
		closed: make(chan struct{}),
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
	switch {
	case (o.Username == "") != (o.Password == ""):
		return errors.New("etcd: a user name and a password go together")
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
	if err := s.client.Close(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("etcd: closing: %w", err)
	}
	return nil
}
