package etcd

import (
	"context"

	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd/connection"
	"originwarden/store/etcd/heartbeats"
	"originwarden/store/etcd/schema"
)

// Beat implements store.Fleet. A heartbeat without news changes no key.
func (s *Store) Beat(ctx context.Context, h store.Heartbeat) error {
	return s.cluster.Call(func() error {
		key := s.keys.Gateway(h.Gateway)
		view, found, err := s.read(ctx, clientv3.OpGet(key))
		if err != nil {
			return err
		}
		if renewed, err := s.beats.Renew(ctx, s.cluster, found.first(0), h); err != nil || renewed {
			return err
		}
		value, err := heartbeats.Encode(h)
		if err == nil {
			err = s.reserveSpace(ctx, len(value))
		}
		if err != nil {
			return err
		}
		sameStore := clientv3.Compare(clientv3.Value(s.keys.Identity()), "=", view.identityValue)
		if err := s.beats.Put(ctx, s.cluster, sameStore, key, value, h); err != nil {
			return maybeMade(err)
		}
		return nil
	})
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
		_, found, err := s.read(ctx, schema.SpanOf(s.keys.Gateways()).Page(store.MaxGateways))
		if err == nil {
			all, err = heartbeats.Read(ctx, s.cluster, found[0].Kvs)
		}
		return err
	})
	return all, err
}
