package etcdtest_test

import (
	"errors"
	"testing"
	"time"

	"originwarden/store/etcd"
	"originwarden/store/etcd/etcdtest"
)

// refusesNestedPrefix creates a store, and then another one in the same cluster.
func refusesNestedPrefix(t *testing.T, c *etcdtest.Cluster) {
	for name, row := range map[string]struct {
		first, second string
		nested        bool
	}{
		"nested":                          {"fleet", "fleet/east", true},
		"nested deeply":                   {"fleet", "fleet/a/b/c", true},
		"enclosing":                       {"fleet/east", "fleet", true},
		"enclosing deeply":                {"fleet/x/b/c", "fleet", true},
		"enclosing, after its own keys":   {"fleet/zone", "fleet", true},
		"enclosing, between its own keys": {"fleet/h", "fleet", true},
		"enclosing, among its own keys":   {"fleet/t", "fleet", true},
		"the same prefix":                 {"fleet", "fleet", false},
		"sibling":                         {"fleet/east", "fleet/west", false},
		"longer name":                     {"fleet", "fleets", false},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOptions(c)
			base := o.Prefix + "/"
			o.Prefix = base + row.first
			create(t, openStore(t, o), newIntegration("acme", "one"))
			o.Prefix = base + row.second
			second := openStore(t, o)
			_, err := second.Position(withTimeout(t, 5*time.Second))
			_, createErr := second.Create(withTimeout(t, 5*time.Second), newIntegration("acme", "two"))
			if errors.Is(err, etcd.ErrNested) != row.nested || errors.Is(createErr, etcd.ErrNested) != row.nested {
				t.Errorf("%s with an existing store %s: Position: %v, Create: %v", row.second, row.first, err, createErr)
			}
		})
	}
	t.Run("in a store of a newer layout", func(t *testing.T) {
		o := newOptions(c)
		if _, err := newClient(t, c).Put(t.Context(), "/"+o.Prefix+"/identity", `{"store":"x","layout":2}`); err != nil {
			t.Fatal(err)
		}
		o.Prefix += "/fleet"
		if _, err := openStore(t, o).Position(withTimeout(t, 5*time.Second)); !errors.Is(err, etcd.ErrNested) {
			t.Errorf("Position: %v, want ErrNested", err)
		}
	})
	t.Run("keys of another program", func(t *testing.T) {
		o := newOptions(c)
		if _, err := newClient(t, c).Put(t.Context(), "/"+o.Prefix+"/identity", "of something else"); err != nil {
			t.Fatal(err)
		}
		o.Prefix += "/fleet"
		create(t, openStore(t, o), newIntegration("acme", "one"))
	})
}
