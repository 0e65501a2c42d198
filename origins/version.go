package origins

import (
	"iter"
	"weak"
)

// Version identifies a List's part of one web integration. Two versions are equal
// only if the lists share that part. A Version does not keep the part in memory.
// The zero Version equals that of no part.
type Version struct{ part weak.Pointer[part] }

// Versions yields the version of each web integration of the tenant, including
// deleted ones, by id.
func (l *List) Versions() iter.Seq2[string, Version] {
	return func(yield func(string, Version) bool) {
		for p := range l.parts.all() {
			if !yield(p.key, Version{weak.Make(p.value)}) {
				return
			}
		}
	}
}

// Change returns the last change of the web integration id, if the list has it.
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
