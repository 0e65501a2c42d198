package changes

import (
	"net/url"

	"originwarden/store"
)

// Document is a page of events.
type Document struct {
	Data  []Event `json:"data"`
	Links Links   `json:"links"`
}

// Links are absolute. There is no Next after the last page.
type Links struct {
	Self *Link `json:"self"`
	Next *Link `json:"next,omitzero"`
}

// Link is a link.
type Link struct {
	Href string `json:"href"`
}

// Event is a record in the JSON format of CloudEvents 1.0, sections 3.1 and 3.2 of the
// specification. Source and ID together are unique.
type Event struct {
	SpecVersion     string `json:"specversion"`
	ID              string `json:"id"` // the record's
	Source          string `json:"source"`
	Type            string `json:"type"`
	Subject         string `json:"subject"` // the id of the web integration
	Time            string `json:"time"`    // RFC 3339, milliseconds
	DataContentType string `json:"datacontenttype"`
	// Extension attributes.
	TenantID string `json:"tenantid"`
	// UserID is the subject of the writer's token, and UserIssuer who has issued
	// that.
	UserID     string `json:"userid,omitempty"`
	UserIssuer string `json:"userissuer,omitempty"`
	Data       Data   `json:"data"`
}

// Data is what has changed.
type Data struct {
	ID       string         `json:"id"`
	Name     string         `json:"name"`
	Revision uint64         `json:"revision"`
	Updates  []store.Update `json:"_updates"`
	Omitted  *store.Omitted `json:"_omitted,omitempty"`
}

// eventType begins the type of every event.
const eventType = "com.qlik.core.web-integration."

// NewDocument returns the document of a page. collection is the URL of the events.
func NewDocument(q *Query, page store.HistoryPage, collection string) Document {
	d := Document{Data: make([]Event, len(page.Records)), Links: q.links(page.Next, collection)}
	for i, r := range page.Records {
		d.Data[i] = newEvent(r)
	}
	return d
}

func newEvent(r store.Record) Event {
	return Event{
		SpecVersion: "1.0", ID: r.ID, Source: "/originwarden/" + url.PathEscape(r.Tenant), Type: eventType + string(r.Operation),
		Subject: r.Integration, Time: r.Time.UTC().Format("2006-01-02T15:04:05.000Z07:00"), DataContentType: "application/json",
		TenantID: r.Tenant, UserID: r.Subject, UserIssuer: r.Issuer,
		Data: Data{ID: r.Integration, Name: r.Name, Revision: r.Revision, Updates: append([]store.Update{}, r.Updates...), Omitted: r.Omitted},
	}
}
