package importexport

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"originwarden/cmd/originwarden/cli/listfile"
	"originwarden/envelope/escape"
	"originwarden/store"
	"originwarden/store/transfer"
)

// writeYAML writes the web integrations of one tenant for apply, and returns their
// number.
func (e *export) writeYAML(ctx context.Context, from transfer.Source, to io.Writer) (int, error) {
	_, revisions, err := from.Tenants(ctx)
	if err != nil {
		return 0, err
	}
	tenants, err := transfer.Export{Tenants: e.tenants}.SelectTenants(revisions)
	if err != nil {
		return 0, err
	}
	if len(tenants) > 1 {
		const shown = 10
		more := ""
		if len(tenants) > shown {
			more = ", …"
		}
		return 0, fmt.Errorf("YAML is for one tenant, and there are %d: give --tenant with one of %s%s", len(tenants), strings.Join(tenants[:min(len(tenants), shown)], ", "), more)
	}
	var all []store.WebIntegration
	for _, tenant := range tenants {
		if _, all, err = from.Load(ctx, tenant); err != nil {
			return 0, fmt.Errorf("reading tenant %q: %w", tenant, err)
		}
	}
	lists, err := newLists(all)
	if err != nil {
		return 0, err
	}
	return len(lists), listfile.Write(to, lists)
}

// newLists returns web integrations as a file has them, sorted by name. Several with
// one name are an error, because apply could not tell them apart.
func newLists(all []store.WebIntegration) ([]listfile.WebIntegration, error) {
	slices.SortFunc(all, func(a, b store.WebIntegration) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	lists := make([]listfile.WebIntegration, len(all))
	var doubles []string
	for i, w := range all {
		lists[i] = listfile.WebIntegration{Name: w.Name, ValidOrigins: w.ValidOrigins}
		if i > 0 && all[i-1].Name == w.Name {
			doubles = append(doubles, fmt.Sprintf("%s and %s have the name %s", all[i-1].ID, w.ID, listfile.Quote(w.Name)))
		}
	}
	if doubles != nil {
		return nil, fmt.Errorf("in YAML each web integration needs a name of its own: %s", escape.Text(strings.Join(doubles, "; ")))
	}
	return lists, nil
}
