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
}

// apiPage is a page of the API.
type apiPage struct {
	Data  []integration `json:"data"`
	Links struct {
		Next, Prev *struct {
			Href string `json:"href"`
		}
	} `json:"links"`
}

func (r *request) listIntegrations() error {
	given := r.URL.Query()
	data := integrationsPage{Query: strings.TrimSpace(given.Get("q")), Descending: given.Get("sort") == "-name"}
	if canWrite(r.caller) {
		data.Listing = given.Get("origin")
	}
	_, err := origins.HostedPatterns.ParseEntry(data.Query)
	data.ByOrigin = err == nil
	asked := url.Values{"limit": {strconv.Itoa(integrationsPerPage)}, "sort": {"+name"}}
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
	return r.show(http.StatusOK, "integrations.html", page{Title: "Web integrations", Section: integrationsPath, Notice: r.notice(), Data: data})
}

// maxSearches is how many times the API is asked for one page. It looks at 1,000 web
// integrations each time, and a tenant has 10,000 unless it is configured to have more.
const maxSearches = 10

// findIntegrations returns the page of the API for a query. It goes on while nothing was
// found and there is more to look at.
func (r *request) findIntegrations(query url.Values) (found apiPage, err error) {
	for range maxSearches {
		found = apiPage{}
		_, err = r.callAPI(http.MethodGet, integrationsPath+"?"+query.Encode(), nil, nil, &found)
		if err != nil || len(found.Data) > 0 || found.Links.Next == nil || query.Has("endingBefore") {
			return found, err
		}
		next, err := url.Parse(found.Links.Next.Href)
		if err != nil {
			return found, err
		}
		query.Del("startingAfter")
		copyCursor(query, next.Query())
	}
	return found, nil
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
