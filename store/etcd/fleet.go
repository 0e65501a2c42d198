package etcd

import (
	"context"
	"errors"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd/connection"
	"originwarden/store/etcd/heartbeats"
	"originwarden/store/etcd/readview"
	"originwarden/store/etcd/schema"
)

// Beat implements store.Fleet. A heartbeat without news changes no key. One that the
// cluster has no space for keeps the last one that it had space for.
func (s *Store) Beat(ctx context.Context, h store.Heartbeat) error {
	return s.cluster.Call(func() error {
		view, found, err := s.reader.Read(ctx, clientv3.OpGet(s.keys.Gateway(h.Gateway)))
		if err != nil {
			return err
		}
		kept := found.First(0)
		if renewed, err := s.beats.Renew(ctx, s.cluster, kept, h); err != nil || renewed {
			return err
		}
		err = s.putHeartbeat(ctx, &view, h)
		if errors.Is(err, rpctypes.ErrNoSpace) {
			err = errors.Join(err, s.beats.Keep(ctx, s.cluster, kept, h))
		}
		return err
	})
}

func (s *Store) putHeartbeat(ctx context.Context, view *readview.View, h store.Heartbeat) error {
	value, err := heartbeats.Encode(h)
	if err == nil {
		err = s.reserveSpace(ctx, len(value))
	}
	if err != nil {
		return err
	}
	sameStore := clientv3.Compare(clientv3.Value(s.keys.Identity()), "=", view.IdentityValue)
	if err := s.beats.Put(ctx, s.cluster, sameStore, s.keys.Gateway(h.Gateway), value, h); err != nil {
		return maybeMade(err)
	}
	return nil
}

// Leave implements store.Fleet.
func (s *Store) Leave(ctx context.Context, gateway string) error {
	return s.cluster.Call(func() error {
		_, err := s.send(ctx, connection.Request{Then: []clientv3.Op{clientv3.OpDelete(s.keys.Gateway(gateway))}})
		return err
	})
}

// Gateways implements store.Fleet.
func (s *Store) Gateways(ctx context.Context) (all []store.Heartbeat, err error) {
	err = s.cluster.Call(func() error {
		_, found, err := s.reader.Read(ctx, schema.SpanOf(s.keys.Gateways()).Page(store.MaxGateways))
		if err == nil {
			all, err = heartbeats.Read(ctx, s.cluster, found[0].Kvs)
		}
		return err
	})
	return all, err
}
