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
)

var _ store.Store = (*etcd.Store)(nil)

// prefixes makes one cluster many stores.
var prefixes atomic.Int64

// TestStore is everything that leaves the cluster whole.
func TestStore(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 3, nil)
	for name, test := range map[string]func(*testing.T, *etcdtest.Cluster){
		"KeepsTheContract":                          keepsTheContract,
		"RefusesAPrefixWithinAnother":               refusesANestedPrefix,
		"KeepsHostileTenantsApart":                  keepsHostileTenantsApart,
		"LoadsATenantOfManyPages":                   loadsManyPages,
		"RefusesMoreThanTheClusterTakes":            refusesTooManyBytes,
		"FailsOnWhatNoStoreWrote":                   failsOnForeignValues,
		"RefusesALayoutOfANewerVersion":             refusesANewerLayout,
		"RefusesAnEntryThatJSONWouldChange":         refusesInvalidUTF8,
		"LetsATenantShrinkThatHasMoreThanItMay":     letsATenantShrink,
		"LosesNoEditOfSeveralProcesses":             losesNoEditOfSeveral,
		"HoldsTheLimitsOfSeveralProcesses":          holdsTheLimitsOfSeveral,
		"GivesAnIDToOneOfSeveralTenants":            givesAnIDToOne,
		"WritesOnceWhenTheAnswerIsLost":             writesOnceWithoutAnswers,
		"WritesOnceWhenTheRequestIsLost":            writesOnceWithoutRequests,
		"WritesOnceHoweverTheNetworkIs":             writesOnceInABadNetwork,
		"EndsCallsThatNobodyAnswers":                endsUnansweredCalls,
		"SaysWhyItCannotConnect":                    saysWhy,
		"IsNotResetByAnswersThatOvertake":           isNotResetByAnswers,
		"RefusesAnEmptiedPrefix":                    refusesAnEmptiedPrefix,
		"RefusesAnotherStore":                       refusesAnotherStore,
		"WritesNothingToAStoreThatIsResetMeanwhile": writesNothingToAResetStore,
		"FeedsNoDeletionThatNobodyMade":             feedsNoForeignDeletion,
		"BatchesInFewCommits":                       batchesInFewCommits,
		"BatchesWhatIsLarge":                        batchesWhatIsLarge,
		"BatchesOnceWhenTheAnswerIsLost":            batchesOnceWithoutAnswers,
		"MakesNoStoreThatMustExist":                 makesNoStoreThatMustExist,
		"FeedsWhatCameLongBefore":                   feedsALongHistory,
		"FeedsThroughABrokenConnection":             feedsThroughBreaks,
		"EndsAWatchThatHearsNothing":                endsASilentWatch,
	} {
		t.Run(name, func(t *testing.T) { test(t, c) })
	}
}

func keepsTheContract(t *testing.T, c *etcdtest.Cluster) {
	storetest.Run(t, func(t *testing.T, limits store.Limits) (store.Store, func(*testing.T) store.Store) {
		o := optionsOf(c)
		o.Limits = limits
		s := openWithPool(t, o) // as gateways have it
		t.Cleanup(func() { wantSound(t, c, o) })
		return s, func(t *testing.T) store.Store {
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			s = open(t, o)
			return s
		}
	})
}

// optionsOf are those of a new store in the cluster.
func optionsOf(c *etcdtest.Cluster) etcd.Options {
	return etcd.Options{
		Endpoints: c.Endpoints(),
		Prefix:    fmt.Sprintf("test/%d", prefixes.Add(1)),
		Limits:    store.Limits{Integrations: 1_000_000, Origins: 100_000_000},
	}
}

// open opens a store that is closed when t ends.
func open(t testing.TB, o etcd.Options) *etcd.Store {
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

// raw is a client of the cluster beside the stores.
func raw(t testing.TB, c *etcdtest.Cluster) *clientv3.Client {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: c.Endpoints(), Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func key(o etcd.Options, of string) string { return "/" + o.Prefix + "/" + of }

// within is ample time for what must not wait.
func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// entry is a web integration of a tenant, not yet created.
func entry(tenant, name string, origins ...string) store.WebIntegration {
	now := time.Unix(1_700_000_000, 0).UTC()
	return store.WebIntegration{
		ID: store.NewID(), TenantID: tenant, Name: name, CreatedBy: "ops",
		Created: now, LastUpdated: now, ValidOrigins: origins,
	}
}

func create(t testing.TB, s store.Store, w store.WebIntegration) store.WebIntegration {
	t.Helper()
	got, err := s.Create(within(t, time.Minute), w)
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	return got
}

func appending(origin string) func(*store.WebIntegration) error {
	return func(w *store.WebIntegration) error {
		w.ValidOrigins = append(w.ValidOrigins, origin)
		return nil
	}
}

func allowed(store.WebIntegration) error { return nil }

// wantSound holds the counts, the ids and the names that a store keeps against
// its web integrations.
func wantSound(t *testing.T, c *etcdtest.Cluster, o etcd.Options) {
	t.Helper()
	s, client := open(t, o), raw(t, c)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, tenants, err := s.Tenants(ctx)
	if err != nil {
		t.Errorf("Tenants: %v", err)
	}
	total := 0
	for tenant := range tenants {
		_, all, err := s.Load(ctx, tenant) // holds the counts against them
		up, upErr := s.Page(ctx, tenant, store.Query{Limit: 1 << 30})
		down, downErr := s.Page(ctx, tenant, store.Query{Limit: 1 << 30, Descending: true})
		if err != nil || upErr != nil || downErr != nil || len(up.Integrations) != len(all) {
			t.Errorf("%q loads %d, pages %d: %v, %v, %v", tenant, len(all), len(up.Integrations), err, upErr, downErr)
		}
		slices.Reverse(down.Integrations)
		for i, w := range up.Integrations {
			if down.Integrations[i].ID != w.ID {
				t.Errorf("%q is ordered otherwise in reverse", tenant)
			}
		}
		total += len(all)
	}
	for of, want := range map[string]int{"i/": total, "u/": total, "a/": total, "d/": total, "t/": len(tenants)} {
		got, err := client.Get(ctx, key(o, of), clientv3.WithPrefix(), clientv3.WithCountOnly())
		if err != nil || got.Count != int64(want) {
			t.Errorf("there are %d keys %s, %v; want %d", got.Count, of, err, want)
		}
	}
}

// watched is what one Watch hands over.
type watched struct {
	changes chan origins.Change
	ended   chan error
	stop    context.CancelFunc
}

// watch watches until t ends.
func watch(t testing.TB, s store.Store, after uint64) *watched {
	ctx, stop := context.WithCancel(t.Context())
	w := &watched{changes: make(chan origins.Change, 100_000), ended: make(chan error, 1), stop: stop}
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
func (w *watched) next(t testing.TB) origins.Change {
	t.Helper()
	select {
	case c := <-w.changes:
		return c
	case err := <-w.ended:
		t.Fatalf("Watch ended with %v", err)
	case <-within(t, 30*time.Second).Done():
		t.Fatal("no change came")
	}
	return origins.Change{}
}

// end returns what the watch ended with by itself.
func (w *watched) end(t testing.TB) error {
	t.Helper()
	select {
	case err := <-w.ended:
		return err
	case <-within(t, 30*time.Second).Done():
		t.Fatal("the watch did not end")
	}
	return nil
}

// watchOn watches once, and takes note of how far it came.
func watchOn(ctx context.Context, s store.Store, after *uint64, revisions chan<- uint64) error {
	return s.Watch(ctx, *after, func(all []origins.Change) {
		for _, c := range all {
			revisions <- c.Revision
			*after = c.Revision
		}
	})
}
