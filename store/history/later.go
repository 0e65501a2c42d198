package history

import "originwarden/store"

// Later collects what an undo of a record needs of the later ones. It keeps no more
// than one of them for each entry of the record, and none of their entries.
type Later struct {
	of      *store.Record
	values  Values
	touched map[string]bool // the canonical forms of the entries in values

	// The last records that changed something, without their updates, or nil.
	any       *store.Record // in the web integration
	name      *store.Record
	entries   map[string]*store.Record // by canonical form, those touched
	omitted   *store.Record            // whose entries are unknown
	recreated *store.Record            // another web integration of the same name

	more map[string]int // entries added less those removed, by canonical form, those touched
}

// NewLater returns what is known before the first later record is added.
func NewLater(of store.Record) *Later {
	l := &Later{of: &of, values: Read(&of), touched: map[string]bool{}, entries: map[string]*store.Record{}, more: map[string]int{}}
	for _, entries := range [][]Entry{l.values.Removed, l.values.Added} {
		for _, entry := range entries {
			l.touched[canonical(entry.Text)] = true
		}
	}
	return l
}

// Add adds the next of the tenant's records after that one, in the order of their
// revisions.
func (l *Later) Add(r *store.Record) {
	by := *r
	by.Updates = nil
	if r.Operation == store.Created && r.Name == l.of.Name {
		l.recreated = &by
	}
	if r.Integration != l.of.Integration || ChangesNothing(r) {
		return
	}
	l.any = &by
	if r.Omitted != nil {
		l.omitted = &by
	}
	v := Read(r)
	if v.OldName != "" {
		l.name = &by
	}
	for _, entry := range v.Removed {
		l.noteEntry(&by, entry, -1)
	}
	for _, entry := range v.Added {
		l.noteEntry(&by, entry, 1)
	}
}

func (l *Later) noteEntry(r *store.Record, entry Entry, more int) {
	if form := canonical(entry.Text); l.touched[form] {
		l.entries[form] = r
		l.more[form] += more
	}
}

// Recreated returns the ID of the last record that created a web integration of the
// same name, or "".
func (l *Later) Recreated() string {
	if l.recreated == nil {
		return ""
	}
	return l.recreated.ID
}
