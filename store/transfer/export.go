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

	"originwarden/escape"
	"originwarden/store"
)

// Source is what can be exported. Every store.Store is one.
type Source interface {
	// Tenants is that of store.Store. A server of the API has no position.
	Tenants(ctx context.Context) (store.Position, map[string]uint64, error)
	// Load is that of store.Store.
	Load(ctx context.Context, tenant string) (revision uint64, all []store.WebIntegration, err error)
}

// Export says what to export. The zero value is everything, from a store.
type Export struct {
	// Tenants are the ids of those to export; nil is all. One that the source
	// does not have is an error.
	Tenants []string
	// Server is the URL of the server that the source is, or "".
	Server string
}

// Write writes what the source has, and returns how many web integrations that
// are. Every tenant is read at one revision.
func (e Export) Write(ctx context.Context, from Source, to io.Writer) (integrations int, err error) {
	at, revisions, err := from.Tenants(ctx)
	if err != nil {
		return 0, err
	}
	tenants, err := e.chosen(revisions)
	if err != nil {
		return 0, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	out := &writer{to: bufio.NewWriter(to)}
	out.line(headerLine{Originwarden: export, Version: Version, Store: at.Store, Server: e.Server, Revision: at.Revision, Exported: &now})
	for _, tenant := range tenants {
		revision, all, err := from.Load(ctx, tenant)
		if err != nil {
			return 0, fmt.Errorf("reading tenant %q: %w", tenant, err)
		}
		out.tenant(Tenant{tenant, revision, all})
		if out.err != nil {
			break
		}
	}
	out.line(endLine{true, &out.integrations})
	return out.integrations, out.flush()
}

// chosen returns the tenants to export, in order.
func (e Export) chosen(revisions map[string]uint64) ([]string, error) {
	if e.Tenants == nil {
		return slices.Sorted(maps.Keys(revisions)), nil
	}
	for _, tenant := range e.Tenants {
		if _, known := revisions[tenant]; !known {
			return nil, fmt.Errorf("there is nothing of a tenant %q, and never was", tenant)
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

func (w *writer) tenant(t Tenant) {
	w.line(tenantLine{t.ID, t.Revision})
	slices.SortFunc(t.Integrations, inOrder)
	for i := range t.Integrations {
		w.line(lineOf(&t.Integrations[i]))
		w.integrations++
	}
}

func inOrder(a, b store.WebIntegration) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
}

func (w *writer) line(v any) {
	if w.err != nil {
		return
	}
	text, err := json.Marshal(v)
	if err != nil {
		w.err = fmt.Errorf("what is kept cannot be written as JSON: %w", err)
		return
	}
	if text = escape.JSON(text); len(text) > MaxLine {
		w.err = fmt.Errorf("a web integration takes more than the %d bytes of a line", MaxLine)
		return
	}
	_, w.err = w.to.Write(append(text, '\n'))
}

func (w *writer) flush() error {
	if w.err != nil {
		return w.err
	}
	return w.to.Flush()
}
