package api

import (
	"cmp"
	_ "embed"
	"net/http"
	"net/url"
	"time"

	"originwarden/store"
)

// integrationDocument is a web integration as clients see it.
type integrationDocument struct {
	ID           string   `json:"id"`
	Name         string   `json:"name"`
	Created      string   `json:"created"`
	LastUpdated  string   `json:"lastUpdated"`
	TenantID     string   `json:"tenantId"`
	CreatedBy    string   `json:"createdBy"`
	ValidOrigins []string `json:"validOrigins"`
	Links        *links   `json:"links,omitzero"` // only in the response to its creation
}

// links are absolute, because clients follow them verbatim. A page that does not
// exist has no object.
type links struct {
	Self *link `json:"self"`
	Next *link `json:"next,omitzero"`
	Prev *link `json:"prev,omitzero"`
}

type link struct {
	Href string `json:"href"`
}

func newDocument(w *store.WebIntegration) integrationDocument {
	return integrationDocument{
		ID:           w.ID,
		Name:         w.Name,
		Created:      w.Created.UTC().Format(time.RFC3339),
		LastUpdated:  w.LastUpdated.UTC().Format(time.RFC3339),
		TenantID:     w.TenantID,
		CreatedBy:    w.CreatedBy,
		ValidOrigins: w.ValidOrigins,
	}
}

// collectionURL returns the URL of the collection as the client of r addresses it.
func collectionURL(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	u := url.URL{Scheme: cmp.Or(r.URL.Scheme, scheme), Host: cmp.Or(r.URL.Host, r.Host), Path: collection}
	return u.String()
}

//go:embed openapi.yaml
var openAPI string

// OpenAPI returns the API's contract, an OpenAPI 3.0.3 document in YAML.
func OpenAPI() []byte { return []byte(openAPI) }
