package etcd

import (
	"crypto/rand"
	"errors"
	"slices"

	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
)

// draft is one commit that is being made of several writes.
type draft struct {
	store   *Store
	write   string  // the id of the commit
	refused []error // of each write that is decided
	first   *scene  // of the first write that changes something; nil if none does
	tenants map[string]*tenantValue
	bytes   int
	growing int // of bytes, those of changes that do more than remove
	when    []clientv3.Cmp
	then    []clientv3.Op
}

// draft makes a commit of the first writes, as many as fit into it: one at least.
func (s *Store) draft(were []*scene, writes []store.Write) *draft {
	d := &draft{store: s, write: rand.Text(), tenants: map[string]*tenantValue{}}
	for i := range writes {
		fits, err := d.add(were[i], &writes[i])
		if !fits {
			break
		}
		d.refused = append(d.refused, err)
	}
	return d
}

// add adds a write, if it fits and is not refused.
func (d *draft) add(was *scene, w *store.Write) (fits bool, refusal error) {
	c, err := changeOf(was, w)
	switch {
	case errors.Is(err, store.ErrUnchanged):
		return true, nil
	case err != nil || c == nil:
		return true, err
	}
	has, known := was.has, d.tenants[was.tenant] != nil
	if known {
		has = *d.tenants[was.tenant]
	}
	if err := d.store.count(&has, was, c); err != nil {
		return true, err
	}
	ops := d.store.operations(was, c)
	if d.first != nil && (d.bytes+len(c.value) > maxBytes || len(d.then)+len(ops)+len(d.tenants)+2 > mostOps) {
		return false, nil
	}
	if d.first == nil {
		d.first, d.when = was, d.store.sameStore(was.moment)
	}
	if !known {
		d.when = append(d.when, d.store.sameTenant(was))
	}
	has.Write = d.write
	d.tenants[was.tenant] = &has
	d.when = append(d.when, d.store.sameIntegration(was))
	d.then = append(d.then, ops...)
	d.bytes += len(c.value)
	if !c.onlyRemoves() {
		d.growing += len(c.value)
	}
	return true, nil
}

// changeOf is what a write makes of what there is, or nil for nothing.
func changeOf(was *scene, w *store.Write) (*change, error) {
	var had *store.WebIntegration
	if was.was != nil {
		seen := *was.was
		seen.ValidOrigins = slices.Clone(seen.ValidOrigins)
		had = &seen
	}
	made, err := w.Make(had)
	switch {
	case err != nil:
		return nil, err
	case was.was == nil && made == nil:
		return nil, nil
	case made == nil:
		return &change{was: was.was}, nil
	case was.was == nil && was.owned:
		return nil, store.ErrExists
	}
	is := *made
	is.ID, is.TenantID = w.ID, w.Tenant
	value, err := encode(is)
	return &change{was: was.was, is: &is, value: value}, err
}

// request is the transaction of the commit.
func (d *draft) request() request {
	then := slices.Clone(d.then)
	for tenant, has := range d.tenants {
		then = append(then, clientv3.OpPut(d.store.keys.tenant(tenant), has.encode()))
	}
	return request{when: d.when, then: append(then, clientv3.OpPut(d.store.keys.head(), d.write))}
}
