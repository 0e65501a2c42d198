package etcd

import (
	"context"
	"crypto/rand"
	"slices"

	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd/connection"
	"originwarden/store/etcd/records"
	"originwarden/store/etcd/schema"
)

const (
	// maxOps is etcd's default limit of operations in a transaction, and maxWrites
	// the number of writes whose preconditions it permits to read at once.
	maxOps    = 128
	maxWrites = 31

	// maxBytes is less than etcd's default limit of a request, 1.5 MiB, by more
	// than the rest of a request needs.
	maxBytes = 1_400 << 10
)

// change is what a write changes. before.integration and after are nil before a
// creation and after a deletion.
type change struct {
	before *preconditions
	after  *store.WebIntegration
	value  string // of after
	record records.Record
}

// newChange returns the change that a write makes, or nil for none.
func newChange(before *preconditions, w *store.Write) (*change, error) {
	made, err := w.Make(before.integration.Clone())
	switch {
	case err != nil:
		return nil, err
	case before.integration == nil && made == nil:
		return nil, nil
	case made == nil:
		return &change{before: before}, nil
	case before.integration == nil && before.idTaken:
		return nil, store.ErrExists
	}
	after := *made
	after.ID, after.TenantID = w.ID, w.Tenant
	value, err := schema.Encode(after)
	return &change{before: before, after: &after, value: value}, err
}

// onlyRemoves reports whether the change adds no origin and needs less space than
// before.
func (c *change) onlyRemoves() bool {
	before, after := c.before.integration, c.after
	if before == nil || after == nil {
		return after == nil
	}
	listed := make(map[string]bool, len(before.ValidOrigins))
	for _, origin := range before.ValidOrigins {
		listed[origin] = true
	}
	for _, origin := range after.ValidOrigins {
		if !listed[origin] {
			return false
		}
	}
	return len(after.ValidOrigins) < len(before.ValidOrigins) && len(after.Name) <= len(before.Name)
}

// transaction makes several writes.
type transaction struct {
	id       string           // of the write
	before   []*preconditions // of all writes that were planned
	refused  []error          // of every write that is in the transaction, nil if it is not refused
	changes  []*change
	totals   map[string]schema.Totals // by tenant
	logs     map[string]*records.Log  // by tenant
	bytes    int                      // of values and records
	recorded int                      // bytes of records
	growth   int                      // of bytes, without changes that only remove
	request  connection.Request
	revision uint64 // once committed
}

// plan returns a transaction of the first writes, as many as fit into it: at least
// one.
func (s *Store) plan(ctx context.Context, before []*preconditions, writes []store.Write, d records.Detail) *transaction {
	t := &transaction{id: rand.Text(), before: before, totals: map[string]schema.Totals{}, logs: map[string]*records.Log{}}
	for i := range writes {
		if slices.ContainsFunc(t.changes, func(c *change) bool { return c.before.id == writes[i].ID }) {
			break // it has to see the change before
		}
		c, err := newChange(before[i], &writes[i])
		fits := true
		if err == nil && c != nil {
			c.record = records.New(ctx, s.history, c.before.integration, c.after, d)
			fits, err = s.addChange(t, c)
		}
		if !fits {
			break
		}
		t.refused = append(t.refused, err)
	}
	for tenant, totals := range t.totals {
		t.request.Then = append(t.request.Then, clientv3.OpPut(s.keys.Tenant(tenant), totals.Encode()))
		t.request.Then = append(t.request.Then, t.logs[tenant].Ops()...)
	}
	t.request.Then = append(t.request.Then, clientv3.OpPut(s.keys.Head(), t.id))
	return t
}

// addChange adds a change, if it fits and is within the limits.
func (s *Store) addChange(t *transaction, c *change) (fits bool, refusal error) {
	totals, known := t.totals[c.before.tenant]
	if !known {
		totals = c.before.totals
	}
	// While there are removals, the totals are too high. They are written back first.
	if err := s.updateTotals(&totals, c); err != nil && c.before.Removals == nil {
		return true, err
	}
	ops, bytes := s.changeOps(c), len(c.value)+len(c.record.Encoded)
	// Each record has an operation, each tenant two, and the head one.
	if len(t.changes) > 0 && (t.bytes+bytes > maxBytes || len(t.request.Then)+len(ops)+len(t.changes)+1+2*len(t.totals)+3 > maxOps) {
		return false, nil
	}
	if len(t.changes) == 0 {
		t.request.If = c.before.IfSameStore(s.keys)
	}
	if !known {
		t.request.If = append(t.request.If, c.before.ifSameTenant(s.keys))
	}
	t.request.If = append(t.request.If, c.before.ifSameIntegration(s.keys))
	t.request.Then = append(t.request.Then, ops...)
	totals.Write = t.id
	t.totals[c.before.tenant] = totals
	t.changes = append(t.changes, c)
	s.addRecord(t, c)
	t.bytes += bytes
	if !c.onlyRemoves() {
		t.growth += bytes
	}
	return true, nil
}

// updateTotals adds a change to the totals. Only what grows is held to the limits,
// so that a tenant with more than a lowered limit can shrink in steps.
func (s *Store) updateTotals(totals *schema.Totals, c *change) error {
	integrations, origins := 0, 0
	if before := c.before.integration; before != nil {
		integrations, origins = integrations-1, origins-len(before.ValidOrigins)
	}
	if c.after != nil {
		integrations, origins = integrations+1, origins+len(c.after.ValidOrigins)
	}
	totals.Integrations += integrations
	totals.Origins += origins
	totals.Bytes += len(c.value) - c.before.integrationBytes
	switch {
	case integrations > 0 && totals.Integrations > s.limits.Integrations:
		return &store.LimitError{What: store.LimitIntegrations, Max: s.limits.Integrations}
	case origins > 0 && totals.Origins > s.limits.Origins:
		return &store.LimitError{What: store.LimitOrigins, Max: s.limits.Origins}
	case len(c.value) > maxBytes:
		return &store.LimitError{What: store.LimitBytes, Max: maxBytes}
	}
	return nil
}

// changeOps returns the operations on the web integration, its id and its name.
func (s *Store) changeOps(c *change) (ops []clientv3.Op) {
	before, after := c.before.integration, c.after
	tenant, id := c.before.tenant, c.before.id
	key, owner := s.keys.Integration(tenant, id), s.keys.Owner(id)
	if after == nil {
		ops = append(ops, clientv3.OpDelete(key), clientv3.OpDelete(owner))
	} else {
		ops = append(ops, clientv3.OpPut(key, c.value))
	}
	if before == nil {
		ops = append(ops, clientv3.OpPut(owner, tenant))
	}
	if before != nil && after != nil && before.Name == after.Name {
		return ops
	}
	for _, descending := range []bool{false, true} {
		if before != nil {
			ops = append(ops, clientv3.OpDelete(s.keys.Name(tenant, descending, before.Name, id)))
		}
		if after != nil {
			ops = append(ops, clientv3.OpPut(s.keys.Name(tenant, descending, after.Name, id), id))
		}
	}
	return ops
}
