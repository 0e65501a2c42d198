package etcd

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
	"originwarden/store/etcd/schema"
)

// readView is one revision of etcd, and the position of the store at it.
type readView struct {
	store.Position
	etcdRevision       int64
	identityValue      string           // of the key with the identity; "" if it is missing
	write              string           // the id of the last write
	headRevision       uint64           // the revision of the last write
	noRemovalsRevision int64            // create revision of the key NoRemovals, or 0
	removals           *schema.Removals // nil if nothing is removed
}

// ranges are the results of reading operations, in their order.
type ranges []*etcdserverpb.RangeResponse

// first returns the first key of a result, or nil if there is none.
func (r ranges) first(i int) *mvccpb.KeyValue {
	if kvs := r[i].Kvs; len(kvs) > 0 {
		return kvs[0]
	}
	return nil
}

func rangesOf(response *clientv3.TxnResponse) ranges {
	all := make(ranges, len(response.Responses))
	for i, r := range response.Responses {
		all[i] = r.GetResponseRange()
	}
	return all
}

// read runs reading operations at the newest revision of the known store. The
// first call creates the store, unless it must exist.
func (s *Store) read(ctx context.Context, ops ...clientv3.Op) (readView, ranges, error) {
	for {
		known, _ := s.guard.Position()
		view, found, err := s.readAnyStore(ctx, ops...)
		if err != nil {
			return readView{}, nil, err
		}
		if view.Position == (store.Position{}) && known.Store == "" {
			if s.mustExist {
				return readView{}, nil, fmt.Errorf("etcd: %w: nothing is under the prefix %s", store.ErrMissing, s.keys)
			}
			if err := s.createStore(ctx); err != nil {
				return readView{}, nil, err
			}
			continue
		}
		if err := s.guard.Check(known, view.Position); err != nil {
			return readView{}, nil, err
		}
		return view, found, nil
	}
}

// readAnyStore is read without a check of the identity.
func (s *Store) readAnyStore(ctx context.Context, ops ...clientv3.Op) (view readView, found ranges, err error) {
	own := []clientv3.Op{
		clientv3.OpGet(s.keys.Identity()), clientv3.OpGet(s.keys.Head()),
		clientv3.OpGet(s.keys.NoRemovals()), clientv3.OpGet(s.keys.Pool()),
	}
	err = retryCompacted(ctx, func() error {
		response, err := s.send(ctx, connection.Request{Then: append(own, ops...)})
		if err != nil {
			return err
		}
		all := rangesOf(response)
		view = readView{etcdRevision: response.Header.Revision}
		if kv := all.first(0); kv != nil {
			view.identityValue = string(kv.Value)
			if view.Store, err = schema.DecodeIdentity(kv.Value); err != nil {
				return err
			}
		}
		if kv := all.first(1); kv != nil {
			view.headRevision, view.Revision, view.write = uint64(kv.ModRevision), uint64(kv.ModRevision), string(kv.Value)
		}
		found = all[len(own):]
		return s.readRemovals(ctx, &view, all.first(2), all.first(3))
	})
	return view, found, err
}

// readAt runs reading operations at the revision of a view.
func (s *Store) readAt(ctx context.Context, view readView, ops ...clientv3.Op) (ranges, error) {
	ops = append([]clientv3.Op{clientv3.OpGet(s.keys.Identity(), clientv3.WithRev(view.etcdRevision))}, ops...)
	response, err := s.send(ctx, connection.Request{Then: ops})
	if err != nil {
		return nil, err
	}
	found := rangesOf(response)
	if kv := found.first(0); kv == nil || string(kv.Value) != view.identityValue {
		return nil, &store.ResetError{Known: view.Position}
	}
	return found[1:], nil
}

// readSpan returns the keys of a span at the revision of a view, once. page is the
// first page if that was read before, or nil. It ends with the first error.
func (s *Store) readSpan(ctx context.Context, view readView, span schema.Span, page *etcdserverpb.RangeResponse, limit int64) iter.Seq2[*mvccpb.KeyValue, error] {
	return func(yield func(*mvccpb.KeyValue, error) bool) {
		for {
			if page == nil {
				found, err := s.readAt(ctx, view, span.Page(limit, clientv3.WithRev(view.etcdRevision)))
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

// retryCompacted runs read, and again if the revision that it reads was compacted
// meanwhile.
func retryCompacted(ctx context.Context, read func() error) error {
	for round := 0; ; round++ {
		err := read()
		if !errors.Is(err, rpctypes.ErrCompacted) || connection.WaitRetry(ctx, round) != nil {
			return err
		}
	}
}
