package lists_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/lists"
	"originwarden/store"
)

// loadOnlyStore implements only Load.
type loadOnlyStore struct {
	lists.Store
	load func(ctx context.Context, tenant string) (uint64, []store.WebIntegration, error)
}

func (s loadOnlyStore) Load(ctx context.Context, tenant string) (uint64, []store.WebIntegration, error) {
	return s.load(ctx, tenant)
}

// newLoadCache returns a cache whose store loads lists by load.
func newLoadCache(load func(context.Context, string) (uint64, []store.WebIntegration, error), timeout time.Duration) *lists.Cache {
	return lists.New(lists.Config{Store: loadOnlyStore{load: load}, Bounds: newConfig().Bounds, Timeout: timeout})
}

func TestLoad_BuildsTenantList(t *testing.T) {
	cache := newLoadCache(func(_ context.Context, tenant string) (uint64, []store.WebIntegration, error) {
		return 9, []store.WebIntegration{
			{ID: "one", TenantID: tenant, Revision: 3, ValidOrigins: []string{"https://A.example", "not an origin"}},
			{ID: "two", TenantID: tenant, Revision: 9, ValidOrigins: []string{"https://" + tenant + ".example"}},
		}, nil
	}, time.Second)
	list, err := cache.List(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	if list.Revision() != 9 || list.Len() != 2 || !list.Contains("https://a.example") || !list.Contains("https://acme.example") {
		t.Errorf("list has %d origins at revision %d", list.Len(), list.Revision())
	}
}

func TestLoad_ReturnsStoreError(t *testing.T) {
	down := errors.New("down")
	cache := newLoadCache(func(context.Context, string) (uint64, []store.WebIntegration, error) {
		return 9, []store.WebIntegration{{ID: "one"}}, down
	}, time.Second)
	if list, err := cache.List(t.Context(), "acme"); list != nil || !errors.Is(err, down) {
		t.Errorf("list %v, error %v", list, err)
	}
}

func TestLoad_TimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := newLoadCache(func(ctx context.Context, _ string) (uint64, []store.WebIntegration, error) {
			<-ctx.Done()
			return 0, nil, ctx.Err()
		}, 2*time.Second)
		start := time.Now()
		_, err := cache.List(context.Background(), "acme")
		if waited := time.Since(start); waited != 2*time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("List returned after %v: %v", waited, err)
		}
	})
}
