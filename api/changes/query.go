// Package changes has the query and the documents of the API's history: a page of events
// in the JSON format of CloudEvents 1.0.
package changes

import (
	"net/url"
	"strconv"
	"strings"

	"originwarden/origins"
	"originwarden/store"
)

const (
	defaultLimit = 10
	maxLimit     = 100
)

// UnknownCursor is what is wrong with the parameter startingAfter if it is no cursor.
const UnknownCursor = "The cursor is not the id of an event."

// Query is the query of a request. Its limit may be 0: then the page is empty.
type Query struct {
	store.HistoryQuery
	// parameters are the known ones of the request. Every link repeats them.
	parameters url.Values
}

// Parse parses the parameters of a request, of which each one's first value counts.
// Unknown ones are ignored. report is called with each invalid one and what is wrong
// with it.
//
// The newest event comes first, except with since, a revision: then the oldest later
// one does.
func Parse(given url.Values, report func(parameter, problem string)) *Query {
	q := &Query{store.HistoryQuery{Limit: defaultLimit, Newest: true}, url.Values{}}
	for _, name := range []string{"limit", "integration", "origin", "since", "startingAfter"} {
		if !given.Has(name) {
			continue
		}
		value := given.Get(name)
		q.parameters.Set(name, value)
		if problem := q.set(name, value); problem != "" {
			report(name, problem)
		}
	}
	return q
}

// set sets one parameter, or returns what is wrong with it.
func (q *Query) set(name, value string) (problem string) {
	var err error
	switch name {
	case "limit":
		if q.Limit, err = strconv.Atoi(value); err != nil || strings.TrimLeft(value, "0123456789") != "" || q.Limit < 0 || q.Limit > maxLimit {
			return "The limit has to be a number from 0 to 100."
		}
	case "integration":
		if q.Integration = value; !store.IsID(value) {
			return "It has to be the id of a web integration."
		}
	case "origin":
		if q.Origin, err = origins.HostedPatterns.ParseEntry(value); err != nil {
			return err.Error()
		}
	case "since":
		q.Newest = false
		if q.After, err = strconv.ParseUint(value, 10, 63); err != nil {
			return "It has to be a revision."
		}
	case "startingAfter":
		q.Cursor = value
		if _, _, ok := store.ParseRecordID(value); !ok {
			return UnknownCursor
		}
	}
	return ""
}

// links returns the links of a page of the collection at base.
func (q *Query) links(next, base string) Links {
	links := Links{Self: q.link(base)}
	if next != "" {
		further := Query{parameters: url.Values{}}
		for name, values := range q.parameters {
			further.parameters[name] = values
		}
		further.parameters.Set("startingAfter", next)
		links.Next = further.link(base)
	}
	return links
}

func (q *Query) link(base string) *Link {
	if len(q.parameters) == 0 {
		return &Link{base}
	}
	return &Link{base + "?" + q.parameters.Encode()}
}
