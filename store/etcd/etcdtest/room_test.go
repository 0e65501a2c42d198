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

// TestStore_LeavesRoomForRevocations fills a cluster through the store until it
// takes nothing any more, and takes origins away then.
func TestStore_LeavesRoomForRevocations(t *testing.T) {
	t.Parallel()
	const quota = 24 << 20
	c := etcdtest.StartCluster(t, 1, func(m *etcdtest.Member) {
		m.Adjust = func(c *embed.Config) { c.QuotaBackendBytes = quota }
	})
	s := open(t, optionsOf(c))
	a := create(t, s, entry("acme", "a", "https://a.example", "https://b.example"))
	b := create(t, s, entry("acme", "b", "https://a.example"))
	fill(t, s)
	edited, err := s.Edit(within(t, 5*time.Second), "acme", a.ID, func(w *store.WebIntegration) error {
		w.ValidOrigins = w.ValidOrigins[:1]
		return nil
	})
	if err != nil || len(edited.ValidOrigins) != 1 {
		t.Errorf("taking one origin away: %v, %v", edited, err)
	}
	if _, err := s.Delete(within(t, 5*time.Second), "acme", b.ID, allowed); err != nil {
		t.Errorf("Delete: %v", err)
	}
	batch(t, s, []store.Write{{Tenant: "acme", ID: a.ID, Make: func(was *store.WebIntegration) (*store.WebIntegration, error) {
		was.ValidOrigins = nil
		return was, nil
	}}})
	if is, err := raw(t, c).AlarmList(t.Context()); err != nil || len(is.Alarms) > 0 {
		t.Errorf("the cluster has raised %v, %v", is, err)
	}
	for name, edit := range map[string]func(*store.WebIntegration) error{
		"one more":    appending("https://c.example"),
		"another one": func(w *store.WebIntegration) error { w.ValidOrigins = []string{"https://c.example"}; return nil },
		"a new name":  func(w *store.WebIntegration) error { w.Name = strings.Repeat("n", 100); return nil },
	} {
		if _, err := s.Edit(within(t, 5*time.Second), "acme", a.ID, edit); !errors.Is(err, rpctypes.ErrNoSpace) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStore_RefusesManyWritesInTimeWithoutRoom has more calls at once than could
// ask the cluster one after another.
func TestStore_RefusesManyWritesInTimeWithoutRoom(t *testing.T) {
	t.Parallel()
	const trip, calls = 200 * time.Millisecond, 20
	c := etcdtest.StartCluster(t, 1, func(m *etcdtest.Member) {
		m.Adjust = func(c *embed.Config) { c.QuotaBackendBytes = 24 << 20 }
	})
	o := optionsOf(c)
	fill(t, open(t, o))
	o.Endpoints = relays(t, c, trip)
	s := open(t, o)
	if _, err := s.Position(within(t, storeTimeout)); err != nil { // it connects
		t.Fatal(err)
	}
	var all sync.WaitGroup
	defer all.Wait()
	for i := range calls {
		all.Go(func() {
			_, err := s.Create(within(t, calls/2*trip), entry(fmt.Sprint(i), "one", "https://a.example"))
			wantNoSpace(t, err)
		})
	}
}

// fill writes until the cluster has no room for more.
func fill(t *testing.T, s store.Store) {
	t.Helper()
	var origins []string
	for i := range 1000 {
		origins = append(origins, fmt.Sprintf("https://%04d.example", i))
	}
	for range 1000 {
		_, err := s.Create(within(t, 5*time.Second), entry("filler", "much", origins...))
		if errors.Is(err, rpctypes.ErrNoSpace) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the cluster is never full")
}
