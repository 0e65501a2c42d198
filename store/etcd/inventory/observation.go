package inventory

import (
	"context"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd/connection"
)

var errConcurrent = errors.New("etcd: other gateways record at the same time when the tenant is observed")

// Observe implements store.Observer.
func (v *Inventory) Observe(ctx context.Context, tenant string, seen store.Observation) (store.Observation, error) {
	key := v.Keys.Observed(tenant)
	identity, kv, err := v.Read(ctx, key)
	if err != nil {
		return store.Observation{}, err
	}
	kept := decodeObservation(kv.GetValue())
	joined := kept.With(seen, time.Now())
	if !joined.NeedsWrite(kept) {
		return joined, nil
	}
	text := fmt.Sprintf("%d %d", joined.Since.Unix(), joined.Last.Unix())
	if err := v.Reserve(ctx, len(text)); err != nil {
		return store.Observation{}, err
	}
	response, _, err := v.Cluster.Send(ctx, connection.Request{
		If: []clientv3.Cmp{
			clientv3.Compare(clientv3.Value(v.Keys.Identity()), "=", identity),
			clientv3.Compare(clientv3.ModRevision(key), "=", kv.GetModRevision()),
		},
		Then: []clientv3.Op{clientv3.OpPut(key, text)},
	})
	if err == nil && !response.Succeeded { // perhaps an earlier copy of this request has put it
		err = errConcurrent
	}
	return joined, err
}

// decodeObservation returns the zero value for one that is damaged, which is replaced.
func decodeObservation(value []byte) store.Observation {
	var since, last int64
	if n, err := fmt.Sscanf(string(value), "%d %d", &since, &last); n != 2 || err != nil {
		return store.Observation{}
	}
	return store.Observation{Since: time.Unix(since, 0).UTC(), Last: time.Unix(last, 0).UTC()}
}
