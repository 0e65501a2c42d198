package api

import (
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"originwarden/envelope"
	"originwarden/store"
)

// listing is what the query of a list asks for.
type listing struct {
	query store.Query
	// filters are the parameters that count, as every link carries them.
	filters url.Values
}

const (
	defaultLimit = 10
	maxLimit     = 100
)

// parseListing reads a raw query. Of a repeated parameter the first value
// counts, because clients append their own to a link that has them already;
// parameters that the API does not know count nothing.
func parseListing(rawQuery string) (*listing, error) {
	given, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, badRequest(http.StatusBadRequest, "The query cannot be parsed.")
	}
	l := &listing{store.Query{Limit: defaultLimit}, url.Values{}}
	var problems []envelope.Error
	for _, name := range []string{"limit", "sort", "startingAfter", "endingBefore", "tenantId"} {
		if !given.Has(name) {
			continue
		}
		if problem := l.filter(name, given.Get(name)); problem != "" {
			problems = append(problems, invalidParameter(name, problem))
		}
	}
	if given.Has("startingAfter") && given.Has("endingBefore") {
		problems = append(problems, invalidParameter("endingBefore", "A page has either startingAfter or endingBefore."))
	}
	if problems != nil {
		return nil, refuseWith(http.StatusBadRequest, problems...)
	}
	return l, nil
}

// filter takes in one parameter, or returns what is wrong with it.
func (l *listing) filter(name, value string) (problem string) {
	if name == "sort" && value == " name" { // a plus that was not escaped
		value = "+name"
	}
	l.filters.Set(name, value)
	switch name {
	case "limit":
		n, err := strconv.ParseUint(value, 10, 8)
		if err != nil || n > maxLimit {
			return "The limit is a number from 0 to 100."
		}
		l.query.Limit = int(n)
	case "sort":
		if value != "name" && value != "+name" && value != "-name" {
			return "The order is name, +name or -name."
		}
		l.query.Descending = value == "-name"
	case "startingAfter":
		return l.cursor(&l.query.After, value)
	case "endingBefore":
		return l.cursor(&l.query.Before, value)
	}
	return ""
}

const unknownCursor = "The cursor is not the id of one of the tenant's web integrations."

func (l *listing) cursor(into *string, id string) (problem string) {
	if !isID(id) {
		return unknownCursor
	}
	*into = id
	return ""
}

// unknownCursor is the error for a cursor that the store does not know.
func (l *listing) unknownCursor() envelope.Error {
	if l.query.After != "" {
		return invalidParameter("startingAfter", unknownCursor)
	}
	return invalidParameter("endingBefore", unknownCursor)
}

// includes reports whether the listing is about the tenant. A host has the web
// integrations of one tenant, so that those of another are an empty page.
func (l *listing) includes(tenant string) bool {
	return !l.filters.Has("tenantId") || l.filters.Get("tenantId") == tenant
}

// document is the answer that holds page, for a collection at base.
func (l *listing) document(page store.Page, base string) collectionDocument {
	d := collectionDocument{Data: make([]document, len(page.Integrations))}
	for i := range page.Integrations {
		d.Data[i] = documentOf(&page.Integrations[i])
	}
	d.Links.Self = link(base, l.filters)
	if page.More {
		next := l.turn(base, "startingAfter", d.Data[len(d.Data)-1].ID)
		d.Links.Next = &next
	}
	if page.Less {
		prev := l.turn(base, "endingBefore", d.Data[0].ID)
		d.Links.Prev = &prev
	}
	return d
}

// turn links to the same listing from another cursor.
func (l *listing) turn(base, cursor, id string) href {
	filters := maps.Clone(l.filters)
	filters.Del("startingAfter")
	filters.Del("endingBefore")
	filters.Set(cursor, id)
	return link(base, filters)
}

func link(base string, filters url.Values) href {
	if len(filters) == 0 {
		return href{base}
	}
	return href{base + "?" + filters.Encode()}
}
