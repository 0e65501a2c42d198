package etcdtest_test

import (
	"errors"
	"testing"
	"time"

	"originwarden/store"
)

// TestStore_CountsRemovalsTowardsLimits removes an origin under the alarm from a tenant
// at its limit. The tenant may then add one origin, but not two.
func TestStore_CountsRemovalsTowardsLimits(t *testing.T) {
	t.Parallel()
	adding := func(tenant, id, origin string) store.Write {
		return store.Write{Tenant: tenant, ID: id, Make: func(w *store.WebIntegration) (*store.WebIntegration, error) {
			return w, addOrigin(origin)(w)
		}}
	}
	c := startSmallCluster(t)
	o := newOptions(c)
	o.Limits.Origins = 2
	s := openStoreWithPool(t, o)
	for name, add := range map[string]func(tenant, id, origin string) error{
		"Edit": func(tenant, id, origin string) error {
			_, err := s.Edit(withTimeout(t, time.Minute), tenant, id, addOrigin(origin))
			return err
		},
		"Batch": func(tenant, id, origin string) error {
			refused, err := s.Batch(withTimeout(t, time.Minute), []store.Write{adding(tenant, id, origin)})
			return errors.Join(append(refused, err)...)
		},
	} {
		w := create(t, s, newIntegration(name, "one", "https://a.example", "https://b.example"))
		fillCluster(t, c)
		if _, err := s.Edit(withTimeout(t, time.Minute), name, w.ID, removeOrigins("https://a.example")); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		makeSpace(t, c, otherPrefix)
		if err := add(name, w.ID, "https://c.example"); err != nil {
			t.Errorf("%s up to the limit: %v", name, err)
		}
		var limit *store.LimitError
		if err := add(name, w.ID, "https://d.example"); !errors.As(err, &limit) {
			t.Errorf("%s beyond the limit: error %v, want a LimitError", name, err)
		}
	}
}

func TestStore_ReportsFullClusterToBatch(t *testing.T) {
	t.Parallel()
	c := startSmallCluster(t)
	s := openStoreWithPool(t, newOptions(c))
	w := create(t, s, newIntegration("acme", "one", "https://a.example"))
	fillCluster(t, c)
	deletion := store.Write{Tenant: "acme", ID: w.ID, Make: func(*store.WebIntegration) (*store.WebIntegration, error) { return nil, nil }}
	refused, err := s.Batch(withTimeout(t, time.Minute), []store.Write{deletion})
	if wantNoSpace(t, err); len(refused) > 0 {
		t.Errorf("Batch returned the outcomes %v, want none", refused)
	}
}
