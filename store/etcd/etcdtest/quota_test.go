package etcdtest_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.etcd.io/etcd/server/v3/embed"

	"originwarden/store"
	"originwarden/store/etcd/etcdtest"
)

// TestStore_ReservesSpaceForRevocations writes through the store until it refuses
// writes. Removing origins must still be possible.
func TestStore_ReservesSpaceForRevocations(t *testing.T) {
	t.Parallel()
	const quota = 24 << 20
	c := etcdtest.StartCluster(t, 1, func(m *etcdtest.Member) {
		m.Adjust = func(c *embed.Config) { c.QuotaBackendBytes = quota }
	})
	s := openStore(t, newOptions(c))
	a := create(t, s, newIntegration("acme", "a", "https://a.example", "https://b.example"))
	b := create(t, s, newIntegration("acme", "b", "https://a.example"))
	fillStore(t, s)
	edited, err := s.Edit(withTimeout(t, 5*time.Second), "acme", a.ID, func(w *store.WebIntegration) error {
		w.ValidOrigins = w.ValidOrigins[:1]
		return nil
	})
	if err != nil || len(edited.ValidOrigins) != 1 {
		t.Errorf("Edit that removes an origin = %v, %v", edited, err)
	}
	if _, err := s.Delete(withTimeout(t, 5*time.Second), "acme", b.ID, allowed); err != nil {
		t.Errorf("Delete: %v", err)
	}
	batch(t, s, []store.Write{{Tenant: "acme", ID: a.ID, Make: func(w *store.WebIntegration) (*store.WebIntegration, error) {
		w.ValidOrigins = nil
		return w, nil
	}}})
	if alarms, err := newClient(t, c).AlarmList(t.Context()); err != nil || len(alarms.Alarms) > 0 {
		t.Errorf("alarms of the cluster: %v, %v; want none", alarms, err)
	}
	for name, edit := range map[string]func(*store.WebIntegration) error{
		"added origin": addOrigin("https://c.example"),
		"other origin": func(w *store.WebIntegration) error { w.ValidOrigins = []string{"https://c.example"}; return nil },
		"longer name":  func(w *store.WebIntegration) error { w.Name = strings.Repeat("n", 100); return nil },
	} {
		if _, err := s.Edit(withTimeout(t, 5*time.Second), "acme", a.ID, edit); !errors.Is(err, rpctypes.ErrNoSpace) {
			t.Errorf("%s: error %v, want ErrNoSpace", name, err)
		}
	}
}

// TestStore_RefusesConcurrentWritesInTimeWithoutSpace makes more concurrent calls than
// could request the status of the cluster one after another.
func TestStore_RefusesConcurrentWritesInTimeWithoutSpace(t *testing.T) {
	t.Parallel()
	const delay, calls = 200 * time.Millisecond, 20
	c := etcdtest.StartCluster(t, 1, func(m *etcdtest.Member) {
		m.Adjust = func(c *embed.Config) { c.QuotaBackendBytes = 24 << 20 }
	})
	o := newOptions(c)
	for fillStore(t, openStore(t, o)) > 0 { // until a process that has just begun refuses all writes
	}
	o.Endpoints = slowRelays(t, c, delay)
	s := openStore(t, o)
	if _, err := s.Position(withTimeout(t, storeTimeout)); err != nil { // connect
		t.Fatal(err)
	}
	var all sync.WaitGroup
	defer all.Wait()
	for i := range calls {
		all.Go(func() {
			_, err := s.Create(withTimeout(t, calls/2*delay), newIntegration(fmt.Sprint(i), "one", "https://a.example"))
			wantNoSpace(t, err)
		})
	}
}

// fillStore writes through the store until it refuses writes, and returns how many it has
// made.
func fillStore(t *testing.T, s store.Store) (made int) {
	t.Helper()
	var origins []string
	for i := range 1000 {
		origins = append(origins, fmt.Sprintf("https://%04d.example", i))
	}
	for made < 1000 {
		_, err := s.Create(withTimeout(t, 5*time.Second), newIntegration("filler", "much", origins...))
		if errors.Is(err, rpctypes.ErrNoSpace) {
			return made
		}
		if err != nil {
			t.Fatal(err)
		}
		made++
	}
	t.Fatal("the cluster did not become full")
	return made
}
