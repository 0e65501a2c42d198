package store_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/store"
)

// loads is a store of which only Load is asked for.
type loads struct {
	store.Store
	load func(ctx context.Context, tenant string) (uint64, []store.WebIntegration, error)
}

func (s loads) Load(ctx context.Context, tenant string) (uint64, []store.WebIntegration, error) {
	return s.load(ctx, tenant)
}

func TestLoader_BuildsTheTenantsList(t *testing.T) {
	load := store.Loader(loads{load: func(_ context.Context, tenant string) (uint64, []store.WebIntegration, error) {
		return 9, []store.WebIntegration{
			{ID: "one", TenantID: tenant, Revision: 3, ValidOrigins: []string{"https://A.example", "not an origin"}},
			{ID: "two", TenantID: tenant, Revision: 9, ValidOrigins: []string{"https://" + tenant + ".example"}},
		}, nil
	}}, time.Second)
	list, err := load(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	if list.Revision() != 9 || list.Len() != 2 || !list.Lists("https://a.example") || !list.Lists("https://acme.example") {
		t.Errorf("the list has %d origins at revision %d", list.Len(), list.Revision())
	}
}

func TestLoader_FailsWithTheStore(t *testing.T) {
	down := errors.New("down")
	load := store.Loader(loads{load: func(context.Context, string) (uint64, []store.WebIntegration, error) {
		return 9, []store.WebIntegration{{ID: "one"}}, down
	}}, time.Second)
	if list, err := load(t.Context(), "acme"); list != nil || !errors.Is(err, down) {
		t.Errorf("the list is %v, the error %v", list, err)
	}
}

func TestLoader_EndsWithinItsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		load := store.Loader(loads{load: func(ctx context.Context, _ string) (uint64, []store.WebIntegration, error) {
			<-ctx.Done()
			return 0, nil, ctx.Err()
		}}, 2*time.Second)
		start := time.Now()
		_, err := load(context.Background(), "acme")
		if waited := time.Since(start); waited != 2*time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it ended after %v with %v", waited, err)
		}
	})
}

func TestLimitError_SaysWhatIsBounded(t *testing.T) {
	err := &store.LimitError{What: store.LimitIntegrations, Max: 10}
	if want := "a tenant may have at most 10 web integrations"; err.Error() != want {
		t.Errorf("the error is %q, want %q", err, want)
	}
}
