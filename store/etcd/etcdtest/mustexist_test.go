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

func refusesMissingStore(t *testing.T, c *etcdtest.Cluster) {
	o := newOptions(c)
	o.MustExist = true
	s := openStore(t, o)
	_, _, loadErr := s.Load(t.Context(), "acme")
	_, positionErr := s.Position(t.Context())
	_, createErr := s.Create(t.Context(), newIntegration("acme", "one"))
	_, batchErr := s.Batch(t.Context(), createWrites(1, 1))
	watchErr := s.Watch(withTimeout(t, 10*time.Second), 0, func([]origins.Change) {})
	for call, err := range map[string]error{"Load": loadErr, "Position": positionErr, "Create": createErr, "Batch": batchErr, "Watch": watchErr} {
		if !errors.Is(err, store.ErrMissing) {
			t.Errorf("%s: error %v, want ErrMissing", call, err)
		}
	}
	got, err := newClient(t, c).Get(t.Context(), key(o, ""), clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil || got.Count != 0 {
		t.Errorf("the cluster has %d keys, %v; want 0", got.Count, err)
	}
	o.MustExist = false
	w := create(t, openStore(t, o), newIntegration("acme", "made elsewhere"))
	create(t, s, newIntegration("acme", "two"))
	if found, err := s.Integration(t.Context(), "acme", w.ID); err != nil || found.Name != w.Name {
		t.Errorf("Integration after another process created the store: %+v, %v", found, err)
	}
}
