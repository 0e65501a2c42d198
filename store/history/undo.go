package history

import (
	"errors"
	"maps"
	"slices"

	"originwarden/store"
)

// The errors of NewUndo, besides *ConflictError.
var (
	// ErrOmitted: the record lacks the entries that would have to be restored.
	ErrOmitted = errors.New("the change was too large for the history to keep its entries")
	// ErrNothingToUndo: the web integration is as it would be without the change.
	ErrNothingToUndo = errors.New("there is nothing to undo")
	// ErrDeleted: the web integration was deleted later.
	ErrDeleted = errors.New("the web integration was deleted later; undo its deletion first")
)

// Undo is the write that undoes a change.
type Undo struct {
	// Operation is Created, with another id, Updated or Deleted.
	Operation store.Operation
	// Name and ValidOrigins are those after the write, unless it deletes.
	Name         string
	ValidOrigins []string
}

// NewUndo returns the write that undoes the change of a record, and nothing but that.
// current is the web integration as it is now, or nil; the write has to be made on the
// condition that it still is. later are the tenant's records after this one, in the
// order of their revisions.
//
// The error is a *ConflictError if that write would also undo a later change: one of
// the same entry, of the name, or, where the web integration would be deleted, of
// anything in it. Nor is a deleted web integration created again if a later one got its
// name. With force, later changes are undone too.
//
// Entries are the same if their canonical forms are. An entry that is gone already, or
// was listed again, stays so. A restored entry gets its old place if the list still has
// one.
func NewUndo(r store.Record, current *store.WebIntegration, later []store.Record, force bool) (Undo, error) {
	l := NewLater(r)
	for i := range later {
		l.Add(&later[i])
	}
	return l.Undo(current, force)
}

// Undo is NewUndo, given the later records that were added.
func (l *Later) Undo(current *store.WebIntegration, force bool) (Undo, error) {
	r := l.of
	u := undoing{record: r, values: l.values, current: current, later: l, more: maps.Clone(l.more), reported: map[string]bool{}}
	undo, err := u.plan()
	switch {
	case err != nil:
		return Undo{}, err
	case r.Omitted != nil && undo.Operation != store.Deleted:
		return Undo{}, ErrOmitted
	case u.conflicts != nil && !force:
		return Undo{}, &ConflictError{u.conflicts}
	case undo.Operation == store.Updated && undo.Name == current.Name && slices.Equal(undo.ValidOrigins, current.ValidOrigins):
		return Undo{}, ErrNothingToUndo
	}
	return undo, nil
}

// undoing is one call of Later.Undo.
type undoing struct {
	record    *store.Record
	values    Values
	current   *store.WebIntegration
	later     *Later
	more      map[string]int // see Later; what is undone is subtracted
	conflicts []Conflict
	reported  map[string]bool // by reportConflict
}

func (u *undoing) plan() (Undo, error) {
	switch {
	case u.record.Operation == store.Deleted:
		if by := u.later.recreated; by != nil {
			u.reportConflict("the web integration", by)
		}
		return Undo{store.Created, u.values.OldName, texts(u.values.Removed)}, nil
	case u.current == nil && u.record.Operation == store.Created:
		return Undo{}, ErrNothingToUndo
	case u.current == nil:
		return Undo{}, ErrDeleted
	case u.record.Operation == store.Created:
		if u.later.any != nil || u.changedUnrecorded() {
			u.reportConflict("the web integration", u.later.any)
		}
		return Undo{Operation: store.Deleted}, nil
	}
	return Undo{store.Updated, u.restoreName(), u.restoreOrigins()}, nil
}

// reportConflict reports that something was changed by a later record; nil is one that
// the history does not have.
func (u *undoing) reportConflict(what string, by *store.Record) {
	if u.reported[what] {
		return
	}
	u.reported[what] = true
	c := Conflict{What: what}
	if by != nil {
		c.By = *by
	}
	u.conflicts = append(u.conflicts, c)
}

// changedUnrecorded reports whether a created web integration may have been changed by
// a write that the history does not have. Writes that changed nothing are among those.
func (u *undoing) changedUnrecorded() bool {
	if u.record.Omitted != nil {
		return u.current.Revision > u.record.Revision
	}
	return u.current.Name != u.values.NewName || !slices.Equal(u.current.ValidOrigins, texts(u.values.Added))
}

func (u *undoing) restoreName() string {
	before, after, now := u.values.OldName, u.values.NewName, u.current.Name
	if before == after {
		return now
	}
	if u.later.name != nil || now != after && now != before {
		u.reportConflict("the name", u.later.name)
	}
	return before
}

func texts(entries []Entry) []string {
	all := make([]string, len(entries))
	for i, entry := range entries {
		all[i] = entry.Text
	}
	return all
}
