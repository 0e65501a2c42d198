package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"originwarden/envelope"
	"originwarden/origins"
	"originwarden/store"
	"originwarden/store/search"
)

// listQuery is the query of a request for a page of web integrations.
type listQuery struct {
	search.Query
	origin string // in canonical form, or ""
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

// parseListQuery parses a raw query. If a parameter is repeated, its first value
// counts, because clients append their own to a link that already has them.
// Unknown parameters are ignored.
func parseListQuery(rawQuery string) (*listQuery, error) {
	given, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, requestError(http.StatusBadRequest, "The query cannot be parsed.")
	}
	q := &listQuery{parameters: url.Values{}}
	q.Limit, q.Bytes = defaultLimit, maxPageBytes
	var problems []envelope.Error
	for _, name := range []string{"limit", "sort", "startingAfter", "endingBefore", "tenantId", "origin", "q"} {
		if !given.Has(name) {
			continue
		}
		if problem := q.setParameter(name, given.Get(name)); problem != "" {
			problems = append(problems, invalidParameter(name, problem))
		}
	}
	if given.Has("startingAfter") && given.Has("endingBefore") {
		problems = append(problems, invalidParameter("endingBefore", "startingAfter and endingBefore exclude each other."))
	}
	if problems != nil {
		return nil, newErrorResponse(http.StatusBadRequest, problems...)
	}
	return q, nil
}

const unknownCursor = "The cursor is not the id of a web integration of this tenant."

// setParameter sets one parameter, or returns what is wrong with it.
func (q *listQuery) setParameter(name, value string) (problem string) {
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
		q.origin = canonical
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

// unknownCursorError is the error for a cursor that the store does not know.
func (q *listQuery) unknownCursorError() *errorResponse {
	parameter := "endingBefore"
	if q.After != "" {
		parameter = "startingAfter"
	}
	return newErrorResponse(http.StatusBadRequest, invalidParameter(parameter, unknownCursor))
}

// selectListing selects the web integrations that list the query's origin, if it has
// one, by the tenant's list in force.
func (t *tenantRequest) selectListing(ctx context.Context, q *listQuery) error {
	if q.origin == "" {
		return nil
	}
	list, err := t.Lists.List(ctx, t.tenant)
	if err == nil && list.IsStale() {
		err = errors.New("api: searching for an origin: the list was not confirmed in time")
	}
	if err != nil {
		return err
	}
	q.Among = map[string]bool{}
	for id := range list.Listing(q.origin, t.permittedPatterns()) {
		q.Among[id] = true
	}
	return nil
}

// includes reports whether the query selects the tenant's web integrations.
// Those of another tenant are an empty page.
func (q *listQuery) includes(tenant string) bool {
	return !q.parameters.Has("tenantId") || q.parameters.Get("tenantId") == tenant
}

// pageDocument is a page of web integrations as clients see it.
type pageDocument struct {
	Data  pageData `json:"data"`
	Links links    `json:"links"`
}

// pageData is written one web integration at a time. Those that are written are
// not held any more.
type pageData []store.WebIntegration

// MarshalJSONTo implements json.MarshalerTo.
func (d pageData) MarshalJSONTo(to *jsontext.Encoder) error {
	if err := to.WriteToken(jsontext.BeginArray); err != nil {
		return err
	}
	var document integrationDocument
	for i := range d {
		document = newDocument(&d[i])
		d[i] = store.WebIntegration{}
		if err := json.MarshalEncode(to, &document); err != nil {
			return err
		}
	}
	return to.WriteToken(jsontext.EndArray)
}

// pageLinks returns the links of a page of the collection at base.
func (q *listQuery) pageLinks(page search.Page, base string) links {
	all := links{Self: newLink(base, q.parameters)}
	if page.Next != "" {
		all.Next = q.cursorLink(base, "startingAfter", page.Next)
	}
	if page.Prev != "" {
		all.Prev = q.cursorLink(base, "endingBefore", page.Prev)
	}
	return all
}

// cursorLink returns the link to the same query from another cursor.
func (q *listQuery) cursorLink(base, cursor, id string) *link {
	parameters := maps.Clone(q.parameters)
	parameters.Del("startingAfter")
	parameters.Del("endingBefore")
	parameters.Set(cursor, id)
	return newLink(base, parameters)
}

func newLink(base string, parameters url.Values) *link {
	if len(parameters) == 0 {
		return &link{base}
	}
	return &link{base + "?" + parameters.Encode()}
}
