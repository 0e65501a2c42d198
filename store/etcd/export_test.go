package etcd

import (
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/origins"
	"originwarden/store"
)

// For the tests outside the package.
var (
	NewLayout  = newLayout
	Sortable   = sortable
	Encode     = encode
	Decode     = decode
	ErrForeign = errForeign
)

func (l layout) Tenant(tenant string) string { return l.tenant(tenant) }

func (l layout) Integration(tenant, id string) string { return l.integration(tenant, id) }

func (l layout) Of(tenant string) string { return l.of(tenant) }

func (l layout) Place(tenant string, descending bool, name, id string) string {
	return l.place(tenant, descending, name, id)
}

func (l layout) Order(tenant string, descending bool) string { return l.order(tenant, descending) }

func (l layout) ParseTenant(key string) (string, bool) { return l.parseTenant(key) }

func (l layout) ParseIntegration(key string) (tenant, id string, ok bool) {
	return l.parseIntegration(key)
}

// Changes are those of events of a store with this identity, after a revision.
func Changes(l layout, identity string, after int64, events []*clientv3.Event) ([]origins.Change, error) {
	f := feed{keys: l, identity: identity, after: after}
	return f.changes(events)
}

type Bond = bond

// Meet is what a call does that knew so much when it asked.
func (b *bond) Meet(knew, found store.Position) error { return b.meet(knew, found) }

func (b *bond) Accept(found store.Position) { b.accept(found) }

func (b *bond) Position() store.Position { return b.position() }
