package client

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// RefusedOrigin is an origin that was recently refused at the tenant, for one
// reason. All strings but Reason and Nearest are what clients sent.
type RefusedOrigin struct {
	Origin string `json:"origin"`
	Reason string `json:"reason"`
	// Count is the number of requests since First.
	Count uint64    `json:"count"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	// Path is that of the last request, without its query.
	Path string `json:"path"`
	// OwnHost says that the last request was sent to the origin's own host.
	OwnHost bool `json:"ownHost,omitzero"`
	// Nearest is the tenant's entry that is nearest to the origin, or nil.
	Nearest *NearestEntry `json:"nearest,omitempty"`
}

// NearestEntry is an entry, and how an origin differs from it.
type NearestEntry struct {
	Origin string `json:"origin"`
	// Relation is other_web_integration, other_scheme, other_case, other_port,
	// other_label or pattern_not_allowed.
	Relation string `json:"relation"`
}

// RefusedOrigins returns the origins that the server refused recently, the latest
// first. Only originwarden has this call; each gateway reports what it refused
// itself.
func (c *Client) RefusedOrigins(ctx context.Context) ([]RefusedOrigin, Response, error) {
	collection, err := c.collectionURL()
	if err != nil {
		return nil, Response{}, err
	}
	url := strings.TrimSuffix(collection, "/web-integrations") + "/refused-origins"
	var document refusedDocument
	r, err := c.callJSON(ctx, apiCall{method: http.MethodGet, url: url, success: http.StatusOK}, &document)
	if err != nil {
		return nil, Response{}, err
	}
	return document.Data, r, nil
}

type refusedDocument struct {
	Data []RefusedOrigin `json:"data"`
}

func (*refusedDocument) check() error { return nil }
