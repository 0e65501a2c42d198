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

// reads is a store of which only Load is asked for.
type reads struct {
	lists.Store
	load func(ctx context.Context, tenant string) (uint64, []store.WebIntegration, error)
}

func (s reads) Load(ctx context.Context, tenant string) (uint64, []store.WebIntegration, error) {
	return s.load(ctx, tenant)
}

// loading returns a cache whose store answers by load.
func loading(load func(context.Context, string) (uint64, []store.WebIntegration, error), timeout time.Duration) *lists.Cache {
	return lists.New(lists.Config{Store: reads{load: load}, Bounds: roomy().Bounds, Timeout: timeout})
}

func TestLoad_BuildsTheTenantsList(t *testing.T) {
	cache := loading(func(_ context.Context, tenant string) (uint64, []store.WebIntegration, error) {
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
		t.Errorf("the list has %d origins at revision %d", list.Len(), list.Revision())
	}
}

func TestLoad_FailsWithTheStore(t *testing.T) {
	down := errors.New("down")
	cache := loading(func(context.Context, string) (uint64, []store.WebIntegration, error) {
		return 9, []store.WebIntegration{{ID: "one"}}, down
	}, time.Second)
	if list, err := cache.List(t.Context(), "acme"); list != nil || !errors.Is(err, down) {
		t.Errorf("the list is %v, the error %v", list, err)
	}
}

func TestLoad_EndsWithinItsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := loading(func(ctx context.Context, _ string) (uint64, []store.WebIntegration, error) {
			<-ctx.Done()
			return 0, nil, ctx.Err()
		}, 2*time.Second)
		start := time.Now()
		_, err := cache.List(context.Background(), "acme")
		if waited := time.Since(start); waited != 2*time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it ended after %v with %v", waited, err)
		}
	})
}
