// Package heartbeats keeps the heartbeats of gateways in an etcd cluster: a key for
// each, with a lease. A gateway without news only renews its lease, because every put
// takes up space until the cluster is compacted, and fails while it is full.
//
// So only the lease tells when a gateway was last heard of. A new leader of etcd renews
// all leases: the silence of a gateway that died before counts from the election.
package heartbeats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd/connection"
)

// Writer writes the heartbeats of one gateway. Its zero value is ready, and it may be
// used concurrently.
type Writer struct {
	mu   sync.Mutex
	last written
}

// written is a heartbeat as it was put.
type written struct {
	store.Heartbeat
	lease connection.Lease
}

// Renew renews the lease of the gateway's key, as it was read or nil, and reports
// whether that is all that there is to do: h has no news.
func (w *Writer) Renew(ctx context.Context, cluster *connection.Cluster, found *mvccpb.KeyValue, h store.Heartbeat) (renewed bool, err error) {
	last, ok := w.lastPut(found)
	if !ok || hasNews(last.Heartbeat, h) {
		return false, nil
	}
	err = cluster.KeepAlive(ctx, last.lease)
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Keep renews the lease of the gateway's key, as it was read or nil, although h has news
// that could not be put. It lets the key expire if that would hide that the revision in
// force is no longer confirmed: see renewedAt.
func (w *Writer) Keep(ctx context.Context, cluster *connection.Cluster, found *mvccpb.KeyValue, h store.Heartbeat) error {
	last, ok := w.lastPut(found)
	if !ok || last.RecentlyConfirmed() && !h.RecentlyConfirmed() {
		return nil
	}
	return cluster.KeepAlive(ctx, last.lease)
}

// lastPut returns the last heartbeat that was put, and whether the gateway's key has it.
func (w *Writer) lastPut(found *mvccpb.KeyValue) (last written, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last, found != nil && found.Lease == int64(w.last.lease)
}

// hasNews reports whether more than the time of the heartbeat differs.
func hasNews(last, h store.Heartbeat) bool {
	recent := h.RecentlyConfirmed()
	confirmed := recent == last.RecentlyConfirmed() && (recent || h.Confirmed.Equal(last.Confirmed))
	return !confirmed || last.Gateway != h.Gateway || last.Host != h.Host || last.Version != h.Version ||
		!last.Started.Equal(h.Started) || last.InForce != h.InForce || !slices.Equal(last.Problems, h.Problems)
}

// Put puts the gateway's key with a new lease, if the condition holds.
func (w *Writer) Put(ctx context.Context, cluster *connection.Cluster, condition clientv3.Cmp, key, value string, h store.Heartbeat) error {
	lease, err := cluster.Grant(ctx, store.HeartbeatLifetime)
	if err != nil {
		return err
	}
	put := clientv3.OpPut(key, value, clientv3.WithLease(lease))
	done, _, err := cluster.Send(ctx, connection.Request{If: []clientv3.Cmp{condition}, Then: []clientv3.Op{put}})
	if err == nil && !done.Succeeded {
		err = errors.New("etcd: the store was reset meanwhile")
	}
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.last = written{h, lease}
	w.mu.Unlock()
	return nil
}

// Encode returns the value of a gateway's key.
func Encode(h store.Heartbeat) (string, error) {
	text, err := json.Marshal(h)
	if err != nil {
		return "", fmt.Errorf("etcd: encoding a heartbeat: %w", err)
	}
	return string(text), nil
}

// Read returns what store.Fleet.Gateways returns for the gateways' keys.
func Read(ctx context.Context, cluster *connection.Cluster, keys []*mvccpb.KeyValue) (all []store.Heartbeat, err error) {
	for _, kv := range keys {
		var h store.Heartbeat
		if err := json.Unmarshal(kv.Value, &h); err != nil {
			return nil, fmt.Errorf("etcd: reading %q: %w", kv.Key, err)
		}
		ago, alive, err := cluster.Renewed(ctx, connection.Lease(kv.Lease))
		if err != nil {
			return nil, fmt.Errorf("etcd: reading when %q was renewed: %w", kv.Key, err)
		}
		if alive {
			all = append(all, renewedAt(h, time.Now().UTC().Add(-ago)))
		}
	}
	slices.SortFunc(all, store.CompareHeartbeats)
	return all, nil
}

// renewedAt returns a heartbeat that was renewed since it was put. Its revision was
// confirmed meanwhile if it was confirmed recently then: otherwise that was news.
func renewedAt(h store.Heartbeat, beat time.Time) store.Heartbeat {
	if h.RecentlyConfirmed() {
		h.Confirmed = beat.Add(-h.Beat.Sub(h.Confirmed))
	}
	h.Beat = beat
	return h
}
