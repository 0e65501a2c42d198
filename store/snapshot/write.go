package snapshot

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"weak"

	"originwarden/origins"
)

// place is where a tenant's list is on disk.
type place struct {
	// list is the one that was written: the same pointer is the same list.
	// Being weak, it keeps no list in memory while the disk is full.
	list    weak.Pointer[origins.List]
	gone    bool // there is none, whatever older segments have
	segment *segment
	size    int64
}

// Write makes s what Read returns, and returns how many bytes it took. Lists
// that were written or read before, by their pointers, are not written again.
// When it returns nil, s survives the end of the machine; after an error the
// snapshot is the one from before or s, and the next Write makes up for it. A
// directory that was removed or replaced is opened anew, as Open does.
func (d *Directory) Write(s *Snapshot) (bytes int64, err error) {
	if err := d.renew(); err != nil {
		return 0, d.failed(err)
	}
	if !d.isWhole() {
		d.forget()
	}
	m := &manifest{at: s.At, confirmed: s.Confirmed, segments: d.segments}
	p := d.plan(s.Lists)
	if len(p.changed) > 0 {
		if bytes, err = d.extend(m, p, s.Lists); err != nil {
			return 0, d.failed(err)
		}
	}
	inForce, err := d.commit(m)
	if !inForce {
		return 0, d.failed(errors.Join(err, p.abandon()))
	}
	d.segments = m.segments
	d.move(p)
	if err != nil {
		return 0, d.failed(err) // what the manifest before names is still there
	}
	d.sweep()
	return bytes + int64(len(m.encode())), nil
}

func (d *Directory) failed(err error) error {
	return fmt.Errorf("writing the snapshot in %s: %w", d.root.Name(), err)
}

// plan is what a write changes.
type plan struct {
	changed []string           // the tenants that are written because they changed
	staying map[*segment]int64 // how many bytes of each segment still count
	moved   map[string]place
	w       *writer
}

// plan compares the lists with those that were written.
func (d *Directory) plan(lists map[string]*origins.List) *plan {
	p := &plan{staying: map[*segment]int64{}, moved: map[string]place{}}
	for tenant, l := range lists {
		if at, ok := d.places[tenant]; !ok || at.gone || at.list != weak.Make(l) {
			p.changed = append(p.changed, tenant)
		} else {
			p.staying[at.segment] += at.size
		}
	}
	for tenant, at := range d.places {
		if _, ok := lists[tenant]; ok {
			continue
		}
		if at.gone {
			p.staying[at.segment] += at.size
		} else {
			p.changed = append(p.changed, tenant)
		}
	}
	return p
}

// extend writes a new segment of what has changed, and of what else is in
// segments that it replaces, and makes it the manifest's newest.
func (d *Directory) extend(m *manifest, p *plan, lists map[string]*origins.List) (int64, error) {
	var err error
	if p.w, err = d.newWriter(); err != nil {
		return 0, err
	}
	s, err := d.fill(m, p, lists)
	if err != nil {
		return 0, errors.Join(err, p.abandon())
	}
	m.segments = append(m.segments, s)
	return s.size, nil
}

func (d *Directory) fill(m *manifest, p *plan, lists map[string]*origins.List) (*segment, error) {
	for _, tenant := range p.changed {
		if err := p.write(tenant, lists[tenant]); err != nil {
			return nil, err
		}
	}
	m.segments = p.keep(d.segments)
	for tenant, at := range d.places {
		_, already := p.moved[tenant]
		if already || slices.Contains(m.segments, at.segment) {
			continue
		}
		if at.gone && len(m.segments) == 0 {
			p.moved[tenant] = place{} // nothing older is left to say otherwise
		} else if err := p.write(tenant, lists[tenant]); err != nil {
			return nil, err
		}
	}
	return p.w.close()
}

func (p *plan) write(tenant string, l *origins.List) error {
	size, err := p.w.add(tenant, l)
	p.moved[tenant] = place{list: weak.Make(l), gone: l == nil, segment: p.w.s, size: size}
	return err
}

// keep returns the segments that stay beside the new one. Those go of which
// less than half still counts, and, from the newest on, those that are not at
// least twice as large as what comes after them. So each is twice as large as
// the next: there are never many, and a list is seldom written again for
// others' sake.
func (p *plan) keep(segments []*segment) []*segment {
	size := p.w.s.size
	kept := make([]*segment, 0, len(segments)+1)
	for _, s := range segments {
		if staying := p.staying[s]; 2*staying < s.size {
			size += staying
		} else {
			kept = append(kept, s)
		}
	}
	for last := len(kept) - 1; last >= 0 && p.staying[kept[last]] < 2*size; last-- {
		size += p.staying[kept[last]]
		kept = kept[:last]
	}
	return kept
}

// abandon removes what no manifest will name.
func (p *plan) abandon() error {
	if p.w == nil {
		return nil
	}
	return p.w.abandon()
}

// move notes where the lists are now.
func (d *Directory) move(p *plan) {
	if d.places == nil {
		d.places = map[string]place{}
	}
	maps.Copy(d.places, p.moved)
	maps.DeleteFunc(d.places, func(_ string, at place) bool { return at.segment == nil })
}
