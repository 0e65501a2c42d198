package etcdtest_test

import (
	"errors"
	"testing"
	"time"

	"originwarden/store/etcd"
	"originwarden/store/etcd/etcdtest"
)

// refusesANestedPrefix makes one store, and then another one in the same cluster.
func refusesANestedPrefix(t *testing.T, c *etcdtest.Cluster) {
	for name, row := range map[string]struct {
		first, second string
		nested        bool
	}{
		"within":                         {"fleet", "fleet/east", true},
		"far within":                     {"fleet", "fleet/a/b/c", true},
		"around":                         {"fleet/east", "fleet", true},
		"far around":                     {"fleet/x/b/c", "fleet", true},
		"around, last of all keys":       {"fleet/zone", "fleet", true},
		"around, between two of its own": {"fleet/h", "fleet", true},
		"around, where its own would be": {"fleet/t", "fleet", true},
		"the same":                       {"fleet", "fleet", false},
		"beside":                         {"fleet/east", "fleet/west", false},
		"a name that begins alike":       {"fleet", "fleets", false},
	} {
		t.Run(name, func(t *testing.T) {
			o := optionsOf(c)
			base := o.Prefix + "/"
			o.Prefix = base + row.first
			create(t, open(t, o), entry("acme", "one"))
			o.Prefix = base + row.second
			second := open(t, o)
			_, err := second.Position(within(t, 5*time.Second))
			_, createErr := second.Create(within(t, 5*time.Second), entry("acme", "two"))
			if errors.Is(err, etcd.ErrNested) != row.nested || errors.Is(createErr, etcd.ErrNested) != row.nested {
				t.Errorf("%s beside %s: %v, %v", row.second, row.first, err, createErr)
			}
		})
	}
	t.Run("among keys of others", func(t *testing.T) {
		o := optionsOf(c)
		if _, err := raw(t, c).Put(t.Context(), "/"+o.Prefix+"/identity", "of something else"); err != nil {
			t.Fatal(err)
		}
		o.Prefix += "/fleet"
		create(t, open(t, o), entry("acme", "one"))
	})
}
