package integrations

import (
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"unicode/utf8"

	"originwarden/api/problem"
	"originwarden/envelope"
	"originwarden/origins"
	"originwarden/store"
	"originwarden/store/search"
)

// Query is the query of a request for a page of web integrations.
type Query struct {
	search.Query
	// Origin is in canonical form, or "". Whoever knows which web integrations list
	// it sets Among.
	Origin string
	// parameters are the known ones of the request. Every link repeats them.
	parameters url.Values
}

const (
	defaultLimit = 10
	maxLimit     = 100
	// maxPageBytes ends a page of long entries early, to bound the memory of a
	// request.
	maxPageBytes = 256 << 10
	maxText      = 256 // characters of the parameter q
)

// Parse parses a raw query. If a parameter is repeated, its first value counts,
// because clients append their own to a link that already has them. Unknown
// parameters are ignored. The error is the response that lists all problems.
func Parse(rawQuery string) (*Query, error) {
	given, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, problem.InvalidQuery()
	}
	q := &Query{parameters: url.Values{}}
	q.Limit, q.Bytes = defaultLimit, maxPageBytes
	var problems []envelope.Error
	for _, name := range []string{"limit", "sort", "startingAfter", "endingBefore", "tenantId", "origin", "q"} {
		if !given.Has(name) {
			continue
		}
		if wrong := q.setParameter(name, given.Get(name)); wrong != "" {
			problems = append(problems, problem.InvalidParameter(name, wrong))
		}
	}
	if given.Has("startingAfter") && given.Has("endingBefore") {
		problems = append(problems, problem.InvalidParameter("endingBefore", "startingAfter and endingBefore exclude each other."))
	}
	if problems != nil {
		return nil, problem.New(http.StatusBadRequest, problems...)
	}
	return q, nil
}

const unknownCursor = "The cursor is not the id of a web integration of this tenant."

// setParameter sets one parameter, or returns what is wrong with it.
func (q *Query) setParameter(name, value string) (wrong string) {
	if name == "sort" && value == " name" { // a plus that was not escaped
		value = "+name"
	}
	q.parameters.Set(name, value)
	switch name {
	case "limit":
		n, err := strconv.ParseUint(value, 10, 8)
		if err != nil || n > maxLimit {
			return "The limit has to be a number from 0 to 100."
		}
		q.Limit = int(n)
	case "sort":
		if value != "name" && value != "+name" && value != "-name" {
			return "The sort order has to be name, +name or -name."
		}
		q.Descending = value == "-name"
	case "startingAfter":
		q.After = value
	case "endingBefore":
		q.Before = value
	case "origin":
		canonical, err := origins.HostedPatterns.ParseEntry(value)
		if err != nil {
			return err.Error()
		}
		q.Origin = canonical
	case "q":
		if !utf8.ValidString(value) || utf8.RuneCountInString(value) > maxText {
			return "The text has to have at most 256 characters."
		}
		q.Text = value
	}
	if (name == "startingAfter" || name == "endingBefore") && !store.IsID(value) {
		return unknownCursor
	}
	return ""
}

// UnknownCursor is the response to a cursor that the store does not know.
func (q *Query) UnknownCursor() *problem.Response {
	parameter := "endingBefore"
	if q.After != "" {
		parameter = "startingAfter"
	}
	return problem.New(http.StatusBadRequest, problem.InvalidParameter(parameter, unknownCursor))
}

// Includes reports whether the query selects the tenant's web integrations.
// Those of another tenant are an empty page.
func (q *Query) Includes(tenant string) bool {
	return !q.parameters.Has("tenantId") || q.parameters.Get("tenantId") == tenant
}

// links returns the links of a page of the collection at base.
func (q *Query) links(page search.Page, base string) Links {
	all := Links{Self: newLink(base, q.parameters)}
	if page.Next != "" {
		all.Next = q.cursorLink(base, "startingAfter", page.Next)
	}
	if page.Prev != "" {
		all.Prev = q.cursorLink(base, "endingBefore", page.Prev)
	}
	return all
}

// cursorLink returns the link to the same query from another cursor.
func (q *Query) cursorLink(base, cursor, id string) *Link {
	parameters := maps.Clone(q.parameters)
	parameters.Del("startingAfter")
	parameters.Del("endingBefore")
	parameters.Set(cursor, id)
	return newLink(base, parameters)
}

func newLink(base string, parameters url.Values) *Link {
	if len(parameters) == 0 {
		return &Link{base}
	}
	return &Link{base + "?" + parameters.Encode()}
}
