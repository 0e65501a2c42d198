// Package history makes, encodes, selects and undoes the records of a store's history.
// It keeps nothing: that is what the stores do.
package history

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"time"

	"originwarden/store"
)

// The paths of updates.
const (
	pathName      = "/name"
	pathCreatedBy = "/createdBy"
	pathCreated   = "/created"
	pathOrigins   = "/validOrigins"
)

// NewRecord returns the record of a write that replaces before by after. A nil before
// means a creation, a nil after a deletion. The caller sets the revision and the ID.
func NewRecord(ctx context.Context, before, after *store.WebIntegration) store.Record {
	r := store.Record{
		Time:    time.Now().UTC().Truncate(time.Millisecond),
		Subject: store.Author(ctx), Issuer: store.Issuer(ctx),
	}
	is := after
	switch {
	case before == nil:
		r.Operation = store.Created
		r.Updates = []store.Update{{Path: pathName, NewValue: encode(after.Name)}, {Path: pathOrigins, NewValue: encode(nonNil(after.ValidOrigins))}}
	case after == nil:
		r.Operation, is = store.Deleted, before
		r.Updates = []store.Update{{Path: pathName, OldValue: encode(before.Name)}, {Path: pathOrigins, OldValue: encode(nonNil(before.ValidOrigins))}}
	default:
		r.Operation, r.Updates = store.Updated, compare(before, after)
	}
	r.Tenant, r.Integration, r.Name = is.TenantID, is.ID, is.Name
	return r
}

// ChangesNothing reports whether the record is that of a write which replaced values by
// equal ones. The stores keep no such record; those of older versions do.
func ChangesNothing(r *store.Record) bool {
	return r.Operation == store.Updated && len(r.Updates) == 0 && r.Omitted == nil
}

// compare returns the updates of an edit.
func compare(before, after *store.WebIntegration) (updates []store.Update) {
	if before.Name != after.Name {
		updates = append(updates, store.Update{Path: pathName, OldValue: encode(before.Name), NewValue: encode(after.Name)})
	}
	if before.CreatedBy != after.CreatedBy {
		updates = append(updates, store.Update{Path: pathCreatedBy, OldValue: encode(before.CreatedBy), NewValue: encode(after.CreatedBy)})
	}
	if !before.Created.Equal(after.Created) {
		updates = append(updates, store.Update{Path: pathCreated, OldValue: encode(before.Created.UTC()), NewValue: encode(after.Created.UTC())})
	}
	removed, added := diff(before.ValidOrigins, after.ValidOrigins)
	for _, i := range removed {
		updates = append(updates, store.Update{Path: entryPath(i), OldValue: encode(before.ValidOrigins[i])})
	}
	for _, i := range added {
		updates = append(updates, store.Update{Path: entryPath(i), NewValue: encode(after.ValidOrigins[i])})
	}
	return updates
}

func entryPath(index int) string { return pathOrigins + "/" + strconv.Itoa(index) }

// Values are the updates of a record, read.
type Values struct {
	// OldName and NewName are "" if the name is not among the updates.
	OldName, NewName string
	// Removed and Added are entries, those of a whole list too.
	Removed, Added []Entry
}

// Entry is an entry of a list.
type Entry struct {
	Index int // in the list before or after the change
	Text  string
}

// Read reads the updates of a record. It skips those that it does not know.
func Read(r *store.Record) (v Values) {
	for _, u := range r.Updates {
		if u.Path == pathName {
			_ = json.Unmarshal(u.OldValue, &v.OldName)
			_ = json.Unmarshal(u.NewValue, &v.NewName)
			continue
		}
		v.Removed = append(v.Removed, readEntries(u.Path, u.OldValue)...)
		v.Added = append(v.Added, readEntries(u.Path, u.NewValue)...)
	}
	return v
}

func readEntries(path string, value json.RawMessage) (entries []Entry) {
	if path == pathOrigins {
		var list []string
		_ = json.Unmarshal(value, &list)
		for i, text := range list {
			entries = append(entries, Entry{i, text})
		}
		return entries
	}
	index, ok := bytes.CutPrefix([]byte(path), []byte(pathOrigins+"/"))
	i, err := strconv.Atoi(string(index))
	var text string
	if !ok || err != nil || json.Unmarshal(value, &text) != nil {
		return nil
	}
	return []Entry{{i, text}}
}

// encode returns v, which is a string, a list of strings or a time, as JSON.
func encode(v any) json.RawMessage {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v) // fails only for times after the year 9999, which no store has
	return bytes.TrimRight(text.Bytes(), "\n")
}

func nonNil(entries []string) []string { return append([]string{}, entries...) }
