package connection

import (
	"context"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Lease is a lease of the cluster: the keys that were put with it are deleted when it
// expires. Renewing it changes no revision.
type Lease = clientv3.LeaseID

// Grant returns a new lease that expires after lifetime, in whole seconds. If a request
// is lost, another lease may have been granted too.
func (c *Cluster) Grant(ctx context.Context, lifetime time.Duration) (Lease, error) {
	granted, err := askLease(ctx, c, func(ctx context.Context, client etcdserverpb.LeaseClient) (*etcdserverpb.LeaseGrantResponse, error) {
		return client.LeaseGrant(ctx, &etcdserverpb.LeaseGrantRequest{TTL: int64(lifetime / time.Second)})
	})
	if err != nil {
		return 0, err
	}
	return Lease(granted.ID), nil
}

// KeepAlive renews a lease. It returns rpctypes.ErrLeaseNotFound if the lease has
// expired.
func (c *Cluster) KeepAlive(ctx context.Context, lease Lease) error {
	kept, err := askLease(ctx, c, func(ctx context.Context, client etcdserverpb.LeaseClient) (*etcdserverpb.LeaseKeepAliveResponse, error) {
		ctx, end := context.WithCancel(ctx)
		defer end()
		stream, err := client.LeaseKeepAlive(ctx)
		if err != nil {
			return nil, err
		}
		if err := stream.Send(&etcdserverpb.LeaseKeepAliveRequest{ID: int64(lease)}); err != nil {
			return nil, err
		}
		return stream.Recv()
	})
	if err == nil && kept.TTL <= 0 {
		err = rpctypes.ErrLeaseNotFound
	}
	return err
}

// Renewed returns how long ago a lease was granted or renewed, in whole seconds, and
// false if it has expired.
func (c *Cluster) Renewed(ctx context.Context, lease Lease) (ago time.Duration, alive bool, err error) {
	left, err := askLease(ctx, c, func(ctx context.Context, client etcdserverpb.LeaseClient) (*etcdserverpb.LeaseTimeToLiveResponse, error) {
		return client.LeaseTimeToLive(ctx, &etcdserverpb.LeaseTimeToLiveRequest{ID: int64(lease)})
	})
	if err != nil || left.TTL <= 0 {
		return 0, false, err
	}
	return time.Duration(max(left.GrantedTTL-left.TTL, 0)) * time.Second, true, nil
}

func askLease[T any](ctx context.Context, c *Cluster, ask func(context.Context, etcdserverpb.LeaseClient) (T, error)) (T, error) {
	m := c.hold()
	defer m.users.Done()
	call := hedgedCall[T]{members: m, ask: func(ctx context.Context, client *clientv3.Client) (T, error) {
		return ask(ctx, etcdserverpb.NewLeaseClient(client.ActiveConnection()))
	}}
	return call.run(ctx)
}
