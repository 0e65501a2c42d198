package importexport

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"time"

	"originwarden/api/client"
	"originwarden/store"
	"originwarden/store/transfer"
)

// server is a server of the API as a location. Its web integrations belong to one
// tenant, whose id may differ from that in a file.
type server struct {
	client  *client.Client
	tenants map[string][]store.WebIntegration // as Tenants read them, for Load
}

// maxReadings limits how often a server is read while others keep changing it.
const maxReadings = 10

// readAll reads the web integrations until two readings in a row are equal.
// Pages are read one after the other: a web integration that is renamed meanwhile
// may be on two of them, or on none.
func (s *server) readAll(ctx context.Context) ([]store.WebIntegration, error) {
	var before []store.WebIntegration
	for range maxReadings {
		now, err := s.readOnce(ctx)
		if err != nil {
			return nil, err
		}
		if before != nil && reflect.DeepEqual(before, now) && !hasRepeatedID(now) {
			return now, nil
		}
		before = now
	}
	return nil, errors.New("the server's web integrations keep changing")
}

// readOnce returns the web integrations ordered by id. The result is never nil.
func (s *server) readOnce(ctx context.Context) ([]store.WebIntegration, error) {
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

// hasRepeatedID takes web integrations ordered by id.
func hasRepeatedID(all []store.WebIntegration) bool {
	distinct := slices.CompactFunc(slices.Clone(all), func(a, b store.WebIntegration) bool { return a.ID == b.ID })
	return len(distinct) < len(all)
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
	if refused, ok := errors.AsType[*client.Error](err); ok {
		return slices.Contains([]int{
			http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed,
			http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity,
		}, refused.Status)
	}
	_, ambiguous := errors.AsType[*transfer.AmbiguousError](err)
	return ambiguous
}
