package etcdtest_test

import (
	"errors"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/origins"
	"originwarden/store"
	"originwarden/store/etcd/etcdtest"
)

func makesNoStoreThatMustExist(t *testing.T, c *etcdtest.Cluster) {
	o := optionsOf(c)
	o.MustExist = true
	s := open(t, o)
	_, _, loading := s.Load(t.Context(), "acme")
	_, asking := s.Position(t.Context())
	_, creating := s.Create(t.Context(), entry("acme", "one"))
	_, batching := s.Batch(t.Context(), creations(1, 1))
	watching := s.Watch(within(t, 10*time.Second), 0, func([]origins.Change) {})
	for call, err := range map[string]error{"Load": loading, "Position": asking, "Create": creating, "Batch": batching, "Watch": watching} {
		if !errors.Is(err, store.ErrMissing) {
			t.Errorf("%s: %v", call, err)
		}
	}
	got, err := raw(t, c).Get(t.Context(), key(o, ""), clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil || got.Count != 0 {
		t.Errorf("there are %d keys, %v", got.Count, err)
	}
	o.MustExist = false
	w := create(t, open(t, o), entry("acme", "made elsewhere"))
	create(t, s, entry("acme", "two"))
	if found, err := s.Integration(t.Context(), "acme", w.ID); err != nil || found.Name != w.Name {
		t.Errorf("when it is there: %+v, %v", found, err)
	}
}
