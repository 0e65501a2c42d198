package connection

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Cluster is the connection to an etcd cluster. It may be used concurrently.
type Cluster struct {
	endpoints []string
	silence   atomic.Int64 // that the next watch permits, in nanoseconds; 0 means minSilence

	mu      sync.Mutex
	members *members
	closed  chan struct{} // closed with mu held
	calls   sync.WaitGroup
}

var errClosed = errors.New("etcd: the store is closed")

// Open returns a connection to the members at the endpoints. It does not wait
// until they can be reached.
func Open(endpoints []string, a Access) (*Cluster, error) {
	m, err := newMembers(endpoints, a)
	if err != nil {
		return nil, err
	}
	return &Cluster{endpoints: endpoints, members: m, closed: make(chan struct{})}, nil
}

// Call runs do, and Close waits for it. It fails after Close.
func (c *Cluster) Call(do func() error) error {
	c.mu.Lock()
	select {
	case <-c.closed:
		c.mu.Unlock()
		return errClosed
	default:
		c.calls.Add(1)
	}
	c.mu.Unlock()
	defer c.calls.Done()
	return do()
}

// Close ends watches, waits for the other calls, and closes the connections. A
// second Close does nothing.
func (c *Cluster) Close() error {
	c.mu.Lock()
	select {
	case <-c.closed:
	default:
		close(c.closed)
	}
	c.mu.Unlock()
	c.calls.Wait()
	if err := c.members.close(); err != nil {
		return fmt.Errorf("etcd: closing: %w", err)
	}
	return nil
}

// Request is one transaction.
type Request struct {
	If   []clientv3.Cmp
	Then []clientv3.Op
	Else []clientv3.Op
}

// Send commits a request. It returns how often the request was sent: if more than
// once, it may have been carried out, or may still be, whatever the result is.
func (c *Cluster) Send(ctx context.Context, r Request) (response *clientv3.TxnResponse, attempts int, err error) {
	m := c.hold()
	defer m.users.Done()
	return m.send(ctx, r)
}

func (m *members) send(ctx context.Context, r Request) (*clientv3.TxnResponse, int, error) {
	commit := hedgedCall[*clientv3.TxnResponse]{members: m, ask: func(ctx context.Context, client *clientv3.Client) (*clientv3.TxnResponse, error) {
		return client.Txn(ctx).If(r.If...).Then(r.Then...).Else(r.Else...).Commit()
	}}
	response, err := commit.run(ctx)
	return response, commit.attempts, err
}

// Status returns the status of the member that answers first.
func (c *Cluster) Status(ctx context.Context) (*etcdserverpb.StatusResponse, error) {
	m := c.hold()
	defer m.users.Done()
	status := hedgedCall[*etcdserverpb.StatusResponse]{members: m, ask: func(ctx context.Context, client *clientv3.Client) (*etcdserverpb.StatusResponse, error) {
		return etcdserverpb.NewMaintenanceClient(client.ActiveConnection()).Status(ctx, &etcdserverpb.StatusRequest{})
	}}
	return status.run(ctx)
}

// hold returns the members in use, which stay open until their user is done.
func (c *Cluster) hold() *members {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.members.users.Add(1)
	return c.members
}

// Renew replaces the credentials, if the cluster accepts the probe with the new ones.
// Otherwise it returns the error and keeps the old ones. It waits for the calls that
// use the old ones; watches return an error.
func (c *Cluster) Renew(ctx context.Context, a Access, probe Request) error {
	renewed, err := newMembers(c.endpoints, a)
	if err != nil {
		return err
	}
	if _, _, err := renewed.send(ctx, probe); err != nil {
		return errors.Join(err, renewed.close())
	}
	c.mu.Lock()
	old := c.members
	c.members = renewed
	c.mu.Unlock()
	close(old.replaced)
	old.users.Wait()
	return old.close()
}
