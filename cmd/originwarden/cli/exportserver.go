package cli

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	"originwarden/api/client"
	"originwarden/store"
)

// served is a server of the API as a place. Its web integrations are those of
// one tenant, whatever that is called.
type served struct{ client *client.Client }

// maxReadings bounds how often a server is read that is written to meanwhile.
const maxReadings = 10

// all reads the web integrations as often as it takes for them to come alike twice
// in a row: pages are read one after the other, so that one that is renamed
// meanwhile may be on two of them, or on none.
func (s *served) all(ctx context.Context) ([]store.WebIntegration, error) {
	var before []store.WebIntegration
	for range maxReadings {
		now, err := s.reading(ctx)
		if err != nil {
			return nil, err
		}
		if before != nil && reflect.DeepEqual(before, now) && !repeats(now) {
			return now, nil
		}
		before = now
	}
	return nil, errors.New("the server's web integrations change all the time")
}

// reading is never nil.
func (s *served) reading(ctx context.Context) ([]store.WebIntegration, error) {
	all := []store.WebIntegration{}
	for w, err := range s.client.All(ctx, client.ListOptions{}) {
		if err != nil {
			return nil, err
		}
		all = append(all, store.WebIntegration{
			ID: w.ID, TenantID: w.TenantID, Name: w.Name, CreatedBy: w.CreatedBy,
			Created: w.Created.UTC().Truncate(time.Second), LastUpdated: w.LastUpdated.UTC().Truncate(time.Second),
			ValidOrigins: w.ValidOrigins,
		})
	}
	slices.SortFunc(all, func(a, b store.WebIntegration) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

// repeats reports whether an id comes twice, in the order of ids.
func repeats(all []store.WebIntegration) bool {
	for i := 1; i < len(all); i++ {
		if all[i-1].ID == all[i].ID {
			return true
		}
	}
	return false
}

// exported are the web integrations of a server that is exported, by tenant.
type exported struct {
	*served
	tenants map[string][]store.WebIntegration
}

// Tenants implements transfer.Source.
func (e *exported) Tenants(ctx context.Context) (store.Position, map[string]uint64, error) {
	all, err := e.all(ctx)
	if err != nil {
		return store.Position{}, nil, err
	}
	e.tenants = map[string][]store.WebIntegration{}
	revisions := map[string]uint64{}
	for _, w := range all {
		e.tenants[w.TenantID] = append(e.tenants[w.TenantID], w)
		revisions[w.TenantID] = 0
	}
	return store.Position{}, revisions, nil
}

// Load implements transfer.Source.
func (e *exported) Load(_ context.Context, tenant string) (uint64, []store.WebIntegration, error) {
	return 0, e.tenants[tenant], nil
}
