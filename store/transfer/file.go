package transfer

import (
	"time"

	"originwarden/store"
)

// Version is that of the files which Export writes and Read takes.
const Version = 1

// MaxLine is the greatest length of a line of a file, in bytes.
const MaxLine = 64 << 20

// File is what an export has. As text it is UTF-8 and every line a JSON object:
// first a header, then for every tenant a line of its own and one for each of
// its web integrations, and at last one that tells how many web integrations
// there are, so that a file that was cut off is noticed.
//
//	{"originwarden":"export","version":1,"store":"…","revision":7,"exported":"2026-01-02T03:04:05Z"}
//	{"tenant":"acme","revision":7}
//	{"id":"…","tenantId":"acme","name":"Shop","createdBy":"ops","created":"…","lastUpdated":"…","validOrigins":["https://shop.example"],"revision":3}
//	{"end":true,"integrations":1}
//
// Tenants are in the order of their ids, their web integrations in that of
// their names, then ids, all by bytes: what has not changed is exported alike,
// but for the time in the header.
type File struct {
	Header  Header
	Tenants []Tenant
}

// Header is where a File comes from.
type Header struct {
	// Store is the identity of the store, or "" if it came from a server of the
	// API, whose URL Server is then.
	Store, Server string
	// Revision is that of the store when the tenants were listed; 0 of a server.
	Revision uint64
	// Exported is when.
	Exported time.Time
}

// Tenant is all that a tenant has.
type Tenant struct {
	ID string
	// Revision is that of the store at which the web integrations were read,
	// all at once; 0 of a server. It is the header's or a later one.
	Revision     uint64
	Integrations []store.WebIntegration
}

// The lines, as they are in a file.
type (
	headerLine struct {
		Originwarden string     `json:"originwarden"`
		Version      int        `json:"version"`
		Store        string     `json:"store,omitzero"`
		Server       string     `json:"server,omitzero"`
		Revision     uint64     `json:"revision,omitzero"`
		Exported     *time.Time `json:"exported"`
	}
	tenantLine struct {
		Tenant   string `json:"tenant"`
		Revision uint64 `json:"revision,omitzero"`
	}
	integrationLine struct {
		ID           string     `json:"id"`
		TenantID     string     `json:"tenantId"`
		Name         string     `json:"name"`
		CreatedBy    string     `json:"createdBy"`
		Created      *time.Time `json:"created"`
		LastUpdated  *time.Time `json:"lastUpdated"`
		ValidOrigins []string   `json:"validOrigins"`
		Revision     uint64     `json:"revision,omitzero"`
	}
	endLine struct {
		End          bool `json:"end"`
		Integrations *int `json:"integrations"`
	}
)

const export = "export" // what the header's first member is

func lineOf(w *store.WebIntegration) integrationLine {
	created, updated := w.Created.UTC(), w.LastUpdated.UTC()
	return integrationLine{
		ID: w.ID, TenantID: w.TenantID, Name: w.Name, CreatedBy: w.CreatedBy, Created: &created, LastUpdated: &updated,
		ValidOrigins: append([]string{}, w.ValidOrigins...), Revision: w.Revision,
	}
}

// integration is the reverse of lineOf. Times that are finer than the API's are
// cut to its seconds.
func (l *integrationLine) integration() store.WebIntegration {
	return store.WebIntegration{
		ID: l.ID, TenantID: l.TenantID, Name: l.Name, CreatedBy: l.CreatedBy,
		Created: l.Created.UTC().Truncate(time.Second), LastUpdated: l.LastUpdated.UTC().Truncate(time.Second),
		ValidOrigins: l.ValidOrigins, Revision: l.Revision,
	}
}
