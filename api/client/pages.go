package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// ListOptions select and sort web integrations. The zero value is all of them,
// by name.
type ListOptions struct {
	// Limit is the maximum number on one page; a page of long ones has fewer. 0
	// leaves it to the server, whose default is 10 and maximum is 100.
	Limit int
	// Sort is name or +name, which is the server's default, or -name.
	Sort string
	// StartingAfter is the id after which a page begins, EndingBefore the one
	// before which it ends. At most one is set.
	StartingAfter, EndingBefore string
	// TenantID selects the web integrations of one tenant.
	TenantID string
	// Origin selects those that list an origin, in any form of an entry, by name or by
	// a pattern. Text selects those that have a text in their name or in an entry, in
	// any case. Only originwarden has these two; other servers ignore them. A page may
	// then have fewer web integrations than the limit, or none, and lead to the next.
	Origin, Text string
}

// query returns o as the query of a URL, with a question mark, or "".
func (o *ListOptions) query() string {
	values := url.Values{}
	for name, value := range map[string]string{
		"sort": o.Sort, "startingAfter": o.StartingAfter, "endingBefore": o.EndingBefore, "tenantId": o.TenantID,
		"origin": o.Origin, "q": o.Text,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if o.Limit != 0 {
		values.Set("limit", strconv.Itoa(o.Limit))
	}
	if len(values) == 0 {
		return ""
	}
	return "?" + values.Encode()
}

// Page is a part of a tenant's web integrations, in the requested order.
type Page struct {
	WebIntegrations []WebIntegration
	// Next and Prev are the URLs of the adjacent pages, as the server sent them,
	// or "" if there is none.
	Next, Prev string
	// Raw is the unchanged body.
	Raw []byte

	url   string
	empty int // how many pages before this one were empty, up to the last that was not
}

// Page reads one page.
func (c *Client) Page(ctx context.Context, o ListOptions) (*Page, error) {
	collection, err := c.collectionURL()
	if err != nil {
		return nil, err
	}
	return c.readPage(ctx, collection+o.query())
}

// Pages returns an iterator over the page that o selects and those that follow
// it, which are read one at a time. It ends after an error, which comes with a
// nil page. With EndingBefore it has one page.
//
// The next page is read from the URL that the server sent, unchanged. It has to
// have the scheme, host and port of Server; otherwise the error is ErrOtherServer.
func (c *Client) Pages(ctx context.Context, o ListOptions) iter.Seq2[*Page, error] {
	return func(yield func(*Page, error) bool) {
		page, err := c.Page(ctx, o)
		for yield(page, err) && err == nil && page.Next != "" && o.EndingBefore == "" {
			page, err = c.nextPage(ctx, page, o.Origin+o.Text != "")
		}
	}
}

// All returns an iterator over the web integrations of Pages. Without a limit it
// reads pages of 100. It ends after an error.
func (c *Client) All(ctx context.Context, o ListOptions) iter.Seq2[WebIntegration, error] {
	if o.Limit == 0 {
		o.Limit = 100
	}
	return func(yield func(WebIntegration, error) bool) {
		for page, err := range c.Pages(ctx, o) {
			if err != nil {
				yield(WebIntegration{}, err)
				return
			}
			for _, w := range page.WebIntegrations {
				if !yield(w, nil) {
					return
				}
			}
		}
	}
}

// maxEmptyPages bounds how many pages without a web integration are read one after
// another. A server searches hundreds for each.
const maxEmptyPages = 10_000

func (c *Client) nextPage(ctx context.Context, p *Page, searching bool) (*Page, error) {
	empty := 0
	if len(p.WebIntegrations) == 0 {
		empty = p.empty + 1
	}
	if empty > 0 && !searching || empty > maxEmptyPages || p.Next == p.url { // such pages might never end
		return nil, fmt.Errorf("GET %s: the page is empty or links to itself as the next", p.url)
	}
	if !c.isOnServer(p.Next) {
		return nil, fmt.Errorf("GET %s: the next page is at %.200q: %w", p.url, p.Next, ErrOtherServer)
	}
	next, err := c.readPage(ctx, p.Next)
	if err == nil {
		next.empty = empty
	}
	return next, err
}

const maxLink = 16 << 10 // bytes

// isOnServer reports whether a link is absolute and has the server's origin.
func (c *Client) isOnServer(link string) bool {
	u, err := url.Parse(link)
	if err != nil || u.User != nil || len(link) > maxLink {
		return false
	}
	server, err := url.Parse(c.Server)
	return err == nil && u.Scheme == server.Scheme && strings.EqualFold(u.Hostname(), server.Hostname()) && portOf(u) == portOf(server)
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}

func (c *Client) readPage(ctx context.Context, url string) (*Page, error) {
	var document pageDocument
	r, err := c.callJSON(ctx, apiCall{method: http.MethodGet, url: url, success: http.StatusOK}, &document)
	if err != nil {
		return nil, err
	}
	links := document.Links
	return &Page{WebIntegrations: document.Data, Next: links.Next.Href, Prev: links.Prev.Href, Raw: r.Raw, url: url}, nil
}

type pageDocument struct {
	Data  []WebIntegration `json:"data"`
	Links struct{ Next, Prev struct{ Href string } }
}

func (d *pageDocument) check() error {
	if d.Data == nil {
		return errors.New("a page without data")
	}
	for i := range d.Data {
		if err := d.Data[i].check(); err != nil {
			return err
		}
	}
	return nil
}
