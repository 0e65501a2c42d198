package lists_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/lists"
	"originwarden/lists/liststest"
	"originwarden/origins"
)

func newConfig() lists.Config {
	return lists.Config{Bounds: lists.Bounds{Tenants: 100, Origins: 1000}}
}

// newList returns a list of n origins, loaded at revision.
func newList(revision uint64, n int) *origins.List {
	part := origins.Part{ID: "one", Revision: revision}
	for i := range n {
		part.Origins = append(part.Origins, fmt.Sprintf("https://app-%d.example", i))
	}
	return origins.NewList(revision, []origins.Part{part})
}

// newCountingLoader returns a loader of lists with n origins, and a function
// that returns the number of its calls for a tenant.
func newCountingLoader(n int) (liststest.Loader, func(tenant string) int) {
	var mu sync.Mutex
	calls := map[string]int{}
	load := func(_ context.Context, tenant string) (*origins.List, error) {
		mu.Lock()
		defer mu.Unlock()
		calls[tenant]++
		return newList(1, n), nil
	}
	return load, func(tenant string) int {
		mu.Lock()
		defer mu.Unlock()
		return calls[tenant]
	}
}

func mustList(t *testing.T, c *lists.Cache, tenant string) *origins.List {
	t.Helper()
	l, err := c.List(t.Context(), tenant)
	if err != nil {
		t.Fatalf("List(%s): %v", tenant, err)
	}
	return l
}

func TestCache_LoadsTenantOnce(t *testing.T) {
	load, calls := newCountingLoader(3)
	c := liststest.New(newConfig(), load)
	for range 10 {
		if got := mustList(t, c, "acme").Len(); got != 3 {
			t.Fatalf("list has %d origins, want 3", got)
		}
	}
	want := lists.Stats{Tenants: 1, Origins: 3, Hits: 9, Misses: 1, Loads: 1}
	if got := c.Stats(); got != want || calls("acme") != 1 {
		t.Errorf("stats %+v after %d loads, want %+v after 1", got, calls("acme"), want)
	}
}

func TestCache_LoadsOnceForConcurrentRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var loads atomic.Int32
		release := make(chan struct{})
		c := liststest.New(newConfig(), func(context.Context, string) (*origins.List, error) {
			loads.Add(1)
			<-release
			return newList(1, 1), nil
		})
		var waiting sync.WaitGroup
		for range 100 {
			waiting.Go(func() { mustList(t, c, "acme") })
		}
		synctest.Wait()
		close(release)
		waiting.Wait()
		if loads.Load() != 1 {
			t.Errorf("%d loads, want 1", loads.Load())
		}
	})
}

func TestCache_CanceledRequestDoesNotEndLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c := liststest.New(newConfig(), func(ctx context.Context, _ string) (*origins.List, error) {
			<-release
			return newList(1, 1), ctx.Err()
		})
		ctx, cancel := context.WithCancel(t.Context())
		canceled := make(chan error)
		go func() {
			_, err := c.List(ctx, "acme")
			canceled <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-canceled; !errors.Is(err, lists.ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("canceled List returned %v", err)
		}
		close(release)
		if mustList(t, c, "acme").Len() != 1 {
			t.Error("List returned another list than was loaded")
		}
	})
}

func TestCache_CachesFailedLoadForOneSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		loads, broken := 0, errors.New("broken")
		c := liststest.New(newConfig(), func(context.Context, string) (*origins.List, error) {
			if loads++; loads == 1 {
				return nil, broken
			}
			return newList(1, 1), nil
		})
		for range 5 {
			if _, err := c.List(t.Context(), "acme"); !errors.Is(err, lists.ErrUnavailable) || !errors.Is(err, broken) {
				t.Fatalf("List: %v", err)
			}
		}
		if mustList(t, c, "other"); loads != 2 {
			t.Errorf("%d loads within one second, want one for each tenant", loads)
		}
		time.Sleep(time.Second)
		if mustList(t, c, "acme"); loads != 3 {
			t.Errorf("%d loads after one second, want 3", loads)
		}
	})
}

func TestCache_EvictsBeyondItsBounds(t *testing.T) {
	rows := []struct {
		rule   string
		bounds lists.Bounds
		each   int
		want   []string // the tenants still cached after a, b and c were requested in turn
	}{
		{"within both bounds", lists.Bounds{Tenants: 3, Origins: 30}, 10, []string{"a", "b", "c"}},
		{"least recently used tenant is evicted", lists.Bounds{Tenants: 2, Origins: 30}, 10, []string{"b", "c"}},
		{"several tenants are evicted for their origins", lists.Bounds{Tenants: 3, Origins: 10}, 10, []string{"c"}},
		{"a single list may exceed the bound", lists.Bounds{Tenants: 3, Origins: 5}, 10, []string{"c"}},
	}
	for _, row := range rows {
		load, calls := newCountingLoader(row.each)
		c := liststest.New(lists.Config{Bounds: row.bounds}, load)
		for _, tenant := range []string{"a", "b", "c"} {
			mustList(t, c, tenant)
		}
		stats := c.Stats()
		if stats.Tenants != len(row.want) || stats.Origins != len(row.want)*row.each || int(stats.Evictions) != 3-len(row.want) {
			t.Errorf("%s: stats %+v, want %d tenants", row.rule, stats, len(row.want))
		}
		for _, tenant := range row.want {
			if mustList(t, c, tenant); calls(tenant) != 1 {
				t.Errorf("%s: %s was loaded again", row.rule, tenant)
			}
		}
	}
}

func TestCache_KeepsRecentlyUsedList(t *testing.T) {
	load, calls := newCountingLoader(1)
	c := liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 2, Origins: 30}}, load)
	for _, tenant := range []string{"a", "b", "a", "c", "a"} {
		mustList(t, c, tenant)
	}
	if calls("a") != 1 {
		t.Errorf("the list in use was loaded %d times, want 1", calls("a"))
	}
}

func TestCache_AppliesChangeToCachedList(t *testing.T) {
	load, calls := newCountingLoader(3)
	c := liststest.New(newConfig(), load)
	before := mustList(t, c, "acme")
	c.Apply(newChange("two", 2, "https://new.example"))
	if !mustList(t, c, "acme").Contains("https://new.example") || before.Contains("https://new.example") {
		t.Error("the change must be in the new list and not in the old one")
	}
	if got := c.Stats(); got.Origins != 4 || calls("acme") != 1 {
		t.Errorf("stats %+v after %d loads, want 4 origins after 1", got, calls("acme"))
	}
	c.Apply(newDeletion("two", 3))
	c.Apply(newDeletion("one", 4))
	if got := c.Stats(); got.Origins != 0 || got.Tenants != 1 {
		t.Errorf("stats %+v after the deletions, want 1 tenant without origins", got)
	}
}

func TestCache_IgnoresChangesOfUncachedTenants(t *testing.T) {
	load, _ := newCountingLoader(3)
	c := liststest.New(newConfig(), load)
	c.Apply(newChange("two", 2, "https://new.example"))
	if got := c.Stats(); got != (lists.Stats{}) {
		t.Errorf("stats %+v, want zero", got)
	}
}

// A load that began before a revocation was committed and ends after it must not
// restore the revoked origin.
func TestCache_SlowLoadDoesNotUndoChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c := liststest.New(newConfig(), func(context.Context, string) (*origins.List, error) {
			<-release
			return newList(5, 1), nil
		})
		loaded := make(chan *origins.List)
		go func() { loaded <- mustList(t, c, "acme") }()
		synctest.Wait()
		c.Apply(newDeletion("one", 6))
		c.Apply(newChange("two", 7, "https://new.example"))
		close(release)
		for _, list := range []*origins.List{<-loaded, mustList(t, c, "acme")} {
			if list.Contains("https://app-0.example") || !list.Contains("https://new.example") {
				t.Error("the load undid a change")
			}
		}
	})
}

func TestCache_ServesInvalidListUntilReloaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		loads, down := 0, false
		c := liststest.New(newConfig(), func(context.Context, string) (*origins.List, error) {
			if loads++; down {
				return nil, errors.New("the store is down")
			}
			return newList(uint64(loads), loads), nil
		})
		expect := func(when string, length, afterLoads int) {
			t.Helper()
			got := mustList(t, c, "acme").Len()
			synctest.Wait()
			if got != length || loads != afterLoads {
				t.Errorf("%s: %d origins after %d loads, want %d after %d", when, got, loads, length, afterLoads)
			}
		}
		expect("first load", 1, 1)
		down = true
		c.Invalidate("acme")
		expect("request starts a load", 1, 2)
		expect("failed load is not retried within one second", 1, 2)
		time.Sleep(time.Second)
		expect("failed load is retried after one second", 1, 3)
		c.Apply(newChange("two", 9, "https://new.example"))
		expect("change is applied meanwhile", 2, 3)
		time.Sleep(time.Second)
		down = false
		expect("store is available again", 2, 4)
		expect("loaded list is in force", 4, 4)
		expect("list is no longer invalid", 4, 4)
	})
}

func TestCache_ReloadsListInvalidatedDuringLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reading, release := make(chan struct{}), make(chan struct{})
		revision := uint64(0)
		c := liststest.New(newConfig(), func(context.Context, string) (*origins.List, error) {
			reading <- struct{}{}
			<-release
			revision++
			return newList(revision, int(revision)), nil
		})
		loaded := make(chan *origins.List)
		go func() { loaded <- mustList(t, c, "acme") }()
		<-reading
		c.Invalidate("acme")
		release <- struct{}{}
		<-reading
		release <- struct{}{}
		if list := <-loaded; list.Revision() != 2 {
			t.Errorf("list is at revision %d, want 2", list.Revision())
		}
	})
}

func TestCache_NotifiesOfChangedTenants(t *testing.T) {
	load, _ := newCountingLoader(1)
	c := liststest.New(newConfig(), load)
	var notified []string
	c.Subscribe(func(tenant string) { notified = append(notified, tenant) })
	mustList(t, c, "read")
	mustList(t, c, "read")
	c.Apply(newChange("two", 2))
	c.Invalidate("other")
	if want := []string{"acme", "other"}; !slices.Equal(notified, want) {
		t.Errorf("notified of %v, want %v", notified, want)
	}
}

func TestCache_NotifiesWhenInvalidListIsReloaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		load, _ := newCountingLoader(1)
		c := liststest.New(newConfig(), load)
		notified := make(chan string, 10)
		c.Subscribe(func(tenant string) { notified <- tenant })
		mustList(t, c, "acme")
		c.Invalidate("acme")
		mustList(t, c, "acme")
		synctest.Wait()
		if len(notified) != 2 {
			t.Errorf("%d notifications, want one for the invalidation and one for the new list", len(notified))
		}
	})
}

// Changes that arrive while an invalid list is loaded do not delay the load.
func TestCache_ReloadsInvalidListDespiteChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var revision atomic.Uint64
		var revoked atomic.Bool
		c := liststest.New(newConfig(), func(context.Context, string) (*origins.List, error) {
			at, n := revision.Load(), 1
			if revoked.Load() {
				n = 0
			}
			time.Sleep(50 * time.Millisecond)
			return newList(at, n), nil
		})
		mustList(t, c, "acme")
		revoked.Store(true)
		c.Invalidate("acme")
		for range 10 {
			c.Apply(newChange("other", revision.Add(1), "https://x.example"))
			mustList(t, c, "acme")
			time.Sleep(20 * time.Millisecond)
		}
		if list := mustList(t, c, "acme"); list.Contains("https://app-0.example") || !list.Contains("https://x.example") || c.IsInvalid("acme") {
			t.Errorf("list is out of date, invalid %v", c.IsInvalid("acme"))
		}
	})
}

// A request after a change must not get the result of a load that ended before
// the change, even while that load still notifies others.
func TestCache_DoesNotJoinFinishedLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, notifying := make(chan bool), make(chan bool)
		c := liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 1, Origins: 100}}, func(context.Context, string) (*origins.List, error) {
			return newList(1, 1), nil
		})
		mustList(t, c, "acme")
		first := true
		c.Subscribe(func(tenant string) {
			if tenant == "acme" && first && !c.IsInvalid("acme") {
				first = false
				close(notifying)
				<-release
			}
		})
		c.Invalidate("acme")
		mustList(t, c, "acme") // reloads it, and blocks in the notification
		<-notifying
		mustList(t, c, "other") // evicts it
		c.Apply(newDeletion("one", 2))
		after := make(chan *origins.List)
		go func() { after <- mustList(t, c, "acme") }()
		synctest.Wait()
		select {
		case <-after:
		default:
			t.Error("List waits for the finished load")
			close(release)
			<-after
			return
		}
		close(release)
	})
}

func TestCache_BoundsRememberedDeletions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		load, calls := newCountingLoader(3)
		c := liststest.New(newConfig(), load)
		mustList(t, c, "acme")
		for i := range 1100 {
			c.Apply(newDeletion(fmt.Sprint("gone-", i), uint64(2+i)))
		}
		mustList(t, c, "acme")
		synctest.Wait()
		if calls("acme") != 2 {
			t.Errorf("%d loads, want 2 after a thousand deletions", calls("acme"))
		}
	})
}

// In any interleaving, no reader sees a removed origin after the deletion was
// applied.
func TestCache_NeverServesRevokedOrigins(t *testing.T) {
	var committed atomic.Uint64
	load := func(context.Context, string) (*origins.List, error) {
		revision := committed.Load()
		return origins.NewList(revision, []origins.Part{{ID: "one", Revision: revision,
			Origins: []string{fmt.Sprintf("https://at-%d.example", revision)}}}), nil
	}
	c := liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 2, Origins: 100}}, load)
	var applied atomic.Uint64
	done := make(chan struct{})
	var readers sync.WaitGroup
	for i := range 4 {
		readers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				least := applied.Load()
				l, err := c.List(context.Background(), "acme")
				if err != nil || l.Revision() < least {
					t.Errorf("list at revision %d after %d was applied (%v)", l.Revision(), least, err)
					return
				}
				if i == 0 && n%8 == 0 {
					c.List(context.Background(), fmt.Sprint("other-", n)) // evicts
				}
			}
		})
	}
	for revision := uint64(1); revision < 2000; revision++ {
		committed.Store(revision)
		c.Apply(newChange("one", revision, fmt.Sprintf("https://at-%d.example", revision)))
		applied.Store(revision)
	}
	close(done)
	readers.Wait()
}

// Tunnels that were accepted by the invalid list have to be decided again once it
// is reloaded.
func TestCache_NotifiesWhenEvictedInvalidListIsReloaded(t *testing.T) {
	load, _ := newCountingLoader(1)
	c := liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 1, Origins: 100}}, load)
	mustList(t, c, "acme")
	c.Invalidate("acme")
	mustList(t, c, "other") // evicts it
	var notified []string
	c.Subscribe(func(tenant string) { notified = append(notified, tenant) })
	mustList(t, c, "acme")
	if !slices.Equal(notified, []string{"acme"}) {
		t.Errorf("notified of %v, want acme", notified)
	}
}
