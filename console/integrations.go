package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"originwarden/origins"
)

const (
	integrationsPath = "/web-integrations"
	// integrationsPerPage is how many web integrations a page shows.
	integrationsPerPage = 25
	// shownOrigins is how many origins of each it shows.
	shownOrigins = 3
)

// integration is a web integration as the API has it.
type integration struct {
	ID           string    `json:"id"`
	Name         string    `json:"name"`
	Created      time.Time `json:"created"`
	LastUpdated  time.Time `json:"lastUpdated"`
	CreatedBy    string    `json:"createdBy"`
	ValidOrigins []string  `json:"validOrigins"`
}

// FirstOrigins returns those that a page of many shows.
func (i integration) FirstOrigins() []string {
	return i.ValidOrigins[:min(len(i.ValidOrigins), shownOrigins)]
}

// MoreOrigins returns the number of the others.
func (i integration) MoreOrigins() int { return len(i.ValidOrigins) - len(i.FirstOrigins()) }

// integrationsPage is the data of the page of a tenant's web integrations.
type integrationsPage struct {
	Query          string
	ByOrigin       bool // the query is an origin
	Descending     bool
	Listing        string // the origin for which one is chosen, or ""
	SortLink       string
	Rows           []integration
	Previous, Next string
	Further        string // where a search goes on that found nothing so far, or ""
}

// apiPage is a page of the API.
type apiPage struct {
	Data  []integration `json:"data"`
	Links struct {
		Next, Prev *apiLink
	} `json:"links"`
}

type apiLink struct {
	Href string `json:"href"`
}

func (r *request) listIntegrations() error {
	given := r.URL.Query()
	data := integrationsPage{Query: strings.TrimSpace(given.Get("q")), Descending: given.Get("sort") == "-name"}
	if canWrite(r.caller) {
		data.Listing = given.Get("origin")
	}
	_, err := origins.HostedPatterns.ParseEntry(data.Query)
	data.ByOrigin = err == nil
	asked := url.Values{"sort": {"+name"}}
	if data.Descending {
		asked.Set("sort", "-name")
	}
	switch {
	case data.ByOrigin:
		asked.Set("origin", data.Query)
	case data.Query != "":
		asked.Set("q", data.Query)
	}
	copyCursor(asked, given)
	found, err := r.findIntegrations(asked)
	if err != nil {
		return err
	}
	data.Rows = found.Data
	data.addLinks(found)
	if data.Further = data.Next; asked.Has("endingBefore") {
		data.Further = data.Previous
	}
	return r.show(http.StatusOK, "integrations.html", page{Title: "Web integrations", Section: integrationsPath, Notice: r.notice(), Data: data})
}

// maxSearches is how many times the API is asked for one page. It looks at 1,000 web
// integrations each time, or at fewer with long lists. So the page of a search in a large
// tenant may not be full, and yet there are more.
const maxSearches = 10

// findIntegrations returns the page of a query. It asks the API until the page is full
// and it is known whether another one follows in the direction of the query. If nothing
// is left before a page, it returns the first one.
func (r *request) findIntegrations(query url.Values) (page apiPage, err error) {
	backward := query.Has("endingBefore")
	for n := range maxSearches {
		var found apiPage
		query.Set("limit", strconv.Itoa(integrationsPerPage+1-len(page.Data)))
		if _, err := r.callAPI(http.MethodGet, integrationsPath+"?"+query.Encode(), nil, nil, &found); err != nil {
			return apiPage{}, err
		}
		if n == 0 {
			page.Links = found.Links
		}
		further := page.add(found, backward)
		if further == nil || page.cut(backward) {
			break
		}
		if err := further.follow(query); err != nil {
			return apiPage{}, err
		}
	}
	if backward && len(page.Data) == 0 && page.Links.Prev == nil {
		query.Del("endingBefore")
		return r.findIntegrations(query)
	}
	return page, nil
}

// add adds what was found after the page, or before it, and returns the link to more.
func (p *apiPage) add(found apiPage, before bool) (further *apiLink) {
	if before {
		p.Data, p.Links.Prev = append(found.Data, p.Data...), found.Links.Prev
		return p.Links.Prev
	}
	p.Data, p.Links.Next = append(p.Data, found.Data...), found.Links.Next
	return p.Links.Next
}

// cut removes the web integration of the page that follows, and reports whether there is
// one.
func (p *apiPage) cut(before bool) bool {
	extra := len(p.Data) - integrationsPerPage
	switch {
	case extra <= 0:
		return false
	case before:
		p.Data = p.Data[extra:]
		p.Links.Prev = &apiLink{"?endingBefore=" + p.Data[0].ID}
	default:
		p.Data = p.Data[:integrationsPerPage]
		p.Links.Next = &apiLink{"?startingAfter=" + p.Data[integrationsPerPage-1].ID}
	}
	return true
}

// follow makes a query that of the link.
func (l *apiLink) follow(query url.Values) error {
	to, err := url.Parse(l.Href)
	if err != nil {
		return err
	}
	query.Del("startingAfter")
	query.Del("endingBefore")
	copyCursor(query, to.Query())
	return nil
}

// copyCursor copies the parameter with the place where a page begins or ends.
func copyCursor(to, from url.Values) {
	for _, name := range []string{"startingAfter", "endingBefore"} {
		if from.Has(name) {
			to.Set(name, from.Get(name))
		}
	}
}

// addLinks adds the links to the pages that the API names.
func (p *integrationsPage) addLinks(found apiPage) {
	if found.Links.Next != nil {
		p.Next = p.link(found.Links.Next.Href, p.Descending)
	}
	if found.Links.Prev != nil {
		p.Previous = p.link(found.Links.Prev.Href, p.Descending)
	}
	p.SortLink = p.link("", !p.Descending)
}

// link returns the link to the page of the same query that a link of the API is for.
func (p *integrationsPage) link(href string, descending bool) string {
	query := url.Values{}
	if p.Query != "" {
		query.Set("q", p.Query)
	}
	if descending {
		query.Set("sort", "-name")
	}
	if p.Listing != "" {
		query.Set("origin", p.Listing)
	}
	if to, err := url.Parse(href); err == nil {
		copyCursor(query, to.Query())
	}
	return "?" + query.Encode()
}

// notice returns what a form that led here has done, or "".
func (r *request) notice() string {
	switch r.URL.Query().Get("done") {
	case "created":
		return "The web integration was created. Its origins are in force."
	case "edited":
		return "The web integration was saved. The change is in force."
	case "unchanged":
		return "Nothing was changed."
	case "deleted":
		return "The web integration was deleted. Origins that no other web integration lists are refused from now on."
	}
	return ""
}

// done sends the browser to the list, which tells what was done.
func (r *request) done(what string) error {
	return r.redirect(r.tenantPath(integrationsPath + "?done=" + what))
}
