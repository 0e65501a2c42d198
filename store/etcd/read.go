package etcd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd/readview"
	"originwarden/store/etcd/schema"
)

const (
	firstPage      = 32      // keys that are read together with the totals
	maxKeysOnPage  = 1000    // of one response
	maxBytesOnPage = 4 << 20 // of one response, on average
	tenantsOnPage  = 10 * maxKeysOnPage
	maxGets        = 100 // web integrations in one request; etcd permits 128 operations
	maxGetsOfLarge = 4   // the same if they may be large
)

// Integration implements store.Store.
func (s *Store) Integration(ctx context.Context, tenant, id string) (w store.WebIntegration, err error) {
	err = s.cluster.Call(func() error {
		view, found, err := s.reader.Read(ctx, clientv3.OpGet(s.keys.Integration(tenant, id)))
		if err != nil {
			return err
		}
		kv := found.First(0)
		if kv == nil {
			return store.ErrNotFound
		}
		w, err = schema.Decode(tenant, id, kv)
		view.ApplyRemovals(&w)
		return err
	})
	return w, err
}

// Load implements store.Store. It fails if the web integrations contradict the
// tenant's totals: then another program has changed them.
func (s *Store) Load(ctx context.Context, tenant string) (revision uint64, all []store.WebIntegration, err error) {
	err = s.callRead(ctx, func() error {
		revision, all, err = s.loadTenant(ctx, tenant)
		return err
	})
	return revision, all, err
}

// callRead runs a call that reads at one revision.
func (s *Store) callRead(ctx context.Context, read func() error) error {
	return s.cluster.Call(func() error { return readview.RetryCompacted(ctx, read) })
}

func (s *Store) loadTenant(ctx context.Context, tenant string) (uint64, []store.WebIntegration, error) {
	span := schema.SpanOf(s.keys.Integrations(tenant))
	view, found, err := s.reader.Read(ctx, clientv3.OpGet(s.keys.Tenant(tenant)), span.Page(firstPage))
	if err != nil {
		return 0, nil, err
	}
	totals, err := schema.DecodeTotals(found.First(0))
	if err != nil {
		return 0, nil, err
	}
	var all []store.WebIntegration
	origins := 0
	for kv, err := range s.reader.ReadSpan(ctx, view, span, found[1], pageSize(totals)) {
		if err != nil {
			return 0, nil, err
		}
		w, err := schema.Decode(tenant, strings.TrimPrefix(string(kv.Key), span.From), kv)
		if err != nil {
			return 0, nil, err
		}
		origins += len(w.ValidOrigins)
		view.ApplyRemovals(&w)
		all = append(all, w)
	}
	if !view.IsComplete(totals, len(all), origins) {
		return 0, nil, fmt.Errorf("etcd: tenant %q has %d web integrations with %d origins, but %d with %d were written",
			tenant, len(all), origins, totals.Integrations, totals.Origins)
	}
	return view.Revision, all, nil
}

// pageSize returns how many of a tenant's web integrations to read at once.
func pageSize(t schema.Totals) int64 {
	if t.Integrations <= 0 || t.Bytes <= 0 {
		return firstPage
	}
	return int64(min(max(maxBytesOnPage/(t.Bytes/t.Integrations+1), 1), maxKeysOnPage))
}

// Tenants implements store.Store.
func (s *Store) Tenants(ctx context.Context) (at store.Position, revisions map[string]uint64, err error) {
	err = s.callRead(ctx, func() error {
		at, revisions, err = s.readTenants(ctx)
		return err
	})
	return at, revisions, err
}

func (s *Store) readTenants(ctx context.Context) (store.Position, map[string]uint64, error) {
	span := schema.SpanOf(s.keys.Tenants(), clientv3.WithKeysOnly())
	view, found, err := s.reader.Read(ctx, span.Page(tenantsOnPage))
	if err != nil {
		return store.Position{}, nil, err
	}
	revisions := map[string]uint64{}
	for kv, err := range s.reader.ReadSpan(ctx, view, span, found[0], tenantsOnPage) {
		if err != nil {
			return store.Position{}, nil, err
		}
		tenant, ok := s.keys.ParseTenant(string(kv.Key))
		if !ok {
			return store.Position{}, nil, fmt.Errorf("etcd: invalid key %q of a tenant", kv.Key)
		}
		if revisions[tenant] = uint64(kv.ModRevision); view.Removals != nil {
			revisions[tenant] = view.Revision // removals do not name their tenant
		}
	}
	return view.Position, revisions, nil
}

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
	page.HasNext = found.more || len(page.Integrations) < len(found.ids)
	page.HasPrev = cursor != "" // the cursor itself is on the other side
	if backward {
		slices.Reverse(page.Integrations)
		page.HasNext, page.HasPrev = page.HasPrev, page.HasNext
	}
	return page, nil
}

// pageIDs are the ids on a page.
type pageIDs struct {
	view readview.View
	ids  []string
	more bool // more ids follow
	gets int  // how many of the web integrations to read at once
}

// readIDs returns the first ids after the cursor.
func (s *Store) readIDs(ctx context.Context, tenant, cursor string, descending bool, limit int) (p pageIDs, err error) {
	span := schema.SpanOf(s.keys.Names(tenant, descending))
	onPage := int64(min(limit, maxKeysOnPage)) + 1
	start := span.Page(onPage)
	if cursor != "" {
		start = clientv3.OpGet(s.keys.Integration(tenant, cursor))
	}
	view, found, err := s.reader.Read(ctx, clientv3.OpGet(s.keys.Tenant(tenant)), start)
	if err != nil {
		return pageIDs{}, err
	}
	totals, err := schema.DecodeTotals(found.First(0))
	if err != nil {
		return pageIDs{}, err
	}
	first := found[1]
	if cursor != "" {
		if found.First(1) == nil {
			return pageIDs{}, store.ErrUnknownCursor
		}
		w, err := schema.Decode(tenant, cursor, found.First(1))
		if err != nil {
			return pageIDs{}, err
		}
		first, span.From = nil, s.keys.Name(tenant, descending, w.Name, cursor)+"\x00"
	}
	p = pageIDs{view: view, gets: maxGets}
	if totals.Bytes > maxBytesOnPage {
		p.gets = maxGetsOfLarge
	}
	for kv, err := range s.reader.ReadSpan(ctx, view, span, first, onPage) {
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

// readIntegrations reads web integrations in the order of the ids, until full
// returns true for the total length of their valid origins.
func (s *Store) readIntegrations(ctx context.Context, p pageIDs, tenant string, full func(bytes int) bool) (all []store.WebIntegration, err error) {
	bytes := 0
	for ids := range slices.Chunk(p.ids, p.gets) {
		ops := make([]clientv3.Op, len(ids))
		for i, id := range ids {
			ops[i] = clientv3.OpGet(s.keys.Integration(tenant, id), clientv3.WithRev(p.view.EtcdRevision))
		}
		found, err := s.reader.ReadAt(ctx, p.view, ops...)
		if err != nil {
			return nil, err
		}
		for i, id := range ids {
			kv := found.First(i)
			if kv == nil {
				return nil, fmt.Errorf("etcd: tenant %q has a name without a web integration, %q", tenant, id)
			}
			w, err := schema.Decode(tenant, id, kv)
			if err != nil {
				return nil, err
			}
			p.view.ApplyRemovals(&w)
			all = append(all, w)
			if bytes += w.OriginBytes(); full(bytes) {
				return all, nil
			}
		}
	}
	return all, nil
}
