package etcdtest_test

import (
	"errors"
	"testing"
	"time"

	"originwarden/store"
)

// TestStore_HoldsTheLimitsToWhatRemovalsLeave adds as many origins as were removed
// under the alarm to a tenant that has reached its limit.
func TestStore_HoldsTheLimitsToWhatRemovalsLeave(t *testing.T) {
	t.Parallel()
	adding := func(tenant, id, origin string) store.Write {
		return store.Write{Tenant: tenant, ID: id, Make: func(was *store.WebIntegration) (*store.WebIntegration, error) {
			return was, appending(origin)(was)
		}}
	}
	c := startSmall(t)
	o := optionsOf(c)
	o.Limits.Origins = 2
	s := openWithPool(t, o)
	for name, add := range map[string]func(tenant, id, origin string) error{
		"Edit": func(tenant, id, origin string) error {
			_, err := s.Edit(within(t, time.Minute), tenant, id, appending(origin))
			return err
		},
		"Batch": func(tenant, id, origin string) error {
			refused, err := s.Batch(within(t, time.Minute), []store.Write{adding(tenant, id, origin)})
			return errors.Join(append(refused, err)...)
		},
	} {
		w := create(t, s, entry(name, "one", "https://a.example", "https://b.example"))
		fillByOthers(t, c)
		if _, err := s.Edit(within(t, time.Minute), name, w.ID, removing("https://a.example")); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		makeSpace(t, c, others)
		if err := add(name, w.ID, "https://c.example"); err != nil {
			t.Errorf("%s of one more: %v", name, err)
		}
		var limit *store.LimitError
		if err := add(name, w.ID, "https://d.example"); !errors.As(err, &limit) {
			t.Errorf("%s of one too many: %v", name, err)
		}
	}
}

func TestStore_SaysThatABatchFindsNoSpace(t *testing.T) {
	t.Parallel()
	c := startSmall(t)
	s := openWithPool(t, optionsOf(c))
	w := create(t, s, entry("acme", "one", "https://a.example"))
	fillByOthers(t, c)
	deletion := store.Write{Tenant: "acme", ID: w.ID, Make: func(*store.WebIntegration) (*store.WebIntegration, error) { return nil, nil }}
	refused, err := s.Batch(within(t, time.Minute), []store.Write{deletion})
	if wantNoSpace(t, err); len(refused) > 0 {
		t.Errorf("Batch tells of %v", refused)
	}
}
