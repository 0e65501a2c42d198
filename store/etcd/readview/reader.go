// Package readview reads a store in an etcd cluster: everything that belongs together
// at one revision of etcd. The first reading creates the store. Lists are not written
// here.
package readview

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd/connection"
	"originwarden/store/etcd/identity"
	"originwarden/store/etcd/schema"
)

// Reader reads the store under a prefix of a cluster. It may be used concurrently.
type Reader struct {
	Cluster *connection.Cluster
	Keys    schema.Keys
	// Guard knows the store, and compares it with what is found.
	Guard *identity.Guard
	// MustExist makes an empty prefix an error, store.ErrMissing, instead of a new
	// store.
	MustExist bool
}

// Read runs reading operations at the newest revision of the known store. The
// first call creates the store, unless it must exist.
func (r *Reader) Read(ctx context.Context, ops ...clientv3.Op) (View, Ranges, error) {
	for {
		known, _ := r.Guard.Position()
		view, found, err := r.ReadAny(ctx, ops...)
		if err != nil {
			return View{}, nil, err
		}
		if view.Position == (store.Position{}) && known.Store == "" {
			if r.MustExist {
				return View{}, nil, fmt.Errorf("etcd: %w: nothing is under the prefix %s", store.ErrMissing, r.Keys)
			}
			if err := r.Create(ctx); err != nil {
				return View{}, nil, err
			}
			continue
		}
		if err := r.Guard.Check(known, view.Position); err != nil {
			return View{}, nil, err
		}
		return view, found, nil
	}
}

// ReadAny is Read without a check of the identity.
func (r *Reader) ReadAny(ctx context.Context, ops ...clientv3.Op) (view View, found Ranges, err error) {
	own := []clientv3.Op{
		clientv3.OpGet(r.Keys.Identity()), clientv3.OpGet(r.Keys.Head()),
		clientv3.OpGet(r.Keys.NoRemovals()), clientv3.OpGet(r.Keys.Pool()),
	}
	err = RetryCompacted(ctx, func() error {
		response, err := r.send(ctx, connection.Request{Then: append(own, ops...)})
		if err != nil {
			return err
		}
		all := RangesOf(response)
		view = View{EtcdRevision: response.Header.Revision}
		if kv := all.First(0); kv != nil {
			view.IdentityValue = string(kv.Value)
			if view.Store, err = schema.DecodeIdentity(kv.Value); err != nil {
				return err
			}
		}
		if kv := all.First(1); kv != nil {
			view.HeadRevision, view.Revision, view.Write = uint64(kv.ModRevision), uint64(kv.ModRevision), string(kv.Value)
		}
		found = all[len(own):]
		return r.readRemovals(ctx, &view, all.First(2), all.First(3))
	})
	return view, found, err
}

// readRemovals adds the removals to a view, given the keys NoRemovals and Pool.
func (r *Reader) readRemovals(ctx context.Context, view *View, none, pool *mvccpb.KeyValue) error {
	if none != nil {
		view.NoRemovalsRevision = none.CreateRevision
	}
	if none != nil || pool == nil || view.IdentityValue == "" {
		return nil
	}
	keys := schema.SpanOf(r.Keys.Removals(), clientv3.WithKeysOnly())
	found, err := r.ReadAt(ctx, *view, keys.Page(0, clientv3.WithRev(view.EtcdRevision)))
	if err != nil {
		return err
	}
	view.Removals = r.Keys.ParseRemovals(found[0].Kvs)
	view.Revision += uint64(view.Removals.Used)
	return nil
}

// ReadAt runs reading operations at the revision of a view.
func (r *Reader) ReadAt(ctx context.Context, view View, ops ...clientv3.Op) (Ranges, error) {
	ops = append([]clientv3.Op{clientv3.OpGet(r.Keys.Identity(), clientv3.WithRev(view.EtcdRevision))}, ops...)
	response, err := r.send(ctx, connection.Request{Then: ops})
	if err != nil {
		return nil, err
	}
	found := RangesOf(response)
	if kv := found.First(0); kv == nil || string(kv.Value) != view.IdentityValue {
		return nil, &store.ResetError{Known: view.Position}
	}
	return found[1:], nil
}

// ReadSpan returns the keys of a span at the revision of a view, once. page is the
// first page if that was read before, or nil. It ends with the first error.
func (r *Reader) ReadSpan(ctx context.Context, view View, span schema.Span, page *etcdserverpb.RangeResponse, limit int64) iter.Seq2[*mvccpb.KeyValue, error] {
	return func(yield func(*mvccpb.KeyValue, error) bool) {
		for {
			if page == nil {
				found, err := r.ReadAt(ctx, view, span.Page(limit, clientv3.WithRev(view.EtcdRevision)))
				if err != nil {
					yield(nil, err)
					return
				}
				page = found[0]
			}
			for _, kv := range page.Kvs {
				if !yield(kv, nil) {
					return
				}
			}
			if !page.More || len(page.Kvs) == 0 {
				return
			}
			span.From = string(page.Kvs[len(page.Kvs)-1].Key) + "\x00"
			page = nil
		}
	}
}

// send commits a request that may be carried out several times.
func (r *Reader) send(ctx context.Context, request connection.Request) (*clientv3.TxnResponse, error) {
	response, _, err := r.Cluster.Send(ctx, request)
	return response, err
}

// RetryCompacted runs read, and again if the revision that it reads was compacted
// meanwhile.
func RetryCompacted(ctx context.Context, read func() error) error {
	for round := 0; ; round++ {
		err := read()
		if !errors.Is(err, rpctypes.ErrCompacted) || connection.WaitRetry(ctx, round) != nil {
			return err
		}
	}
}
