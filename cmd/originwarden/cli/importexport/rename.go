package importexport

import (
	"errors"
	"fmt"
	"strings"

	"originwarden/cmd/originwarden/cli/command"
	"originwarden/origins"
	"originwarden/store/transfer"
)

// parseRenames parses the values of --tenant.
func (i *importer) parseRenames() (map[string]string, error) {
	if i.place.isServer() && len(i.renames) > 0 {
		return nil, errors.New("--tenant is for a store: a server has one tenant, and its id need not be the file's")
	}
	renames := map[string]string{}
	for _, rename := range i.renames {
		from, to, ok := strings.Cut(rename, "=")
		switch _, twice := renames[from]; {
		case !ok || from == "":
			return nil, fmt.Errorf("--tenant: %q is not FROM=TO", rename)
		case !origins.IsTenantID(to):
			return nil, fmt.Errorf("--tenant: %q is no tenant id", to)
		case twice:
			return nil, fmt.Errorf("--tenant: %q is given twice", from)
		}
		renames[from] = to
	}
	return renames, nil
}

// renameTenants changes the ids of the file's tenants, and checks the ids.
func (i *importer) renameTenants(file *transfer.File, renames map[string]string) error {
	if i.place.isServer() {
		if len(file.Tenants) > 1 {
			return command.Failed(fmt.Errorf("the file has %d tenants, and a server has one: export only that one", len(file.Tenants)))
		}
		return nil
	}
	used := map[string]string{}
	for n := range file.Tenants {
		t := &file.Tenants[n]
		from := t.ID
		if to, ok := renames[from]; ok {
			t.ID = to
			delete(renames, from)
		}
		if other, ok := used[t.ID]; ok {
			return fmt.Errorf("--tenant: both %q and %q of the file would be %s", other, from, t.ID)
		}
		used[t.ID] = from
		if !origins.IsTenantID(t.ID) {
			return command.Failed(fmt.Errorf("the file has a tenant %q, which is no valid id here: give it another id with --tenant", from))
		}
		for j := range t.Integrations {
			t.Integrations[j].TenantID = t.ID
		}
	}
	for from := range renames {
		return fmt.Errorf("--tenant: the file has no tenant %q", from)
	}
	return nil
}
