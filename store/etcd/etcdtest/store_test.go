package etcdtest_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"originwarden/origins"
	"originwarden/store"
	"originwarden/store/etcd"
	"originwarden/store/etcd/etcdtest"
	"originwarden/store/storetest"
	"originwarden/store/storetest/historytest"
)

var _ store.Store = (*etcd.Store)(nil)

// prefixes counts the stores of all clusters, each with its own prefix.
var prefixes atomic.Int64

// TestStore runs the tests that do not disturb the cluster, in one cluster.
func TestStore(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 3, nil)
	for name, test := range map[string]func(*testing.T, *etcdtest.Cluster){
		"ImplementsStoreContract":          implementsStoreContract,
		"KeepsHistory":                     keepsHistory,
		"RecordsLargestLists":              recordsLargestLists,
		"ImplementsInventoryContract":      implementsInventoryContract,
		"BoundsValueOfRefusals":            boundsValueOfRefusals,
		"ReplacesDamagedRefusals":          replacesDamagedRefusals,
		"WritesRefusalsSparingly":          writesRefusalsSparingly,
		"RefusesRefusalsOfAnotherStore":    refusesRefusalsOfAnotherStore,
		"AddsRefusalsOnceIfResponseIsLost": addsRefusalsOnceWhenResponseIsLost,
		"ImplementsFleetContract":          implementsFleetContract,
		"FindsIntegrations":                findsIntegrations,
		"RefusesNestedPrefix":              refusesNestedPrefix,
		"IsolatesUnusualTenants":           isolatesUnusualTenants,
		"LoadsManyPages":                   loadsManyPages,
		"RefusesTooLargeWrite":             refusesTooLargeWrite,
		"FailsOnInvalidValues":             failsOnInvalidValues,
		"RefusesNewerLayout":               refusesNewerLayout,
		"KeepsEarlierStores":               keepsEarlierStores,
		"RefusesInvalidUTF8":               refusesInvalidUTF8,
		"LetsTenantOverLimitShrink":        letsTenantOverLimitShrink,
		"LosesNoConcurrentEdit":            losesNoConcurrentEdit,
		"AppliesLimitsToConcurrentCreates": appliesLimitsToConcurrentCreates,
		"RefusesConcurrentDuplicateID":     refusesConcurrentDuplicateID,
		"WritesOnceWhenResponseIsLost":     writesOnceWhenResponseIsLost,
		"WritesOnceWhenRequestIsLost":      writesOnceWhenRequestIsLost,
		"WritesOnceOverUnreliableNetwork":  writesOnceOverUnreliableNetwork,
		"EndsUnansweredCalls":              endsUnansweredCalls,
		"ReportsConnectionError":           reportsConnectionError,
		"IsNotResetByReorderedResponses":   isNotResetByReorderedResponses,
		"RefusesEmptiedPrefix":             refusesEmptiedPrefix,
		"RefusesAnotherStore":              refusesAnotherStore,
		"WritesNothingWhenReset":           writesNothingWhenReset,
		"FeedOmitsForeignDeletions":        feedOmitsForeignDeletions,
		"BatchesInFewCommits":              batchesInFewCommits,
		"BatchesLargeWrites":               batchesLargeWrites,
		"BatchesOnceWhenResponseIsLost":    batchesOnceWhenResponseIsLost,
		"RefusesMissingStore":              refusesMissingStore,
		"FeedsLongHistory":                 feedsLongHistory,
		"FeedContinuesAfterDisconnects":    feedContinuesAfterDisconnects,
		"EndsSilentWatch":                  endsSilentWatch,
	} {
		t.Run(name, func(t *testing.T) { test(t, c) })
	}
}

func implementsStoreContract(t *testing.T, c *etcdtest.Cluster) {
	storetest.Run(t, func(t *testing.T, limits store.Limits) (store.Store, func(*testing.T) store.Store) {
		o := newOptions(c)
		o.Limits = limits
		s := openStoreWithPool(t, o) // as in a gateway
		t.Cleanup(func() { wantConsistent(t, c, o) })
		return s, func(t *testing.T) store.Store {
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			s = openStore(t, o)
			return s
		}
	})
}

func keepsHistory(t *testing.T, c *etcdtest.Cluster) {
	historytest.Run(t, func(t *testing.T, keep store.Retention) (store.Store, func(*testing.T, store.Retention) store.Store) {
		o := newOptions(c)
		o.History = keep
		s := openStoreWithPool(t, o)
		t.Cleanup(func() { wantConsistent(t, c, o) })
		return s, func(t *testing.T, keep store.Retention) store.Store {
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			o.History = keep
			s = openStore(t, o)
			return s
		}
	})
}

// newOptions returns options for a new store in the cluster.
func newOptions(c *etcdtest.Cluster) etcd.Options {
	return etcd.Options{
		Endpoints: c.Endpoints(),
		Prefix:    fmt.Sprintf("test/%d", prefixes.Add(1)),
		Limits:    store.Limits{Integrations: 1_000_000, Origins: 100_000_000},
		History:   store.Retention{Records: 1000},
	}
}

// openStore opens a store, which is closed when t ends.
func openStore(t testing.TB, o etcd.Options) *etcd.Store {
	t.Helper()
	s, err := etcd.Open(context.WithoutCancel(t.Context()), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// newClient returns a client of the cluster, which is closed when t ends.
func newClient(t testing.TB, c *etcdtest.Cluster) *clientv3.Client {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: c.Endpoints(), Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func key(o etcd.Options, of string) string { return "/" + o.Prefix + "/" + of }

// withTimeout returns a context with this timeout, which is canceled when t ends.
func withTimeout(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// newIntegration returns a web integration that is not created yet.
func newIntegration(tenant, name string, origins ...string) store.WebIntegration {
	now := time.Unix(1_700_000_000, 0).UTC()
	return store.WebIntegration{
		ID: store.NewID(), TenantID: tenant, Name: name, CreatedBy: "ops",
		Created: now, LastUpdated: now, ValidOrigins: origins,
	}
}

func create(t testing.TB, s store.Store, w store.WebIntegration) store.WebIntegration {
	t.Helper()
	got, err := s.Create(withTimeout(t, time.Minute), w)
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	return got
}

func addOrigin(origin string) func(*store.WebIntegration) error {
	return func(w *store.WebIntegration) error {
		w.ValidOrigins = append(w.ValidOrigins, origin)
		return nil
	}
}

func allowed(store.WebIntegration) error { return nil }

// wantConsistent checks that the keys for counts, ids and names match the web
// integrations of the store.
func wantConsistent(t *testing.T, c *etcdtest.Cluster, o etcd.Options) {
	t.Helper()
	s, client := openStore(t, o), newClient(t, c)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, tenants, err := s.Tenants(ctx)
	if err != nil {
		t.Errorf("Tenants: %v", err)
	}
	total := 0
	for tenant := range tenants {
		_, all, err := s.Load(ctx, tenant) // also checks the counts
		up, upErr := s.Page(ctx, tenant, store.Query{Limit: 1 << 30})
		down, downErr := s.Page(ctx, tenant, store.Query{Limit: 1 << 30, Descending: true})
		if err != nil || upErr != nil || downErr != nil || len(up.Integrations) != len(all) {
			t.Errorf("tenant %q: %d loaded, %d in pages: %v, %v, %v", tenant, len(all), len(up.Integrations), err, upErr, downErr)
		}
		slices.Reverse(down.Integrations)
		for i, w := range up.Integrations {
			if down.Integrations[i].ID != w.ID {
				t.Errorf("tenant %q: the descending order is not the reverse of the ascending order", tenant)
			}
		}
		total += len(all)
	}
	for of, want := range map[string]int{"i/": total, "u/": total, "a/": total, "d/": total, "t/": len(tenants)} {
		got, err := client.Get(ctx, key(o, of), clientv3.WithPrefix(), clientv3.WithCountOnly())
		if err != nil || got.Count != int64(want) {
			t.Errorf("%d keys with %s, %v; want %d", got.Count, of, err, want)
		}
	}
}

// watcher collects the changes of one Watch.
type watcher struct {
	changes chan origins.Change
	ended   chan error
	stop    context.CancelFunc
}

// watch starts a Watch, which is stopped when t ends.
func watch(t testing.TB, s store.Store, after uint64) *watcher {
	ctx, stop := context.WithCancel(t.Context())
	w := &watcher{changes: make(chan origins.Change, 100_000), ended: make(chan error, 1), stop: stop}
	go func() {
		w.ended <- s.Watch(ctx, after, func(all []origins.Change) {
			for _, c := range all {
				w.changes <- c
			}
		})
	}()
	t.Cleanup(stop)
	return w
}

// next returns the next change.
func (w *watcher) next(t testing.TB) origins.Change {
	t.Helper()
	select {
	case c := <-w.changes:
		return c
	case err := <-w.ended:
		t.Fatalf("Watch ended with %v", err)
	case <-withTimeout(t, 30*time.Second).Done():
		t.Fatal("Watch received no change")
	}
	return origins.Change{}
}

// end waits until the watch ends, and returns its error.
func (w *watcher) end(t testing.TB) error {
	t.Helper()
	select {
	case err := <-w.ended:
		return err
	case <-withTimeout(t, 30*time.Second).Done():
		t.Fatal("Watch did not end")
	}
	return nil
}

// watchFrom calls Watch and sends the revisions of the changes. It sets after to the
// last one.
func watchFrom(ctx context.Context, s store.Store, after *uint64, revisions chan<- uint64) error {
	return s.Watch(ctx, *after, func(all []origins.Change) {
		for _, c := range all {
			revisions <- c.Revision
			*after = c.Revision
		}
	})
}
