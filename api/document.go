package api

import (
	"cmp"
	"net/http"
	"net/url"
	"time"

	"originwarden/store"
)

// document is a web integration as clients see it.
type document struct {
	ID           string   `json:"id"`
	Name         string   `json:"name"`
	Created      string   `json:"created"`
	LastUpdated  string   `json:"lastUpdated"`
	TenantID     string   `json:"tenantId"`
	CreatedBy    string   `json:"createdBy"`
	ValidOrigins []string `json:"validOrigins"`
	Links        *links   `json:"links,omitzero"` // only in the answer to its creation
}

// links are absolute, for clients follow them as they are. A page that does not
// exist has no object.
type links struct {
	Self href  `json:"self"`
	Next *href `json:"next,omitzero"`
	Prev *href `json:"prev,omitzero"`
}

type href struct {
	Href string `json:"href"`
}

func documentOf(w *store.WebIntegration) document {
	return document{
		ID:           w.ID,
		Name:         w.Name,
		Created:      w.Created.UTC().Format(time.RFC3339),
		LastUpdated:  w.LastUpdated.UTC().Format(time.RFC3339),
		TenantID:     w.TenantID,
		CreatedBy:    w.CreatedBy,
		ValidOrigins: w.ValidOrigins,
	}
}

// collectionURL is the collection's URL as the client of r writes it.
func collectionURL(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	u := url.URL{Scheme: cmp.Or(r.URL.Scheme, scheme), Host: cmp.Or(r.URL.Host, r.Host), Path: collection}
	return u.String()
}
