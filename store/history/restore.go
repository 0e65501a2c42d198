package history

import (
	"slices"

	"originwarden/store"
)

// restoreOrigins returns the current origins without those that the change added, and
// with those that it removed.
func (u *undoing) restoreOrigins() []string {
	for _, entry := range slices.Concat(u.values.Added, u.values.Removed) {
		if by := u.changedBy(canonical(entry.Text)); by != nil {
			u.reportConflict(entry.Text, by)
		}
	}
	l := newEntryList(u.current.ValidOrigins)
	for _, added := range slices.Backward(u.values.Added) {
		u.removeAdded(l, added)
	}
	for _, removed := range u.values.Removed {
		u.addRemoved(l, removed)
	}
	return l.entries
}

// changedBy returns the last later record that changed an entry of a canonical form, or
// may have, or nil.
func (u *undoing) changedBy(form string) *store.Record {
	if by := u.later.entries[form]; by != nil {
		return by
	}
	return u.later.omitted
}

// removeAdded removes an entry that the change added, and those of the same form that
// were added later. An entry that is spelled otherwise and was not touched since was
// there before the change.
func (u *undoing) removeAdded(l *entryList, added Entry) {
	form := canonical(added.Text)
	i := added.Index
	if i >= len(l.entries) || l.entries[i] != added.Text {
		i = slices.Index(l.entries, added.Text)
	}
	if i < 0 && u.changedBy(form) != nil {
		i = l.lastIndex(form)
	}
	l.remove(i)
	for ; u.more[form] > 0; u.more[form]-- {
		l.remove(l.lastIndex(form))
	}
}

// addRemoved adds an entry that the change removed, unless it was listed again.
func (u *undoing) addRemoved(l *entryList, removed Entry) {
	form := canonical(removed.Text)
	again := u.changedBy(form) != nil && l.lastIndex(form) >= 0
	if !again && !slices.Contains(l.entries, removed.Text) {
		l.insert(removed, form)
	}
}

// entryList is a list of entries with their canonical forms.
type entryList struct{ entries, forms []string }

func newEntryList(entries []string) *entryList {
	l := &entryList{slices.Clone(entries), make([]string, len(entries))}
	for i, entry := range entries {
		l.forms[i] = canonical(entry)
	}
	return l
}

// lastIndex returns the index of the last entry of a form, or -1.
func (l *entryList) lastIndex(form string) int {
	for i, f := range slices.Backward(l.forms) {
		if f == form {
			return i
		}
	}
	return -1
}

// remove removes the entry at i, unless i is negative.
func (l *entryList) remove(i int) {
	if i >= 0 {
		l.entries, l.forms = slices.Delete(l.entries, i, i+1), slices.Delete(l.forms, i, i+1)
	}
}

// insert adds an entry at its index, or at the end of a shorter list.
func (l *entryList) insert(entry Entry, form string) {
	i := min(entry.Index, len(l.entries))
	l.entries, l.forms = slices.Insert(l.entries, i, entry.Text), slices.Insert(l.forms, i, form)
}
