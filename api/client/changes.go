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
	"time"
)

// Change is an event of the history: what one write changed in a web integration.
type Change struct {
	// ID is the revision, and for all but the first change of a revision also a hyphen
	// and a number. It is unique for each tenant.
	ID string `json:"id"`
	// Source names the tenant at its server.
	Source string `json:"source"`
	// Type is one of ChangeCreated, ChangeUpdated and ChangeDeleted.
	Type string    `json:"type"`
	Time time.Time `json:"time"`
	// TenantID is that of the tenant.
	TenantID string `json:"tenantid"`
	// UserID is the subject of the token by which the change was made, and UserIssuer
	// who has issued that, or "" if it is one of the server's configuration.
	UserID     string     `json:"userid,omitempty"`
	UserIssuer string     `json:"userissuer,omitempty"`
	Data       ChangeData `json:"data"`
}

// ChangeData is what has changed.
type ChangeData struct {
	ID string `json:"id"` // of the web integration
	// Name is that after the change, or before the deletion.
	Name     string   `json:"name"`
	Revision uint64   `json:"revision"`
	Updates  []Update `json:"_updates"`
	// Omitted are the numbers of entries that were too long to be kept, or nil.
	Omitted *OmittedEntries `json:"_omitted,omitempty"`
}

// Update is a value that was changed. A creation has no old values, a deletion no new
// ones, and both have the whole list at /validOrigins. Any other change has one update
// for each entry that it removed, at its index in the list before, with the old value;
// and then one for each entry that it added, at its index in the list after, with the
// new value.
type Update struct {
	Path     string          `json:"path"`
	OldValue json.RawMessage `json:"oldValue,omitzero"`
	NewValue json.RawMessage `json:"newValue,omitzero"`
}

// OmittedEntries are numbers of entries.
type OmittedEntries struct {
	Added   int `json:"added"`
	Removed int `json:"removed"`
}

// The types of changes.
const (
	ChangeCreated = "com.qlik.core.web-integration.created"
	ChangeUpdated = "com.qlik.core.web-integration.updated"
	ChangeDeleted = "com.qlik.core.web-integration.deleted"
)

// ChangeOptions select changes. The zero value is all of them, the newest first.
type ChangeOptions struct {
	// Limit is the maximum number on one page; a page of long ones has fewer. 0
	// leaves it to the server, whose default is 10 and maximum is 100.
	Limit int
	// Integration is the id of a web integration.
	Integration string
	// Origin selects changes of entries that list it.
	Origin string
	// Since, if not nil, is a revision. Then the changes of later ones come, the
	// oldest first.
	Since *uint64
	// StartingAfter is the ID of the change after which a page begins.
	StartingAfter string
}

func (o *ChangeOptions) query() string {
	values := url.Values{}
	for name, value := range map[string]string{"integration": o.Integration, "origin": o.Origin, "startingAfter": o.StartingAfter} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if o.Limit != 0 {
		values.Set("limit", strconv.Itoa(o.Limit))
	}
	if o.Since != nil {
		values.Set("since", strconv.FormatUint(*o.Since, 10))
	}
	if len(values) == 0 {
		return ""
	}
	return "?" + values.Encode()
}

// ChangePage is a page of changes.
type ChangePage struct {
	Changes []Change
	// Next is the URL of the next page, or "".
	Next string
	// Raw is the unchanged body.
	Raw []byte

	url string
}

// ChangePage reads one page of changes. Only originwarden has this call.
func (c *Client) ChangePage(ctx context.Context, o ChangeOptions) (*ChangePage, error) {
	collection, err := c.collectionURL()
	if err != nil {
		return nil, err
	}
	return c.readChangePage(ctx, strings.TrimSuffix(collection, "s")+"-changes"+o.query())
}

// Changes returns an iterator over the changes of the page that o selects and of those
// that follow it. Without a limit it reads pages of 100. It ends after an error, which
// comes with a zero Change. See Pages for the next page.
//
// To follow all changes, pass the last change's Data.Revision as Since of the next
// call, after the iterator has ended.
func (c *Client) Changes(ctx context.Context, o ChangeOptions) iter.Seq2[Change, error] {
	if o.Limit == 0 {
		o.Limit = 100
	}
	return func(yield func(Change, error) bool) {
		page, err := c.ChangePage(ctx, o)
		for {
			if err != nil {
				yield(Change{}, err)
				return
			}
			for _, change := range page.Changes {
				if !yield(change, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			page, err = c.nextChangePage(ctx, page)
		}
	}
}

func (c *Client) nextChangePage(ctx context.Context, p *ChangePage) (*ChangePage, error) {
	if len(p.Changes) == 0 || p.Next == p.url { // such pages might never end
		return nil, fmt.Errorf("GET %s: the page is empty or links to itself as the next", p.url)
	}
	if !c.isOnServer(p.Next) {
		return nil, fmt.Errorf("GET %s: the next page is at %.200q: %w", p.url, p.Next, ErrOtherServer)
	}
	return c.readChangePage(ctx, p.Next)
}

func (c *Client) readChangePage(ctx context.Context, url string) (*ChangePage, error) {
	var document changesDocument
	r, err := c.callJSON(ctx, apiCall{method: http.MethodGet, url: url, success: http.StatusOK}, &document)
	if err != nil {
		return nil, err
	}
	return &ChangePage{Changes: document.Data, Next: document.Links.Next.Href, Raw: r.Raw, url: url}, nil
}

type changesDocument struct {
	Data  []Change `json:"data"`
	Links struct{ Next struct{ Href string } }
}

func (d *changesDocument) check() error {
	if d.Data == nil {
		return errors.New("a page without data")
	}
	for _, change := range d.Data {
		if change.ID == "" || change.Data.ID == "" {
			return errors.New("a change without an id")
		}
	}
	return nil
}
