package etcd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"

	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd/connection"
	"originwarden/store/etcd/heartbeats"
	"originwarden/store/etcd/identity"
	"originwarden/store/etcd/inventory"
	"originwarden/store/etcd/keyedmutex"
	"originwarden/store/etcd/quota"
	"originwarden/store/etcd/readview"
	"originwarden/store/etcd/records"
	"originwarden/store/etcd/schema"
)

// Access holds the credentials for the cluster.
type Access = connection.Access

// ErrNested reports that a store cannot be created, since its keys would lie within
// another store's, or the other store's within its own.
var ErrNested = readview.ErrNested

// Options select the cluster, and how much a tenant may keep in it.
type Options struct {
	// Endpoints are members of the cluster, HOST:PORT. At least one is required;
	// with several, the store survives the loss of one.
	Endpoints []string
	// Prefix begins all keys; empty means /originwarden/. A slash is added in front
	// and behind. The prefix of one store must not lie within another's: calls
	// that would create such a store fail with ErrNested.
	Prefix string
	Access
	// MustExist makes an empty prefix an error, store.ErrMissing, instead of a
	// new store.
	MustExist bool
	// Limits bound every tenant. Both must be positive.
	Limits store.Limits
	// History is what is kept of the history; the zero value keeps none.
	History store.Retention
	// Known is the newest position that was seen before, for example in a snapshot
	// on disk. With the zero value, the store accepts the first one that it finds.
	Known store.Position
}

// Store is a store.Store in an etcd cluster. It may be used concurrently, by any
// number of processes.
//
// A web integration takes at most 1.4 MiB in the cluster, or the cluster's limit
// of a request if that is lower; a larger one is a *store.LimitError of
// store.LimitBytes.
//
// While the cluster's NOSPACE alarm is on, some deletions succeed, and edits that
// only take origins away: see schema.Removals. Such an edit keeps the time of the
// last update, and removes several origins one after another.
type Store struct {
	cluster   *connection.Cluster
	keys      schema.Keys
	limits    store.Limits
	history   store.Retention
	guard     *identity.Guard
	reader    readview.Reader
	seen      atomic.Pointer[seenWrite]
	locks     keyedmutex.Mutex // of the tenants' writes, and writing back; by keys of etcd
	quota     quota.Quota
	late      records.Late
	inventory *inventory.Inventory
	beats     heartbeats.Writer
}

// Open returns a store in the cluster, which may be unreachable: calls retry until
// their context ends. The error says which option is invalid. ctx is not used
// after Open returns.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cluster, err := connection.Open(o.Endpoints, o.Access)
	if err != nil {
		return nil, err
	}
	keys, guard := schema.NewKeys(o.Prefix), identity.NewGuard(o.Known)
	s := &Store{
		cluster: cluster,
		keys:    keys,
		limits:  o.Limits,
		history: o.History,
		guard:   guard,
		reader:  readview.Reader{Cluster: cluster, Keys: keys, Guard: guard, MustExist: o.MustExist},
	}
	s.inventory = s.newInventory()
	return s, nil
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
	case o.Limits.Integrations <= 0 || o.Limits.Origins <= 0:
		return errors.New("etcd: the limits must be positive")
	case o.Known.Store == "" && o.Known.Revision != 0:
		return errors.New("etcd: the known position has a revision but no store")
	}
	return nil
}

// Renew replaces the credentials, if the cluster lets the store read with the new
// ones. Otherwise it returns the error and keeps the old ones. It waits for the
// requests that use the old ones. Watch returns an error.
func (s *Store) Renew(ctx context.Context, a Access) error {
	probe := connection.Request{Then: []clientv3.Op{clientv3.OpGet(s.keys.Identity())}}
	return s.cluster.Call(func() error { return s.cluster.Renew(ctx, a, probe) })
}

// send commits a request that may be carried out several times.
func (s *Store) send(ctx context.Context, r connection.Request) (*clientv3.TxnResponse, error) {
	response, _, err := s.cluster.Send(ctx, r)
	return response, err
}

// Close implements store.Store. It ends watches and waits for the other calls.
// Later calls fail; a second Close does nothing.
func (s *Store) Close() error { return s.cluster.Close() }
