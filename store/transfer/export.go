package transfer

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"originwarden/envelope/escape"
	"originwarden/store"
)

// Source is the source of an export. Every store.Store is one.
type Source interface {
	// Tenants is like that of store.Store. A server of the API has no position.
	Tenants(ctx context.Context) (store.Position, map[string]uint64, error)
	// Load is like that of store.Store.
	Load(ctx context.Context, tenant string) (revision uint64, all []store.WebIntegration, err error)
}

// Export holds the options of an export. The zero value exports all tenants of a
// store.
type Export struct {
	// Tenants are the ids of the tenants to export, or nil for all. An unknown
	// tenant is an error.
	Tenants []string
	// Server is the URL of the server that is the source, or "" for a store.
	Server string
}

// Write exports the source and returns the number of web integrations. Every tenant
// is read at one revision.
func (e Export) Write(ctx context.Context, from Source, to io.Writer) (integrations int, err error) {
	at, revisions, err := from.Tenants(ctx)
	if err != nil {
		return 0, err
	}
	tenants, err := e.SelectTenants(revisions)
	if err != nil {
		return 0, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	out := &writer{to: bufio.NewWriter(to)}
	out.writeLine(headerLine{Originwarden: export, Version: Version, Store: at.Store, Server: e.Server, Revision: at.Revision, Exported: &now})
	for _, tenant := range tenants {
		revision, all, err := from.Load(ctx, tenant)
		if err != nil {
			return 0, fmt.Errorf("reading tenant %q: %w", tenant, err)
		}
		out.writeTenant(Tenant{tenant, revision, all})
		if out.err != nil {
			break
		}
	}
	out.writeLine(endLine{true, &out.integrations})
	if out.err == nil {
		out.err = out.to.Flush()
	}
	return out.integrations, out.err
}

// SelectTenants returns the tenants to export, sorted.
func (e Export) SelectTenants(revisions map[string]uint64) ([]string, error) {
	if e.Tenants == nil {
		return slices.Sorted(maps.Keys(revisions)), nil
	}
	for _, tenant := range e.Tenants {
		if _, known := revisions[tenant]; !known {
			return nil, fmt.Errorf("the store never had a tenant %q", tenant)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(e.Tenants))), nil
}

// writer writes lines until the first error.
type writer struct {
	to           *bufio.Writer
	integrations int
	err          error
}

func (w *writer) writeTenant(t Tenant) {
	w.writeLine(tenantLine{t.ID, t.Revision})
	slices.SortFunc(t.Integrations, compareIntegrations)
	for i := range t.Integrations {
		w.writeLine(newIntegrationLine(&t.Integrations[i]))
		w.integrations++
	}
}

// compareIntegrations orders by name, then by id.
func compareIntegrations(a, b store.WebIntegration) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
}

func (w *writer) writeLine(v any) {
	if w.err != nil {
		return
	}
	text, err := json.Marshal(v)
	if err != nil {
		w.err = fmt.Errorf("writing a line as JSON: %w", err)
		return
	}
	if text = escape.JSON(text); len(text) > MaxLine {
		w.err = fmt.Errorf("writing a line: it is longer than %d bytes", MaxLine)
		return
	}
	_, w.err = w.to.Write(append(text, '\n'))
}
