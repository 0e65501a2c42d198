package client

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
)

// Fleet has the gateways of one store.
type Fleet struct {
	Gateways []Gateway `json:"gateways"`

	Response `json:"-"`
}

// Gateway is a gateway, as it told the others a few seconds ago.
type Gateway struct {
	// Gateway is a random name that the gateway gets when it starts.
	Gateway string    `json:"gateway"`
	Host    string    `json:"host"` // the name of its machine
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	// Beat is when it was last heard of. It tells that every ten seconds; after a
	// minute without, it is not among the gateways any more.
	Beat time.Time `json:"beat"`
	// InForce is the revision of its lists, and Confirmed when that was last known to
	// be the store's newest, or zero.
	InForce   uint64    `json:"inForce"`
	Confirmed time.Time `json:"confirmed,omitzero"`
	// Problems are why it is not ready, or what its operator has to mend.
	Problems []string `json:"problems,omitempty"`
}

func (f *Fleet) check() error {
	if f.Gateways == nil {
		return errors.New("a fleet without gateways")
	}
	return nil
}

// Fleet returns the gateways of the store. Server has to be the URL of the admin address
// of any one of them, and Token be for all tenants. Only originwarden has this call.
func (c *Client) Fleet(ctx context.Context) (Fleet, error) {
	collection, err := c.collectionURL()
	if err != nil {
		return Fleet{}, err
	}
	location := strings.TrimSuffix(collection, "/api/v1/web-integrations") + "/gateways"
	var fleet Fleet
	fleet.Response, err = c.callJSON(ctx, apiCall{method: http.MethodGet, url: location, success: http.StatusOK}, &fleet)
	return fleet, err
}
