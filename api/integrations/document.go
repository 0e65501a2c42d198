// Package integrations has the query and the documents of the API's web integrations.
package integrations

import (
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"originwarden/store"
	"originwarden/store/search"
)

// Document is a web integration as clients see it.
type Document struct {
	ID           string   `json:"id"`
	Name         string   `json:"name"`
	Created      string   `json:"created"`
	LastUpdated  string   `json:"lastUpdated"`
	TenantID     string   `json:"tenantId"`
	CreatedBy    string   `json:"createdBy"`
	ValidOrigins []string `json:"validOrigins"`
	Links        *Links   `json:"links,omitzero"` // only in the response to its creation
}

// Links are absolute, because clients follow them verbatim. A page that does not
// exist has no object.
type Links struct {
	Self *Link `json:"self"`
	Next *Link `json:"next,omitzero"`
	Prev *Link `json:"prev,omitzero"`
}

// Link is a link.
type Link struct {
	Href string `json:"href"`
}

// NewDocument returns the document of a web integration, without links.
func NewDocument(w *store.WebIntegration) Document {
	return Document{
		ID:           w.ID,
		Name:         w.Name,
		Created:      w.Created.UTC().Format(time.RFC3339),
		LastUpdated:  w.LastUpdated.UTC().Format(time.RFC3339),
		TenantID:     w.TenantID,
		CreatedBy:    w.CreatedBy,
		ValidOrigins: w.ValidOrigins,
	}
}

// Page is a page of web integrations as clients see it.
type Page struct {
	Data  PageData `json:"data"`
	Links Links    `json:"links"`
}

// NewPage returns the document of a page, which may be written once. collection is
// the URL of the web integrations.
func NewPage(q *Query, page search.Page, collection string) Page {
	return Page{page.Integrations, q.links(page, collection)}
}

// PageData is written one web integration at a time. Those that are written are not
// held any more.
type PageData []store.WebIntegration

// MarshalJSONTo implements json.MarshalerTo.
func (d PageData) MarshalJSONTo(to *jsontext.Encoder) error {
	if err := to.WriteToken(jsontext.BeginArray); err != nil {
		return err
	}
	var document Document
	for i := range d {
		document = NewDocument(&d[i])
		d[i] = store.WebIntegration{}
		if err := json.MarshalEncode(to, &document); err != nil {
			return err
		}
	}
	return to.WriteToken(jsontext.EndArray)
}
