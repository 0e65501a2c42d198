package etcd

import (
	"context"
	"errors"
	"iter"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// span is a range of keys that is read page by page.
type span struct {
	from, to string
	options  []clientv3.OpOption
}

func spanOf(prefix string, options ...clientv3.OpOption) span {
	return span{from: prefix, to: clientv3.GetPrefixRangeEnd(prefix), options: options}
}

// page reads the first keys of the span.
func (r span) page(limit int64, at ...clientv3.OpOption) clientv3.Op {
	options := append([]clientv3.OpOption{clientv3.WithRange(r.to), clientv3.WithLimit(limit)}, r.options...)
	return clientv3.OpGet(r.from, append(options, at...)...)
}

// walk returns what is in the span at a moment: its first page, which was read
// at that moment, and then the others. It ends with the first error.
func (s *Store) walk(ctx context.Context, then moment, r span, page *etcdserverpb.RangeResponse, limit int64) iter.Seq2[*mvccpb.KeyValue, error] {
	return func(yield func(*mvccpb.KeyValue, error) bool) {
		for {
			for _, kv := range page.Kvs {
				if !yield(kv, nil) {
					return
				}
			}
			if !page.More || len(page.Kvs) == 0 {
				return
			}
			r.from = string(page.Kvs[len(page.Kvs)-1].Key) + "\x00"
			found, err := s.readAt(ctx, then, r.page(limit, clientv3.WithRev(then.etcd)))
			if err != nil {
				yield(nil, err)
				return
			}
			page = found[0]
		}
	}
}

// walkAt is walk for a span of which nothing was read yet.
func (s *Store) walkAt(ctx context.Context, then *moment, r span, limit int64) iter.Seq2[*mvccpb.KeyValue, error] {
	return func(yield func(*mvccpb.KeyValue, error) bool) {
		found, err := s.readAt(ctx, *then, r.page(limit, clientv3.WithRev(then.etcd)))
		if err != nil {
			yield(nil, err)
			return
		}
		s.walk(ctx, *then, r, found[0], limit)(yield)
	}
}

// anew runs do again when the moment that it read was compacted meanwhile.
func anew(ctx context.Context, do func() error) error {
	for round := 0; ; round++ {
		err := do()
		if !errors.Is(err, rpctypes.ErrCompacted) || pause(ctx, round) != nil {
			return err
		}
	}
}
