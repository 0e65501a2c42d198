package changes

import (
	"originwarden/store"
	"originwarden/store/history"
)

// shownEntries is how many entries of one change a page shows.
const shownEntries = 20

// Change is a record as a page shows it.
type Change struct {
	store.Record
	Renamed        string // the old name, or ""
	Removed, Added []string
	More           int // entries that are not shown
}

// New returns the change of a record.
func New(record store.Record) Change {
	values := history.Read(&record)
	c := Change{Record: record}
	if record.Operation == store.Updated {
		c.Renamed = values.OldName
	}
	c.Removed = texts(values.Removed)
	c.Added = texts(values.Added)
	c.Removed, c.More = c.Removed[:min(len(c.Removed), shownEntries)], max(0, len(c.Removed)-shownEntries)
	c.More += max(0, len(c.Added)-shownEntries)
	c.Added = c.Added[:min(len(c.Added), shownEntries)]
	return c
}

func texts(entries []history.Entry) (all []string) {
	for _, entry := range entries {
		all = append(all, entry.Text)
	}
	return all
}
