package client

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// RefusedOrigin is an origin that was refused at the tenant of late, for one
// reason. All strings but Reason and the nearest entry's are what strangers
// sent.
type RefusedOrigin struct {
	Origin string `json:"origin"`
	Reason string `json:"reason"`
	// Count is how often that was since First.
	Count uint64    `json:"count"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	// Path is that of the last request, without its query.
	Path string `json:"path"`
	// OwnHost says that the last request was sent to the origin's own host.
	OwnHost bool `json:"ownHost,omitzero"`
	// Nearest is what the tenant lists nearest to the origin; nil is nothing.
	Nearest *NearestEntry `json:"nearest,omitempty"`
}

// NearestEntry is an entry, and how an origin differs from it.
type NearestEntry struct {
	Origin string `json:"origin"`
	// Relation is other_web_integration, other_scheme, other_case, other_port
	// or other_label.
	Relation string `json:"relation"`
}

// RefusedOrigins returns the origins that were refused of late, the latest first, and
// the answer as it came. It is a call of originwarden's own; each gateway tells
// what it has refused itself.
func (c *Client) RefusedOrigins(ctx context.Context) ([]RefusedOrigin, Response, error) {
	collection, err := c.collection()
	if err != nil {
		return nil, Response{}, err
	}
	a, err := c.exchange(ctx, call{
		method: http.MethodGet, url: strings.TrimSuffix(collection, "/web-integrations") + "/refused-origins", success: http.StatusOK,
	})
	if err != nil {
		return nil, Response{}, err
	}
	var page struct {
		Data []RefusedOrigin `json:"data"`
	}
	if err := json.Unmarshal(a.Raw, &page); err != nil {
		return nil, a.Response, a.unreadable(err)
	}
	return page.Data, a.Response, nil
}
