package importexport

import (
	"context"
	"errors"
	"slices"
	"time"

	"originwarden/api/client"
	"originwarden/cmd/originwarden/cli/connection"
	"originwarden/store"
	"originwarden/store/transfer"
)

// server is a server of the API as a location. Its web integrations belong to one
// tenant, whose id may differ from that in a file.
type server struct {
	client  *client.Client
	tenants map[string][]store.WebIntegration // as Tenants read them, for Load
}

// readAll reads the web integrations, ordered by id.
func (s *server) readAll(ctx context.Context) ([]store.WebIntegration, error) {
	read, err := connection.ReadAll(ctx, s.client)
	all := make([]store.WebIntegration, 0, len(read))
	for _, w := range read {
		all = append(all, store.WebIntegration{
			ID: w.ID, TenantID: w.TenantID, Name: w.Name, CreatedBy: w.CreatedBy,
			Created: w.Created.UTC().Truncate(time.Second), LastUpdated: w.LastUpdated.UTC().Truncate(time.Second),
			ValidOrigins: w.ValidOrigins,
		})
	}
	return all, err
}

// Tenants implements transfer.Source.
func (s *server) Tenants(ctx context.Context) (store.Position, map[string]uint64, error) {
	all, err := s.readAll(ctx)
	s.tenants = map[string][]store.WebIntegration{}
	revisions := map[string]uint64{}
	for _, w := range all {
		s.tenants[w.TenantID] = append(s.tenants[w.TenantID], w)
		revisions[w.TenantID] = 0
	}
	return store.Position{}, revisions, err
}

// Load implements transfer.Source.
func (s *server) Load(_ context.Context, tenant string) (uint64, []store.WebIntegration, error) {
	return 0, s.tenants[tenant], nil
}

// loadAs reads the server's web integrations, and gives them the tenant id tenant.
func (s *server) loadAs(ctx context.Context, tenant string) (uint64, []store.WebIntegration, error) {
	all, err := s.readAll(ctx)
	for i := range all {
		all[i].TenantID = tenant
	}
	return 0, all, err
}

// Create implements transfer.Target.
func (s *server) Create(ctx context.Context, w store.WebIntegration) error {
	_, err := s.client.Create(ctx, w.Name, w.ValidOrigins)
	return err
}

// Change implements transfer.Target.
func (s *server) Change(ctx context.Context, before, after store.WebIntegration) error {
	var operations []client.Operation
	if before.Name != after.Name {
		operations = append(operations, client.ReplaceName(after.Name))
	}
	if !slices.Equal(before.ValidOrigins, after.ValidOrigins) {
		operations = append(operations, client.ReplaceValidOrigins(after.ValidOrigins...))
	}
	_, err := s.client.Patch(ctx, before.ID, operations, "")
	return err
}

// Delete implements transfer.Target. A web integration that is already gone is
// no error.
func (s *server) Delete(ctx context.Context, w store.WebIntegration) error {
	_, err := s.client.Delete(ctx, w.ID, "")
	if errors.Is(err, client.ErrNotFound) {
		return nil
	}
	return err
}

// concernsOne reports whether an error of a server concerns one web integration
// alone.
func concernsOne(err error) bool {
	_, ambiguous := errors.AsType[*transfer.AmbiguousError](err)
	return ambiguous || connection.ConcernsOne(err)
}
