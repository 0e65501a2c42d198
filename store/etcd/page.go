package etcd

import (
	"context"
	"fmt"
	"slices"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd/schema"
)

// Page implements store.Store.
func (s *Store) Page(ctx context.Context, tenant string, q store.Query) (page store.Page, err error) {
	err = s.callRead(ctx, func() error {
		page, err = s.readPage(ctx, tenant, q)
		return err
	})
	return page, err
}

// readPage reads forward from After, or backward from Before.
func (s *Store) readPage(ctx context.Context, tenant string, q store.Query) (page store.Page, err error) {
	cursor, backward := q.After, q.Before != ""
	if backward {
		cursor = q.Before
	}
	found, err := s.readIDs(ctx, tenant, cursor, q.Descending != backward, max(q.Limit, 0))
	if err != nil || len(found.ids) == 0 {
		return store.Page{}, err
	}
	if page.Integrations, err = s.readIntegrations(ctx, found, tenant, q.Full); err != nil {
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

// pageIDs are the ids on a page.
type pageIDs struct {
	view readView
	ids  []string
	more bool // more ids follow
	gets int  // how many of the web integrations to read at once
}

// readIDs returns the first ids after the cursor.
func (s *Store) readIDs(ctx context.Context, tenant, cursor string, descending bool, limit int) (p pageIDs, err error) {
	span := schema.SpanOf(s.keys.Order(tenant, descending))
	onPage := int64(min(limit, maxKeysOnPage)) + 1
	start := span.Page(onPage)
	if cursor != "" {
		start = clientv3.OpGet(s.keys.Integration(tenant, cursor))
	}
	view, found, err := s.read(ctx, clientv3.OpGet(s.keys.Tenant(tenant)), start)
	if err != nil {
		return pageIDs{}, err
	}
	totals, err := schema.DecodeTotals(found.first(0))
	if err != nil {
		return pageIDs{}, err
	}
	first := found[1]
	if cursor != "" {
		if span.From, err = s.keyAfter(tenant, cursor, descending, found.first(1)); err != nil {
			return pageIDs{}, err
		}
		first = nil
	}
	p = pageIDs{view: view, gets: maxGetsOf(totals)}
	for kv, err := range s.readSpan(ctx, view, span, first, onPage) {
		if err != nil {
			return pageIDs{}, err
		}
		if len(p.ids) == limit {
			p.more = true
			return p, nil
		}
		p.ids = append(p.ids, string(kv.Value))
	}
	return p, nil
}

// keyAfter returns the least key after the name of a web integration.
func (s *Store) keyAfter(tenant, id string, descending bool, kv *mvccpb.KeyValue) (string, error) {
	if kv == nil {
		return "", store.ErrUnknownCursor
	}
	w, err := schema.Decode(tenant, id, kv)
	return s.keys.Name(tenant, descending, w.Name, id) + "\x00", err
}

// maxGetsOf returns how many of the tenant's web integrations one request may
// read, whichever they are.
func maxGetsOf(t schema.Totals) int {
	if t.Bytes <= maxBytesOnPage {
		return maxGets
	}
	return maxGetsOfLarge
}

// readIntegrations reads web integrations in the order of the ids, until full
// returns true for the total length of their valid origins.
func (s *Store) readIntegrations(ctx context.Context, p pageIDs, tenant string, full func(bytes int) bool) (all []store.WebIntegration, err error) {
	bytes := 0
	for ids := range slices.Chunk(p.ids, p.gets) {
		ops := make([]clientv3.Op, len(ids))
		for i, id := range ids {
			ops[i] = clientv3.OpGet(s.keys.Integration(tenant, id), clientv3.WithRev(p.view.etcd))
		}
		found, err := s.readAt(ctx, p.view, ops...)
		if err != nil {
			return nil, err
		}
		for i, id := range ids {
			kv := found.first(i)
			if kv == nil {
				return nil, fmt.Errorf("etcd: tenant %q has a name without a web integration, %q", tenant, id)
			}
			w, err := schema.Decode(tenant, id, kv)
			if err != nil {
				return nil, err
			}
			p.view.applyRemovals(&w)
			all = append(all, w)
			if bytes += w.OriginBytes(); full(bytes) {
				return all, nil
			}
		}
	}
	return all, nil
}
