package hosts

import (
	"fmt"
	"sync/atomic"

	"originwarden/origins"
	"originwarden/proxy/request"
)

// Any, as the only host of a tenant, matches every host that no other tenant has.
const Any = "*"

// isDefault reports whether a tenant with these hosts is the default tenant.
func isDefault(hosts []string) bool { return len(hosts) == 0 || len(hosts) == 1 && hosts[0] == Any }

// Table has tenants by host and by id. When it is complete, it may be used
// concurrently.
type Table[T any] struct {
	idOf          func(*T) string
	byID          map[string]*T
	byName        map[string]*T
	defaultTenant *T // of all other hosts; may be nil
	loopbackOnly  bool

	members members[T]
}

// New returns a table without tenants. onLoopback says that the default tenant takes
// only loopback names unless its host is Any. Otherwise a page could reach a loopback
// listener by DNS rebinding, under its own name.
//
// Tenants of the directory, which may be nil, are made by compile when they are needed
// first, one at a time. idOf returns the id of a tenant.
func New[T any](onLoopback bool, idOf func(*T) string, directory Directory, compile func(index int) *T) *Table[T] {
	t := &Table[T]{idOf: idOf, byID: map[string]*T{}, byName: map[string]*T{}, loopbackOnly: onLoopback}
	if directory != nil {
		t.members.directory, t.members.compile = directory, compile
		t.members.used = make([]atomic.Pointer[T], directory.Len())
	}
	return t
}

// Add adds a tenant with its hosts, and returns an error for each that another tenant
// has. The first tenant without hosts, or with Any alone, is the default one.
func (t *Table[T]) Add(tenant *T, hosts []string) (taken []error) {
	id := t.idOf(tenant)
	t.byID[id] = tenant
	if isDefault(hosts) {
		if t.defaultTenant != nil {
			taken = append(taken, fmt.Errorf("tenants %s and %s are both the default tenant", t.idOf(t.defaultTenant), id))
		}
		t.defaultTenant = tenant
		t.loopbackOnly = t.loopbackOnly && len(hosts) == 0
		return taken
	}
	for _, name := range hosts {
		name = request.NormalizeName(name)
		if other := t.Named(name); other != nil {
			taken = append(taken, fmt.Errorf("tenants %s and %s both have the host %s", t.idOf(other), id, name))
		}
		t.byName[name] = tenant
	}
	return taken
}

// Find returns the tenant of a Host header's value, or nil, also if that is not a
// host.
func (t *Table[T]) Find(host string) *T {
	if tenant := t.byName[host]; tenant != nil {
		return tenant
	}
	name := request.HostName(host)
	if name == "" {
		return nil
	}
	if tenant := t.Named(name); tenant != nil {
		return tenant
	}
	if t.IsLoopbackOnly() && !origins.IsLoopbackName(name) {
		return nil
	}
	return t.defaultTenant
}

// Named returns the tenant that has a host of its own, in the form of
// request.HostName, or nil.
func (t *Table[T]) Named(name string) *T {
	if tenant := t.byName[name]; tenant != nil {
		return tenant
	}
	return t.members.ofHost(name)
}

// ByID returns the tenant with an id, or nil.
func (t *Table[T]) ByID(id string) *T {
	if tenant := t.byID[id]; tenant != nil {
		return tenant
	}
	return t.members.withID(id)
}

// IsLoopbackOnly reports whether there is a default tenant, and it takes only loopback
// names.
func (t *Table[T]) IsLoopbackOnly() bool {
	return t.loopbackOnly && t.defaultTenant != nil
}
