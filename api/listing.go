package api

import (
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-json-experiment/json"

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
	l := &listing{store.Query{Limit: defaultLimit, Bytes: pageBytes}, url.Values{}}
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

// pageBytes ends a page early, so that few long entries, not a hundred, are held
// for one client. Entries of a usual length are on one page still.
const pageBytes = 256 << 10

// write writes the document that holds page, for a collection at base. What is
// written is not held any more.
func (l *listing) write(to io.Writer, page store.Page, base string) error {
	links := l.links(page, base)
	var one document
	between := []byte(`{"data":[`)
	for i := range page.Integrations {
		one = documentOf(&page.Integrations[i])
		page.Integrations[i] = store.WebIntegration{}
		if err := writeBehind(to, between, &one); err != nil {
			return err
		}
		between = append(between[:0], ',')
	}
	if len(page.Integrations) > 0 {
		between = between[:0]
	}
	if err := writeBehind(to, append(between, `],"links":`...), &links); err != nil {
		return err
	}
	_, err := io.WriteString(to, "}")
	return err
}

// writeBehind writes text and then a document.
func writeBehind(to io.Writer, text []byte, document any) error {
	if _, err := to.Write(text); err != nil {
		return err
	}
	return json.MarshalWrite(to, document)
}

// links are those of a page.
func (l *listing) links(page store.Page, base string) links {
	all := links{Self: link(base, l.filters)}
	if page.More {
		next := l.turn(base, "startingAfter", page.Integrations[len(page.Integrations)-1].ID)
		all.Next = &next
	}
	if page.Less {
		prev := l.turn(base, "endingBefore", page.Integrations[0].ID)
		all.Prev = &prev
	}
	return all
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
