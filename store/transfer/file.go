package transfer

import (
	"time"

	"originwarden/store"
)

// Version is the version of the files that Export writes and Read reads.
const Version = 1

// MaxLine is the maximum length of a line of a file, in bytes.
const MaxLine = 64 << 20

// File is an export. As text it is UTF-8, and every line is a JSON object: first a
// header, then for each tenant its own line and one for each of its web
// integrations. The last line has the number of web integrations, so that Read
// notices a truncated file.
//
//	{"originwarden":"export","version":1,"store":"…","revision":7,"exported":"2026-01-02T03:04:05Z"}
//	{"tenant":"acme","revision":7}
//	{"id":"…","tenantId":"acme","name":"Shop","createdBy":"ops","created":"…","lastUpdated":"…","validOrigins":["https://shop.example"],"revision":3}
//	{"end":true,"integrations":1}
//
// Tenants are sorted by id, and their web integrations by name, then by id, all in
// the order of bytes. So two exports of the same contents differ only in the
// header's time.
type File struct {
	Header  Header
	Tenants []Tenant
}

// Header says where a File comes from.
type Header struct {
	// Store is the identity of the store. It is empty for a server of the API,
	// which has the URL Server.
	Store, Server string
	// Revision is that of the store when its tenants were read, or 0 for a server.
	Revision uint64
	// Exported is the time of the export.
	Exported time.Time
}

// Tenant holds the web integrations of a tenant.
type Tenant struct {
	ID string
	// Revision is that of the store when the web integrations were read, or 0 for
	// a server. It is at least the header's.
	Revision     uint64
	Integrations []store.WebIntegration
}

// The lines of a file.
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

const export = "export" // the value of the header's first member

func newIntegrationLine(w *store.WebIntegration) integrationLine {
	created, updated := w.Created.UTC(), w.LastUpdated.UTC()
	return integrationLine{
		ID: w.ID, TenantID: w.TenantID, Name: w.Name, CreatedBy: w.CreatedBy, Created: &created, LastUpdated: &updated,
		ValidOrigins: append([]string{}, w.ValidOrigins...), Revision: w.Revision,
	}
}

// integration is the reverse of newIntegrationLine. It truncates times to seconds, as
// the API has them.
func (l *integrationLine) integration() store.WebIntegration {
	return store.WebIntegration{
		ID: l.ID, TenantID: l.TenantID, Name: l.Name, CreatedBy: l.CreatedBy,
		Created: l.Created.UTC().Truncate(time.Second), LastUpdated: l.LastUpdated.UTC().Truncate(time.Second),
		ValidOrigins: l.ValidOrigins, Revision: l.Revision,
	}
}
