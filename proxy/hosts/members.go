package hosts

import (
	"iter"
	"sync"
	"sync/atomic"
)

// Directory has tenants that need almost no memory until they are used: there may be
// very many. They have indexes from 0; -1 is none. Its methods may be called
// concurrently, with anything as host or id.
type Directory interface {
	Len() int
	// IndexOfHost finds the tenant with a host, in the form of request.HostName.
	IndexOfHost(host string) int
	// IndexOfID finds the tenant with an id.
	IndexOfID(id string) int
}

// members are the tenants of a Directory, which may be nil.
type members[T any] struct {
	directory Directory
	compile   func(index int) *T

	used      []atomic.Pointer[T] // by index; nil: not needed yet
	compiling sync.Mutex
}

func (m *members[T]) ofHost(host string) *T {
	if m.directory == nil {
		return nil
	}
	return m.at(m.directory.IndexOfHost(host))
}

func (m *members[T]) withID(id string) *T {
	if m.directory == nil {
		return nil
	}
	return m.at(m.directory.IndexOfID(id))
}

// at returns the tenant with an index, which may be -1.
func (m *members[T]) at(index int) *T {
	if index < 0 {
		return nil
	}
	if tenant := m.used[index].Load(); tenant != nil {
		return tenant
	}
	m.compiling.Lock()
	defer m.compiling.Unlock()
	if tenant := m.used[index].Load(); tenant != nil {
		return tenant
	}
	tenant := m.compile(index)
	m.used[index].Store(tenant)
	return tenant
}

// Used returns the tenants that were added, and those of the directory that were
// needed so far. A nil Table has none.
func (t *Table[T]) Used() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		if t == nil {
			return
		}
		for _, tenant := range t.byID {
			if !yield(tenant) {
				return
			}
		}
		for i := range t.members.used {
			if tenant := t.members.used[i].Load(); tenant != nil && !yield(tenant) {
				return
			}
		}
	}
}

// UsedByID returns the tenant with an id if it is one of Used, or nil.
func (t *Table[T]) UsedByID(id string) *T {
	if t == nil {
		return nil
	}
	if tenant := t.byID[id]; tenant != nil || t.members.directory == nil {
		return tenant
	}
	if index := t.members.directory.IndexOfID(id); index >= 0 {
		return t.members.used[index].Load()
	}
	return nil
}
