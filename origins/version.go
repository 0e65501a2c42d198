package origins

import (
	"iter"
	"weak"
)

// Version identifies what a List has of one web integration. Two versions are
// equal only if the lists share that part, and so its contents. A Version keeps
// nothing in memory. The zero value is that of no part.
type Version struct{ part weak.Pointer[part] }

// Versions are those of the tenant's web integrations, and of the deletions
// that are remembered, by id.
func (l *List) Versions() iter.Seq2[string, Version] {
	return func(yield func(string, Version) bool) {
		for p := range l.parts.all() {
			if !yield(p.key, Version{weak.Make(p.value)}) {
				return
			}
		}
	}
}

// Change is the last change of the web integration id, if the list has one.
func (l *List) Change(tenant, id string) (c Change, ok bool) {
	p, ok := l.parts.get(l.hash(id), id)
	if !ok {
		return Change{}, false
	}
	return p.change(tenant, id), true
}

func (p *part) change(tenant, id string) Change {
	c := Change{Tenant: tenant, Part: Part{ID: id, Revision: p.revision}, Deleted: p.deleted}
	c.Origins = make([]string, 0, p.origins.size)
	for o := range p.origins.all() {
		c.Origins = append(c.Origins, o.key)
	}
	return c
}
