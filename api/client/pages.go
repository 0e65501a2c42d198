package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// ListOptions selects and orders web integrations. The zero value is all of them,
// by name.
type ListOptions struct {
	// Limit is the greatest number on one page, which has fewer if they are long.
	// 0 leaves it to the server, which takes 10; it allows 100.
	Limit int
	// Sort is name or +name, which is the server's default, or -name.
	Sort string
	// StartingAfter is the id behind which a page begins, EndingBefore the one
	// before which it ends. At most one is set.
	StartingAfter, EndingBefore string
	// TenantID selects the web integrations of one tenant.
	TenantID string
}

// query returns l as the query of a URL, with a question mark if it says
// anything.
func (l *ListOptions) query() string {
	values := url.Values{}
	for name, value := range map[string]string{
		"sort": l.Sort, "startingAfter": l.StartingAfter, "endingBefore": l.EndingBefore, "tenantId": l.TenantID,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if l.Limit != 0 {
		values.Set("limit", strconv.Itoa(l.Limit))
	}
	if len(values) == 0 {
		return ""
	}
	return "?" + values.Encode()
}

// Page is some of a tenant's web integrations, in the order asked for.
type Page struct {
	WebIntegrations []WebIntegration
	// Next and Prev are the URLs of the neighbouring pages, as the server wrote
	// them. They are empty where there is none.
	Next, Prev string
	// Raw is the body as it came.
	Raw []byte

	url string
}

// Page reads one page.
func (c *Client) Page(ctx context.Context, l ListOptions) (*Page, error) {
	collection, err := c.collection()
	if err != nil {
		return nil, err
	}
	return c.page(ctx, collection+l.query())
}

// Pages reads the page that l selects and the ones that follow it, each when it
// is asked for. After an error, which comes with a nil page, it ends. A page
// that l ends before an id has none that follow.
//
// The next page is read from the URL that the server gives, unchanged, and only
// if that is of the same scheme, host and port as Server; otherwise the error is
// ErrOtherServer.
func (c *Client) Pages(ctx context.Context, l ListOptions) iter.Seq2[*Page, error] {
	return func(yield func(*Page, error) bool) {
		page, err := c.Page(ctx, l)
		for yield(page, err) && err == nil && page.Next != "" && l.EndingBefore == "" {
			page, err = c.next(ctx, page)
		}
	}
}

// All yields the web integrations of Pages, from pages of 100 unless l has
// another limit. After an error it ends.
func (c *Client) All(ctx context.Context, l ListOptions) iter.Seq2[WebIntegration, error] {
	if l.Limit == 0 {
		l.Limit = 100
	}
	return func(yield func(WebIntegration, error) bool) {
		for page, err := range c.Pages(ctx, l) {
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

// next reads the page that follows p.
func (c *Client) next(ctx context.Context, p *Page) (*Page, error) {
	// Whoever follows such pages would never come to their end, nor be asked
	// whether to go on.
	if len(p.WebIntegrations) == 0 || p.Next == p.url {
		return nil, fmt.Errorf("GET %s: the page leads nowhere, but to a next one", p.url)
	}
	if !c.owns(p.Next) {
		return nil, fmt.Errorf("GET %s: the next page is at %.200q: %w", p.url, p.Next, ErrOtherServer)
	}
	return c.page(ctx, p.Next)
}

const maxLink = 16 << 10 // bytes of what goes into a request line

// owns reports whether a link is absolute and of the server's origin.
func (c *Client) owns(link string) bool {
	if len(link) > maxLink {
		return false
	}
	u, err := url.Parse(link)
	if err != nil || u.User != nil {
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

func (c *Client) page(ctx context.Context, url string) (*Page, error) {
	a, err := c.exchange(ctx, call{method: http.MethodGet, url: url, success: http.StatusOK})
	if err != nil {
		return nil, err
	}
	var document struct {
		Data  []WebIntegration `json:"data"`
		Links struct{ Next, Prev struct{ Href string } }
	}
	err = json.Unmarshal(a.Raw, &document)
	if err == nil && document.Data == nil {
		err = errors.New("a page without data")
	}
	for i := range document.Data {
		if err == nil {
			err = document.Data[i].check()
		}
	}
	if err != nil {
		return nil, a.unreadable(err)
	}
	links := document.Links
	return &Page{WebIntegrations: document.Data, Next: links.Next.Href, Prev: links.Prev.Href, Raw: a.Raw, url: url}, nil
}
