package etcdtest_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"

	"originwarden/origins"
	"originwarden/store"
	"originwarden/store/etcd/etcdtest"
	"originwarden/store/etcd/inventory"
	"originwarden/store/storetest/inventorytest"
)

func implementsInventoryContract(t *testing.T, c *etcdtest.Cluster) {
	inventorytest.Run(t, func(t *testing.T) (store.Store, func(*testing.T) store.Store) {
		o := newOptions(c)
		return openStore(t, o), func(t *testing.T) store.Store { return openStore(t, o) }
	})
}

func newRefusals(n int) (all []store.Refusal) {
	now := time.Unix(1_700_000_000, 0).UTC()
	for i := range n {
		all = append(all, store.Refusal{Origin: fmt.Sprintf("https://%d.example", i), Reason: origins.OriginNotListed,
			Count: 1, First: now, Last: now, Method: "GET", Path: fmt.Sprint("/api/things/", i)})
	}
	return all
}

// randomRefusals returns MaxRefusals refusals that can hardly be compressed.
func randomRefusals() []store.Refusal {
	all := newRefusals(store.MaxRefusals)
	for i := range all {
		for range 8 {
			all[i].Origin += rand.Text()
			all[i].Path += rand.Text()
		}
	}
	return all
}

func addRefusals(t *testing.T, s store.Store, tenant string, more ...store.Refusal) error {
	_, err := s.AddRefusals(withTimeout(t, 10*time.Second), []store.TenantRefusals{{Tenant: tenant, Refusals: more}})
	return err
}

// boundsValueOfRefusals also shows what a full inventory costs in the cluster.
func boundsValueOfRefusals(t *testing.T, c *etcdtest.Cluster) {
	o := newOptions(c)
	s := openStore(t, o)
	for tenant, all := range map[string][]store.Refusal{"usual": newRefusals(store.MaxRefusals), "random": randomRefusals()} {
		if err := addRefusals(t, s, tenant, all...); err != nil {
			t.Fatal(err)
		}
		got, err := newClient(t, c).Get(t.Context(), key(o, "x/refusals/"+tenant))
		if err != nil || len(got.Kvs) != 1 || len(got.Kvs[0].Value) > inventory.MaxBytes {
			t.Fatalf("%s: %v, %v; want one value of at most %d bytes", tenant, got, err, inventory.MaxBytes)
		}
		t.Logf("%s: %d bytes", tenant, len(got.Kvs[0].Value))
	}
}

// replacesDamagedRefusals: a damaged value would otherwise end the inventory.
func replacesDamagedRefusals(t *testing.T, c *etcdtest.Cluster) {
	o := newOptions(c)
	s := openStore(t, o)
	create(t, s, newIntegration("acme", "one"))
	if _, err := newClient(t, c).Put(t.Context(), key(o, "x/refusals/acme"), "damaged"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Refusals(t.Context(), "acme"); err == nil {
		t.Error("a damaged value is read without an error")
	}
	if err := addRefusals(t, s, "acme", newRefusals(1)...); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Refusals(t.Context(), "acme"); err != nil || len(got) != 1 {
		t.Errorf("Refusals = %v, %v; want one", got, err)
	}
}

// writesRefusalsSparingly: a gateway leaves the rest of a flood of tenants for later.
func writesRefusalsSparingly(t *testing.T, c *etcdtest.Cluster) {
	o := newOptions(c)
	s := openStore(t, o)
	var more []store.TenantRefusals
	for i := range 50 {
		more = append(more, store.TenantRefusals{Tenant: fmt.Sprint(i), Refusals: randomRefusals()})
	}
	added, err := s.AddRefusals(withTimeout(t, time.Minute), more)
	if err != nil || added < 5 || added == len(more) {
		t.Fatalf("AddRefusals = %d, %v; want at least 5 of %d, but not all", added, err, len(more))
	}
	got, err := newClient(t, c).Get(t.Context(), key(o, "x/refusals/"), clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil || len(got.Kvs) != added {
		t.Errorf("%d values, %v; want %d", len(got.Kvs), err, added)
	}
}

func refusesRefusalsOfAnotherStore(t *testing.T, c *etcdtest.Cluster) {
	o := newOptions(c)
	s := openStore(t, o)
	create(t, s, newIntegration("acme", "one"))
	if _, err := newClient(t, c).Delete(t.Context(), key(o, ""), clientv3.WithPrefix()); err != nil {
		t.Fatal(err)
	}
	create(t, openStore(t, o), newIntegration("acme", "two"))
	_, readErr := s.Refusals(t.Context(), "acme")
	for call, err := range map[string]error{"AddRefusals": addRefusals(t, s, "acme", newRefusals(1)...), "Refusals": readErr,
		"Dismiss": s.Dismiss(t.Context(), "acme", "https://0.example", time.Unix(1, 0))} {
		if !errors.Is(err, store.ErrReset) {
			t.Errorf("%s: error %v, want ErrReset", call, err)
		}
	}
}

// addsRefusalsOnceWhenResponseIsLost closes the connections after a write was made, before
// its response arrives.
func addsRefusalsOnceWhenResponseIsLost(t *testing.T, c *etcdtest.Cluster) {
	s, o, r := openThroughRelay(t, c)
	if err := addRefusals(t, s, "acme", newRefusals(1)...); err != nil {
		t.Fatal(err)
	}
	news := newClient(t, c).Watch(withTimeout(t, 30*time.Second), key(o, "x/refusals/acme"), clientv3.WithCreatedNotify())
	<-news
	r.delay.Store(int64(100 * time.Millisecond))
	var watching sync.WaitGroup
	watching.Go(func() {
		<-news
		r.disconnect()
		r.delay.Store(0)
	})
	if err := addRefusals(t, s, "acme", newRefusals(1)...); err != nil {
		t.Errorf("AddRefusals: %v", err)
	}
	watching.Wait()
	if got, err := s.Refusals(withTimeout(t, 10*time.Second), "acme"); err != nil || got[0].Count != 2 {
		t.Errorf("Refusals = %v, %v; want a count of 2", got, err)
	}
}

// TestStore_StopsRefusalsBeforeLists fills a small cluster with refusals. Lists can still
// be written, and once etcd has compacted, refusals too.
func TestStore_StopsRefusalsBeforeLists(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 1, func(m *etcdtest.Member) {
		m.Adjust = func(c *embed.Config) { c.QuotaBackendBytes = 24 << 20 }
	})
	o := newOptions(c)
	err := error(nil)
	for tenant := 0; err == nil; tenant++ {
		if tenant == 10_000 {
			t.Fatal("the cluster takes any number of refusals")
		}
		s := openStore(t, o) // as another gateway, which may write
		for range 5 {
			if err == nil {
				err = addRefusals(t, s, fmt.Sprint(tenant), randomRefusals()...)
			}
		}
	}
	wantNoSpace(t, err)
	if !errors.Is(err, rpctypes.ErrNoSpace) || !strings.Contains(err.Error(), "the rest is reserved for the lists") {
		t.Errorf("error %v", err)
	}
	s := openStore(t, o)
	if err := s.CheckWrites(withTimeout(t, 10*time.Second)); err != nil {
		t.Errorf("CheckWrites: %v", err)
	}
	w := newIntegration("acme", "one", makeOrigins(1000)...)
	for range 30 {
		w.ID = store.NewID()
		create(t, s, w)
	}
	if alarms, err := newClient(t, c).AlarmList(t.Context()); err != nil || len(alarms.Alarms) > 0 {
		t.Errorf("alarms of the cluster: %v, %v; want none", alarms, err)
	}
}
