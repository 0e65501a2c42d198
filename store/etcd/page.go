package etcd

import (
	"context"
	"fmt"
	"slices"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
)

const (
	// mostGets is how many web integrations one request reads. etcd takes 128
	// operations in a transaction.
	mostGets = 100
	// mostGetsUnknown is the same where nothing is known of how large they are,
	// but that each came in one request.
	mostGetsUnknown = 4
)

// gets is how many of the tenant's web integrations one request may read,
// whichever they are.
func (v *tenantValue) gets() int {
	if v.Bytes <= bytesOnPage {
		return mostGets
	}
	return mostGetsUnknown
}

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
	found, err := s.ids(ctx, tenant, cursor, q.Descending != backward, max(q.Limit, 0))
	if err != nil || len(found.ids) == 0 {
		return store.Page{}, err
	}
	if page.Integrations, err = s.integrations(ctx, found, tenant, q.Full); err != nil {
		return store.Page{}, err
	}
	page.More = found.more || len(page.Integrations) < len(found.ids)
	page.Less = cursor != "" // the cursor itself is on the other side
	if backward {
		slices.Reverse(page.Integrations)
		page.More, page.Less = page.Less, page.More
	}
	return page, nil
}

// foundIDs are those of a page, at a moment.
type foundIDs struct {
	now  moment
	ids  []string
	more bool // there are others behind them
	gets int  // how many of their web integrations one request may read
}

// ids returns the first ids behind the cursor.
func (s *Store) ids(ctx context.Context, tenant, cursor string, descending bool, limit int) (f foundIDs, err error) {
	r := spanOf(s.keys.order(tenant, descending))
	first := int64(min(limit, mostOnPage)) + 1
	now, has, found, err := s.behind(ctx, tenant, cursor, descending, &r, first)
	if err != nil {
		return foundIDs{}, err
	}
	f = foundIDs{now: now, gets: has.gets()}
	for kv, err := range s.walk(ctx, now, r, found, mostOnPage) {
		if err != nil {
			return foundIDs{}, err
		}
		if len(f.ids) == limit {
			f.more = true
			return f, nil
		}
		f.ids = append(f.ids, string(kv.Value))
	}
	return f, nil
}

// behind has the span begin behind the cursor and reads its first keys, and what
// the tenant has.
func (s *Store) behind(ctx context.Context, tenant, cursor string, descending bool, r *span, first int64) (now moment, has tenantValue, page *etcdserverpb.RangeResponse, err error) {
	counted := clientv3.OpGet(s.keys.tenant(tenant))
	var found answer
	if cursor == "" {
		now, found, err = s.read(ctx, counted, r.page(first))
	} else {
		now, found, err = s.read(ctx, counted, clientv3.OpGet(s.keys.integration(tenant, cursor)))
	}
	if err == nil {
		has, err = tenantOf(found.only(0))
	}
	if err != nil || cursor == "" {
		return now, has, found.at(1), err
	}
	kv := found.only(1)
	if kv == nil {
		return moment{}, tenantValue{}, nil, store.ErrUnknownCursor
	}
	w, err := decode(tenant, cursor, kv)
	if err != nil {
		return moment{}, tenantValue{}, nil, err
	}
	r.from = s.keys.place(tenant, descending, w.Name, cursor) + "\x00"
	found, err = s.readAt(ctx, now, r.page(first, clientv3.WithRev(now.etcd)))
	return now, has, found.at(0), err
}

// integrations reads web integrations in the order of their ids, until full,
// which is told the length of all their valid origins, says so.
func (s *Store) integrations(ctx context.Context, f foundIDs, tenant string, full func(bytes int) bool) (all []store.WebIntegration, err error) {
	bytes := 0
	for some := range slices.Chunk(f.ids, f.gets) {
		ops := make([]clientv3.Op, len(some))
		for i, id := range some {
			ops[i] = clientv3.OpGet(s.keys.integration(tenant, id), clientv3.WithRev(f.now.etcd))
		}
		found, err := s.readAt(ctx, f.now, ops...)
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
			f.now.without(&w)
			all = append(all, w)
			if bytes += w.OriginBytes(); full(bytes) {
				return all, nil
			}
		}
	}
	return all, nil
}
