package inventory

import (
	"context"
	"errors"
	"strconv"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store/etcd/connection"
)

var errConcurrent = errors.New("etcd: other gateways record at the same time since when the tenant is observed")

// Observe implements store.Observer.
func (v *Inventory) Observe(ctx context.Context, tenant string, since time.Time) (time.Time, error) {
	key := v.Keys.Observed(tenant)
	identity, kv, err := v.Read(ctx, key)
	if err != nil {
		return time.Time{}, err
	}
	var earliest time.Time
	if kv != nil { // a damaged value is replaced
		if seconds, err := strconv.ParseInt(string(kv.Value), 10, 64); err == nil {
			earliest = time.Unix(seconds, 0).UTC()
		}
	}
	if since.IsZero() || !earliest.IsZero() && !since.Before(earliest) {
		return earliest, nil
	}
	text := strconv.FormatInt(since.Unix(), 10)
	if err := v.Reserve(ctx, len(text)); err != nil {
		return time.Time{}, err
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
	return since, err
}
