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

// decide returns the reason of the list's decision about an origin that it lists
// unless it is stale.
func decide(t *testing.T, c *lists.Cache, tenant string) origins.Reason {
	t.Helper()
	var policy origins.Policy
	reason, _ := policy.DecideByList(&origins.Request{Origin: []string{"https://app-0.example"}}, mustList(t, c, tenant))
	return reason
}

func TestCache_RefusesByStaleList(t *testing.T) {
	const maxStaleness = time.Minute
	rows := []struct {
		rule         string
		maxStaleness time.Duration
		confirmed    time.Duration // after the load; 0 means never
		requested    time.Duration
		want         origins.Reason
	}{
		{"at the limit", maxStaleness, 0, maxStaleness, origins.Listed},
		{"beyond the limit", maxStaleness, 0, maxStaleness + 1, origins.ListStale},
		{"confirmed meanwhile", maxStaleness, 10 * time.Second, maxStaleness + 10*time.Second, origins.Listed},
		{"confirmed too long ago", maxStaleness, 10 * time.Second, maxStaleness + 10*time.Second + 1, origins.ListStale},
		{"older confirmation is ignored", maxStaleness, -time.Hour, maxStaleness, origins.Listed},
		{"no limit", 0, 0, 1000 * time.Hour, origins.Listed},
	}
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			load, _ := newCountingLoader(1)
			c := liststest.New(newConfig(), load)
			c.Configure(func(config *lists.Config) { config.MaxStaleness = row.maxStaleness })
			mustList(t, c, "acme")
			if row.confirmed != 0 {
				c.Confirm(time.Now().Add(row.confirmed))
			}
			time.Sleep(row.requested)
			if got := decide(t, c, "acme"); got != row.want {
				t.Errorf("%s: %v, want %v", row.rule, got, row.want)
			}
			synctest.Wait()
		})
	}
}

func TestCache_ReloadsStaleListWhileRefusing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		loads, down := 0, false
		c := liststest.New(newConfig(), func(context.Context, string) (*origins.List, error) {
			if loads++; down {
				return nil, errors.New("the store is down")
			}
			return newList(uint64(loads), 1), nil
		})
		c.Configure(func(config *lists.Config) { config.MaxStaleness = time.Minute })
		expect := func(when string, want origins.Reason, afterLoads int) {
			t.Helper()
			got := decide(t, c, "acme")
			synctest.Wait()
			if got != want || loads != afterLoads {
				t.Errorf("%s: %v after %d loads, want %v after %d", when, got, loads, want, afterLoads)
			}
		}
		expect("first load", origins.Listed, 1)
		down = true
		time.Sleep(2 * time.Minute)
		expect("request starts a load", origins.ListStale, 2)
		expect("failed load is not retried within one second", origins.ListStale, 2)
		c.Apply(newChange("two", 9, "https://new.example"))
		c.Confirm(time.Now())
		expect("confirmed list decides again", origins.Listed, 2)
		if !mustList(t, c, "acme").Contains("https://new.example") {
			t.Error("a change was lost while the list was stale")
		}
		time.Sleep(2 * time.Minute)
		down = false
		expect("stale again, store available", origins.ListStale, 3)
		expect("reloaded list decides again", origins.Listed, 3)
	})
}

// A list that was read before a change lacks it, so its age counts from the
// beginning of the load.
func TestCache_ListAgeCountsFromStartOfLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := liststest.New(newConfig(), func(context.Context, string) (*origins.List, error) {
			time.Sleep(time.Minute)
			return newList(1, 1), nil
		})
		began := time.Now()
		mustList(t, c, "acme")
		if _, confirmed, ok := c.Peek("acme"); !ok || !confirmed.Equal(began) {
			t.Errorf("confirmed %v, want %v", confirmed, began)
		}
	})
}

func TestCache_PeekDoesNotCountAsUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		load, calls := newCountingLoader(1)
		c := liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 2, Origins: 30}}, load)
		c.Configure(func(config *lists.Config) { config.MaxStaleness = time.Second })
		a := mustList(t, c, "a")
		mustList(t, c, "b")
		loaded := time.Now()
		time.Sleep(time.Minute)
		if l, confirmed, ok := c.Peek("a"); l != a || !confirmed.Equal(loaded) || !ok {
			t.Errorf("a: %v, %v, %v; want the cached list", l, confirmed, ok)
		}
		c.Confirm(loaded.Add(time.Minute))
		if _, confirmed, _ := c.Peek("a"); !confirmed.Equal(loaded.Add(time.Minute)) {
			t.Errorf("confirmed %v, want the time of Confirm", confirmed)
		}
		if l, confirmed, ok := c.Peek("c"); l != nil || !confirmed.IsZero() || ok || calls("c") != 0 {
			t.Errorf("c: %v, %v, %v after %d loads", l, confirmed, ok, calls("c"))
		}
		mustList(t, c, "c") // evicts a, because Peek does not count as use
		tenants := c.Tenants()
		if slices.Sort(tenants); !slices.Equal(tenants, []string{"b", "c"}) {
			t.Errorf("cached tenants %v, want b and c", tenants)
		}
	})
}

func TestCache_CountsInstalledLists(t *testing.T) {
	load, _ := newCountingLoader(1)
	c := liststest.New(newConfig(), load)
	before := c.Installs()
	rows := []struct {
		rule     string
		do       func()
		installs bool
	}{
		{"load", func() { mustList(t, c, "acme") }, true},
		{"hit", func() { mustList(t, c, "acme") }, false},
		{"change", func() { c.Apply(newChange("two", 2)) }, true},
		{"same change again", func() { c.Apply(newChange("two", 2)) }, false},
		{"change of an uncached tenant", func() { c.Apply(origins.Change{Tenant: "other"}) }, false},
		{"confirmation", func() { c.Confirm(time.Now()) }, false},
		{"invalidation", func() { c.Invalidate("acme") }, false},
		{"refresh", func() { _ = c.Refresh(t.Context(), "acme") }, true},
		{"restored list", func() { c.RestoreList("kept", newList(1, 1), time.Time{}) }, true},
		{"restore over a cached list", func() { c.RestoreList("kept", newList(2, 1), time.Time{}) }, false},
		{"start over", c.StartOver, true},
	}
	for _, row := range rows {
		row.do()
		if got := c.Installs(); got != before && !row.installs || got <= before && row.installs {
			t.Errorf("%s: %d installs after %d, want a new one: %v", row.rule, got, before, row.installs)
		}
		before = c.Installs()
	}
}

// A load does not notify of the changes that it contains, so each applied change
// has to.
func TestCache_NotifiesOfEveryAppliedChange(t *testing.T) {
	load := func(context.Context, string) (*origins.List, error) { return newList(5, 1), nil }
	rows := []struct {
		rule   string
		cached bool
		change origins.Change
	}{
		{"new change", true, newChange("two", 6)},
		{"list loaded with the change", true, newChange("one", 5, "https://other.example")},
		{"list loaded with the deletion", true, newDeletion("gone", 5)},
		{"change older than the list", true, newChange("one", 1)},
		{"list not cached", false, newChange("two", 6)},
	}
	for _, row := range rows {
		c := liststest.New(newConfig(), load)
		if row.cached {
			mustList(t, c, "acme")
		}
		var notified []string
		c.Subscribe(func(tenant string) { notified = append(notified, tenant) })
		for range 2 { // once by a write and once by the feed
			c.Apply(row.change)
		}
		if !slices.Equal(notified, []string{"acme", "acme"}) {
			t.Errorf("%s: notified of %q, want acme twice", row.rule, notified)
		}
	}
}

// The list may be evicted and loaded again while it is refreshed.
func TestCache_NotifiesOfEveryRefresh(t *testing.T) {
	c := liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 1, Origins: 100}}, func(context.Context, string) (*origins.List, error) {
		return newList(1, 1), nil
	})
	var notified atomic.Int64
	c.Subscribe(func(string) { notified.Add(1) })
	done := make(chan struct{})
	var requests sync.WaitGroup
	for _, tenant := range []string{"acme", "acme", "other"} {
		requests.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					c.List(t.Context(), tenant) // fails if the list changes faster than it is loaded
				}
			}
		})
	}
	for range 100_000 {
		before := notified.Load()
		if err := c.Refresh(t.Context(), "acme"); notified.Load() == before {
			t.Errorf("Refresh did not notify (%v)", err)
			break
		}
	}
	close(done)
	requests.Wait()
}

func TestCache_RefreshReloadsCachedList(t *testing.T) {
	n := 0
	c := liststest.New(newConfig(), func(context.Context, string) (*origins.List, error) {
		n++
		return newList(uint64(n), n), nil
	})
	var notified []string
	c.Subscribe(func(tenant string) { notified = append(notified, tenant) })
	mustList(t, c, "acme")
	if err := c.Refresh(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	if l, _, _ := c.Peek("acme"); l.Len() != 2 || c.IsInvalid("acme") {
		t.Errorf("list has %d origins, invalid %v", l.Len(), c.IsInvalid("acme"))
	}
	if err := c.Refresh(t.Context(), "other"); err != nil || n != 2 {
		t.Errorf("Refresh of an uncached tenant: %v after %d loads", err, n)
	}
	if want := []string{"acme", "other"}; !slices.Equal(slices.Compact(notified), want) {
		t.Errorf("notified of %v, want %v", notified, want)
	}
}

func TestCache_FailedRefreshKeepsOldList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken error
		c := liststest.New(newConfig(), func(context.Context, string) (*origins.List, error) { return newList(1, 3), broken })
		mustList(t, c, "acme")
		broken = errors.New("broken")
		for range 2 { // the second call is within one second of the first failure
			if err := c.Refresh(t.Context(), "acme"); !errors.Is(err, broken) || !errors.Is(err, lists.ErrUnavailable) {
				t.Errorf("Refresh: %v", err)
			}
		}
		if mustList(t, c, "acme").Len() != 3 || !c.IsInvalid("acme") {
			t.Error("the old list must stay cached and invalid")
		}
		broken = nil // Refresh does not wait until the failure is forgotten
		if err := c.Refresh(t.Context(), "acme"); err != nil || c.IsInvalid("acme") {
			t.Errorf("Refresh: %v, invalid %v", err, c.IsInvalid("acme"))
		}
	})
}

func TestCache_RefreshReturnsWhenContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := time.Duration(0)
		c := liststest.New(newConfig(), func(context.Context, string) (*origins.List, error) {
			time.Sleep(slow)
			return newList(1, 1), nil
		})
		mustList(t, c, "acme")
		slow = time.Hour
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Refresh(ctx, "acme"); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, lists.ErrUnavailable) {
			t.Errorf("Refresh: %v", err)
		}
		time.Sleep(time.Hour)
		if synctest.Wait(); c.IsInvalid("acme") {
			t.Error("the load ended with the context of the caller")
		}
	})
}

// Refreshes during a load share a second load, because the first one may have read
// the list before they were called.
func TestCache_RefreshDoesNotJoinEarlierLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		revision, reads := uint64(1), 0
		c := liststest.New(newConfig(), func(context.Context, string) (*origins.List, error) {
			read := revision
			reads++
			time.Sleep(time.Second)
			return newList(read, 1), nil
		})
		mustList(t, c, "acme")
		c.Invalidate("acme")
		mustList(t, c, "acme") // starts a load
		synctest.Wait()
		revision = 2
		var refreshing sync.WaitGroup
		for range 20 {
			refreshing.Go(func() {
				if err := c.Refresh(t.Context(), "acme"); err != nil {
					t.Error(err)
				}
				if l, _, _ := c.Peek("acme"); l.Revision() != 2 {
					t.Errorf("refreshed list is at revision %d, want 2", l.Revision())
				}
			})
		}
		refreshing.Wait()
		if reads != 3 {
			t.Errorf("%d loads, want the first, the running one, and one for all refreshes", reads)
		}
	})
}

// In any interleaving, a refreshed list was read after Refresh was called, unless
// it was evicted.
func TestCache_RefreshedListIsCurrent(t *testing.T) {
	var mu sync.Mutex
	revision := uint64(0)
	now := func() uint64 {
		mu.Lock()
		defer mu.Unlock()
		return revision
	}
	c := liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 2, Origins: 100}}, func(context.Context, string) (*origins.List, error) {
		return origins.NewList(now(), nil), nil
	})
	var running sync.WaitGroup
	for i := range 4 {
		running.Go(func() {
			for n := range 3000 {
				if i == 0 {
					c.RestoreList("acme", origins.NewList(0, nil), time.Time{})
					if _, err := c.List(context.Background(), fmt.Sprint("other-", n)); err != nil {
						t.Error(err)
					}
				}
				// This fails if the list changes faster than it is loaded.
				c.List(context.Background(), "acme")
			}
		})
	}
	running.Go(func() {
		for range 3000 {
			mu.Lock()
			revision++
			mu.Unlock()
			if c.Refresh(context.Background(), "acme") != nil {
				continue
			}
			l, _, ok := c.Peek("acme")
			if ok && l.Revision() < now() && l.Revision() > 0 { // 0 is a restored list
				t.Errorf("refreshed list is at revision %d, the store at %d", l.Revision(), now())
			}
		}
	})
	running.Wait()
}

func TestCache_StartOverDropsAllLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken error
		loads := 0
		c := liststest.New(newConfig(), func(context.Context, string) (*origins.List, error) {
			loads++
			return newList(uint64(loads), 3), broken
		})
		mustList(t, c, "a")
		mustList(t, c, "b")
		broken = errors.New("broken")
		if _, err := c.List(t.Context(), "failed"); !errors.Is(err, broken) {
			t.Fatal(err)
		}
		broken = nil
		var notified []string
		c.Subscribe(func(tenant string) { notified = append(notified, tenant) })
		c.StartOver()
		if got := c.Stats(); got.Tenants != 0 || got.Origins != 0 || len(c.Tenants()) != 0 {
			t.Errorf("stats %+v, tenants %v, want none", got, c.Tenants())
		}
		if slices.Sort(notified); !slices.Equal(notified, []string{"a", "b"}) {
			t.Errorf("notified of %v, want a and b", notified)
		}
		if mustList(t, c, "a").Revision() != 4 {
			t.Error("the old list is still cached")
		}
		mustList(t, c, "failed") // the failure is forgotten
		if got := c.Stats(); got.Tenants != 2 || got.Origins != 6 {
			t.Errorf("stats %+v, want 2 tenants and 6 origins", got)
		}
	})
}

func TestCache_ReloadsListDroppedDuringLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := "old"
		c := liststest.New(newConfig(), func(context.Context, string) (*origins.List, error) {
			read := store
			time.Sleep(time.Second)
			return origins.NewList(1, []origins.Part{{ID: "one", Revision: 1, Origins: []string{"https://" + read + ".example"}}}), nil
		})
		var requests sync.WaitGroup
		requests.Go(func() {
			if !mustList(t, c, "acme").Contains("https://new.example") {
				t.Error("a request before StartOver got a list of the old store")
			}
		})
		synctest.Wait()
		store = "new"
		c.StartOver()
		if !mustList(t, c, "acme").Contains("https://new.example") {
			t.Error("a request after StartOver got a list of the old store")
		}
		requests.Wait()
	})
}

// The nearest entry to a refused origin is shown to operators; a stale list has
// none.
func TestCache_ServesEmptyListInsteadOfStaleList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		load, _ := newCountingLoader(1)
		c := liststest.New(newConfig(), load)
		c.Configure(func(config *lists.Config) { config.MaxStaleness = time.Minute })
		mustList(t, c, "acme")
		time.Sleep(time.Hour)
		l := mustList(t, c, "acme")
		known, listed := l.PartContains("any", "https://app-0.example")
		if miss := l.Nearest("https://app-0.example", origins.NoPatterns); l.Contains("https://app-0.example") || known || listed || miss.Relation != "" {
			t.Errorf("listed %v, in the web integration %v, nearest %+v", known, listed, miss)
		}
		synctest.Wait()
	})
}

// A change that was committed to a store which was replaced before the write
// returned must not be applied to the lists of the new store.
func TestWrite_IgnoresChangeOfReplacedStore(t *testing.T) {
	load, _ := newCountingLoader(1)
	c := liststest.New(newConfig(), load)
	mustList(t, c, "acme")
	late := origins.Change{Tenant: "acme", Part: origins.Part{ID: "late", Revision: 1 << 40, Origins: []string{"https://late.example"}}}
	write := func(meanwhile func()) {
		t.Helper()
		err := c.Write(t.Context(), "acme", func(context.Context) (origins.Change, error) {
			meanwhile()
			return late, nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	write(func() {
		c.StartOver()
		mustList(t, c, "acme")
	})
	if _, _, ok := c.Peek("acme"); ok {
		t.Error("a list that may lack the change is still cached")
	}
	if l := mustList(t, c, "acme"); l.Contains("https://late.example") {
		t.Error("the late change is listed")
	}
	write(func() {})
	if l, _, _ := c.Peek("acme"); !l.Contains("https://late.example") {
		t.Error("a change of the current store is not applied")
	}
}
