package refusals

import (
	"cmp"
	"container/heap"
	"slices"

	"originwarden/store"
)

// waiting returns the tenants that have something new, in the order of their turns.
func (r *recent) waiting() []string {
	type turn struct {
		number uint64
		id     string
	}
	var turns []turn
	r.mu.Lock()
	for _, t := range r.bySize {
		if t.turn != 0 {
			turns = append(turns, turn{t.turn, t.id})
		}
	}
	r.mu.Unlock()
	slices.SortFunc(turns, func(a, b turn) int { return cmp.Compare(a.number, b.number) })
	ids := make([]string, len(turns))
	for i := range turns {
		ids[i] = turns[i].id
	}
	return ids
}

// take takes the new refusals of the first tenants, until there are so many. It returns
// of how many tenants, some of which may have none.
func (r *recent) take(tenants []string, enough int) (batch []store.TenantRefusals, taken int) {
	total := 0
	for taken < len(tenants) && total < enough {
		if of := r.takeTenant(tenants[taken]); len(of) > 0 {
			batch = append(batch, store.TenantRefusals{Tenant: tenants[taken], Refusals: of})
			total += len(of)
		}
		taken++
	}
	return batch, taken
}

func (r *recent) takeTenant(id string) []store.Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.tenants[id]
	if t == nil {
		return nil
	}
	all := t.pending()
	for _, e := range t.entries {
		e.count, e.weight = 0, 0
	}
	heap.Init(&t.entries)
	t.turn = 0
	return all
}

// pending returns the new refusals of a tenant.
func (r *recent) pending(id string) []store.Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t := r.tenants[id]; t != nil {
		return t.pending()
	}
	return nil
}

func (t *tenant) pending() (all []store.Refusal) {
	for _, e := range t.entries {
		if e.count > 0 {
			all = append(all, e.refusal())
		}
	}
	return all
}

// putBack adds refusals that were taken, and could not be written. Those of the first
// tenant, which may be the reason, get the last turn.
func (r *recent) putBack(batch []store.TenantRefusals) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range batch {
		of := &batch[(i+1)%len(batch)]
		for j := range of.Refusals {
			r.restore(of.Tenant, &of.Refusals[j])
		}
	}
}

// restore adds a refusal, unless only more frequent ones could make room.
func (r *recent) restore(id string, refusal *store.Refusal) {
	hash := r.hashOf(id, refusal.Origin, refusal.Reason)
	e, t := r.entries[hash], r.tenants[id]
	full := len(r.entries) >= maxEntries || t != nil && len(t.entries) >= maxOfTenant
	switch {
	case e == nil && full && (t == nil || t.entries[0].weight >= refusal.Count):
		r.dropped.Add(refusal.Count)
		return
	case e == nil:
		e = r.add(hash, id, refusal.Origin, refusal.Reason, len(refusal.Path))
		e.weight = 0
	case !e.is(id, refusal.Origin, refusal.Reason):
		return
	}
	isNewer := e.count > 0
	if e.first = refusal.First.Unix(); !isNewer {
		e.last, e.method, e.agent, e.ownHost = refusal.Last.Unix(), refusal.Method, refusal.Agent, refusal.OwnHost
	}
	e.count += refusal.Count
	e.weight += refusal.Count
	heap.Fix(&e.tenant.entries, e.index)
	r.wait(e.tenant)
	if !isNewer {
		setPath(r, e, refusal.Path)
	}
}
