package client

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// RefusedOrigin is an origin that was refused at the tenant, for one reason. Origin and
// Path are what clients sent.
type RefusedOrigin struct {
	Origin string `json:"origin"`
	Reason string `json:"reason"`
	// Count is the number of requests since First.
	Count uint64    `json:"count"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	// Path is that of the last request, without its query.
	Path string `json:"path"`
	// Method is that of the last request, or other.
	Method string `json:"method,omitzero"`
	// Agent is the family of the last request's user agent.
	Agent string `json:"agent,omitzero"`
	// OwnHost says that the last request was sent to the origin's own host.
	OwnHost bool `json:"ownHost,omitzero"`
	// Listed says that the origin is listed by now.
	Listed bool `json:"listed,omitzero"`
	// Nearest is the tenant's entry that is nearest to the origin, or nil.
	Nearest *NearestEntry `json:"nearest,omitempty"`
	// Dismissed is when it was dismissed, or zero.
	Dismissed time.Time `json:"dismissed,omitzero"`
}

// NearestEntry is an entry, and how an origin differs from it.
type NearestEntry struct {
	Origin string `json:"origin"`
	// Relation is other_web_integration, other_scheme, other_case, other_port,
	// other_label or pattern_not_allowed.
	Relation string `json:"relation"`
}

// RefusedQuery selects refused origins. The zero value selects those that are not
// dismissed.
type RefusedQuery struct {
	// Since, if it is not zero, is the earliest time of the last request.
	Since time.Time
	// Reason, if it is not "", is the only reason.
	Reason string
	// Dismissed is false (or ""), true or all.
	Dismissed string
}

// RefusedOrigins are the origins that were refused, the latest first.
type RefusedOrigins struct {
	Data []RefusedOrigin `json:"data"`
	// Partial says that the server could not read its store, and knows only what it has
	// refused itself in the last seconds.
	Partial bool `json:"partial,omitzero"`

	Response `json:"-"`
}

// RefusedOrigins returns the origins that were refused, at all gateways of the store.
// Only originwarden has this call.
func (c *Client) RefusedOrigins(ctx context.Context, q RefusedQuery) (RefusedOrigins, error) {
	location, err := c.refusedURL("")
	if err != nil {
		return RefusedOrigins{}, err
	}
	parameters := url.Values{}
	if !q.Since.IsZero() {
		parameters.Set("since", q.Since.UTC().Format(time.RFC3339))
	}
	if q.Reason != "" {
		parameters.Set("reason", q.Reason)
	}
	if q.Dismissed != "" {
		parameters.Set("dismissed", q.Dismissed)
	}
	if len(parameters) > 0 {
		location += "?" + parameters.Encode()
	}
	var all RefusedOrigins
	r, err := c.callJSON(ctx, apiCall{method: http.MethodGet, url: location, success: http.StatusOK}, &all)
	if err != nil {
		return RefusedOrigins{}, err
	}
	all.Response = r
	return all, nil
}

// DismissRefused marks the refusals of an origin as right, so that RefusedOrigins leaves
// them out. The error is ErrNotFound if the origin was not refused. Only originwarden
// has this call.
func (c *Client) DismissRefused(ctx context.Context, origin string) error {
	return c.setDismissed(ctx, "/dismiss", origin)
}

// RestoreRefused undoes DismissRefused.
func (c *Client) RestoreRefused(ctx context.Context, origin string) error {
	return c.setDismissed(ctx, "/restore", origin)
}

func (c *Client) setDismissed(ctx context.Context, below, origin string) error {
	location, err := c.refusedURL(below)
	if err != nil {
		return err
	}
	_, err = c.call(ctx, apiCall{method: http.MethodPost, url: location, success: http.StatusNoContent, body: struct {
		Origin string `json:"origin"`
	}{origin}})
	return err
}

func (c *Client) refusedURL(below string) (string, error) {
	collection, err := c.collectionURL()
	return strings.TrimSuffix(collection, "/web-integrations") + "/refused-origins" + below, err
}

func (*RefusedOrigins) check() error { return nil }
