package etcd

import (
	"context"
	"fmt"
	"slices"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
)

// mostGets is how many web integrations one request reads. etcd takes 128
// operations in a transaction.
const mostGets = 100

// Page implements store.Store.
func (s *Store) Page(ctx context.Context, tenant string, q store.Query) (page store.Page, err error) {
	leave, err := s.enter()
	if err != nil {
		return store.Page{}, err
	}
	defer leave()
	err = anew(ctx, func() error {
		page, err = s.page(ctx, tenant, q)
		return err
	})
	if err != nil {
		return store.Page{}, err
	}
	return page, nil
}

// page walks forward from a cursor, and backward to one.
func (s *Store) page(ctx context.Context, tenant string, q store.Query) (page store.Page, err error) {
	cursor, backward := q.After, q.Before != ""
	if backward {
		cursor = q.Before
	}
	ids, more, now, err := s.ids(ctx, tenant, cursor, q.Descending != backward, max(q.Limit, 0))
	if err != nil || len(ids) == 0 {
		return store.Page{}, err
	}
	if page.Integrations, err = s.integrations(ctx, now, tenant, ids); err != nil {
		return store.Page{}, err
	}
	page.More, page.Less = more, cursor != "" // the cursor itself is on the other side
	if backward {
		slices.Reverse(page.Integrations)
		page.More, page.Less = page.Less, page.More
	}
	return page, nil
}

// ids returns the first ids behind the cursor, whether there are more, and the
// moment at which it is so.
func (s *Store) ids(ctx context.Context, tenant, cursor string, descending bool, limit int) (ids []string, more bool, now moment, err error) {
	r := spanOf(s.keys.order(tenant, descending))
	first := int64(min(limit, mostOnPage)) + 1
	now, found, err := s.behind(ctx, tenant, cursor, descending, &r, first)
	if err != nil {
		return nil, false, moment{}, err
	}
	for kv, err := range s.walk(ctx, now, r, found, mostOnPage) {
		if err != nil {
			return nil, false, moment{}, err
		}
		if len(ids) == limit {
			return ids, true, now, nil
		}
		ids = append(ids, string(kv.Value))
	}
	return ids, false, now, nil
}

// behind has the span begin behind the cursor and reads its first keys.
func (s *Store) behind(ctx context.Context, tenant, cursor string, descending bool, r *span, first int64) (moment, *etcdserverpb.RangeResponse, error) {
	if cursor == "" {
		now, found, err := s.read(ctx, r.page(first))
		if err != nil {
			return moment{}, nil, err
		}
		return now, found[0], nil
	}
	now, found, err := s.read(ctx, clientv3.OpGet(s.keys.integration(tenant, cursor)))
	if err != nil {
		return moment{}, nil, err
	}
	kv := found.only(0)
	if kv == nil {
		return moment{}, nil, store.ErrUnknownCursor
	}
	w, err := decode(tenant, cursor, kv)
	if err != nil {
		return moment{}, nil, err
	}
	r.from = s.keys.place(tenant, descending, w.Name, cursor) + "\x00"
	found, err = s.readAt(ctx, now, r.page(first, clientv3.WithRev(now.etcd)))
	if err != nil {
		return moment{}, nil, err
	}
	return now, found[0], nil
}

// integrations reads web integrations in the order of their ids.
func (s *Store) integrations(ctx context.Context, now moment, tenant string, ids []string) (all []store.WebIntegration, err error) {
	for some := range slices.Chunk(ids, mostGets) {
		ops := make([]clientv3.Op, len(some))
		for i, id := range some {
			ops[i] = clientv3.OpGet(s.keys.integration(tenant, id), clientv3.WithRev(now.etcd))
		}
		found, err := s.readAt(ctx, now, ops...)
		if err != nil {
			return nil, err
		}
		for i, id := range some {
			kv := found.only(i)
			if kv == nil {
				return nil, fmt.Errorf("etcd: tenant %q has a name without a web integration, %q", tenant, id)
			}
			w, err := decode(tenant, id, kv)
			if err != nil {
				return nil, err
			}
			all = append(all, w)
		}
	}
	return all, nil
}
