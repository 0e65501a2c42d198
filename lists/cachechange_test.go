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

// decided is the reason for which the tenant's list decides about an origin that
// it lists, unless it is stale.
func decide(t *testing.T, c *lists.Cache, tenant string) origins.Reason {
	t.Helper()
	var policy origins.Policy
	return policy.DecideByList(&origins.Request{Origin: []string{"https://app-0.example"}}, mustList(t, c, tenant))
}

func TestCache_RefusesByAListThatWasNotConfirmedForTooLong(t *testing.T) {
	const most = time.Minute
	rows := []struct {
		rule         string
		maxStaleness time.Duration
		confirmed    time.Duration // after the load; 0 is never
		asked        time.Duration
		want         origins.Reason
	}{
		{"as long as it may be", most, 0, most, origins.Listed},
		{"longer", most, 0, most + 1, origins.ListStale},
		{"the store confirmed it meanwhile", most, 10 * time.Second, most + 10*time.Second, origins.Listed},
		{"too long ago", most, 10 * time.Second, most + 10*time.Second + 1, origins.ListStale},
		{"an older confirmation does not age it", most, -time.Hour, most, origins.Listed},
		{"without a limit it is good forever", 0, 0, 1000 * time.Hour, origins.Listed},
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
			time.Sleep(row.asked)
			if got := decide(t, c, "acme"); got != row.want {
				t.Errorf("%s: %v, want %v", row.rule, got, row.want)
			}
			synctest.Wait()
		})
	}
}

func TestCache_LoadsAStaleListAnewBesideItsRefusals(t *testing.T) {
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
		expect("at first", origins.Listed, 1)
		down = true
		time.Sleep(2 * time.Minute)
		expect("the first request starts a load", origins.ListStale, 2)
		expect("a failed one is not tried again for a second", origins.ListStale, 2)
		c.Apply(newChange("two", 9, "https://new.example"))
		c.Confirm(time.Now())
		expect("confirmed, it decides again", origins.Listed, 2)
		if !mustList(t, c, "acme").Contains("https://new.example") {
			t.Error("a change was lost while the list was stale")
		}
		time.Sleep(2 * time.Minute)
		down = false
		expect("stale again, the store is back", origins.ListStale, 3)
		expect("it decides again", origins.Listed, 3)
	})
}

// The change may have been committed before the confirmation, and the list that
// lacks it read before that.
func TestCache_CountsFromBeforeAListWasRead(t *testing.T) {
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

func TestCache_ShowsWhatIsCachedWithoutUsingIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		load, calls := newCountingLoader(1)
		c := liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 2, Origins: 30}}, load)
		c.Configure(func(config *lists.Config) { config.MaxStaleness = time.Second })
		a := mustList(t, c, "a")
		mustList(t, c, "b")
		loaded := time.Now()
		time.Sleep(time.Minute)
		if l, confirmed, ok := c.Peek("a"); l != a || !confirmed.Equal(loaded) || !ok {
			t.Errorf("a: %v, %v, %v; want the list itself, however old", l, confirmed, ok)
		}
		c.Confirm(loaded.Add(time.Minute))
		if _, confirmed, _ := c.Peek("a"); !confirmed.Equal(loaded.Add(time.Minute)) {
			t.Errorf("confirmed %v", confirmed)
		}
		if l, confirmed, ok := c.Peek("c"); l != nil || !confirmed.IsZero() || ok || calls("c") != 0 {
			t.Errorf("c: %v, %v, %v after %d loads", l, confirmed, ok, calls("c"))
		}
		mustList(t, c, "c") // a, which was only shown, goes
		tenants := c.Tenants()
		if slices.Sort(tenants); !slices.Equal(tenants, []string{"b", "c"}) {
			t.Errorf("there are %v", tenants)
		}
	})
}

func TestCache_CountsWhatBecameAList(t *testing.T) {
	load, _ := newCountingLoader(1)
	c := liststest.New(newConfig(), load)
	before := c.Installs()
	rows := []struct {
		what string
		do   func()
		news bool
	}{
		{"a load", func() { mustList(t, c, "acme") }, true},
		{"a hit", func() { mustList(t, c, "acme") }, false},
		{"a change", func() { c.Apply(newChange("two", 2)) }, true},
		{"the same again", func() { c.Apply(newChange("two", 2)) }, false},
		{"a change of one that is not cached", func() { c.Apply(origins.Change{Tenant: "other"}) }, false},
		{"a confirmation", func() { c.Confirm(time.Now()) }, false},
		{"an invalidation", func() { c.Invalidate("acme") }, false},
		{"a refreshed one", func() { _ = c.Refresh(t.Context(), "acme") }, true},
		{"a restored one", func() { c.RestoreList("kept", newList(1, 1), time.Time{}) }, true},
		{"one that was there", func() { c.RestoreList("kept", newList(2, 1), time.Time{}) }, false},
		{"the end of all", c.StartOver, true},
	}
	for _, row := range rows {
		row.do()
		if got := c.Installs(); got != before && !row.news || got <= before && row.news {
			t.Errorf("%s: %d installs after %d", row.what, got, before)
		}
		before = c.Installs()
	}
}

// A load tells nobody of the changes that it brings, so whoever decided by the
// list before learns of them from these calls alone.
func TestCache_TellsOfEveryChangeThatIsApplied(t *testing.T) {
	load := func(context.Context, string) (*origins.List, error) { return newList(5, 1), nil }
	rows := []struct {
		rule   string
		cached bool
		change origins.Change
	}{
		{"it is new", true, newChange("two", 6)},
		{"the list was loaded with it", true, newChange("one", 5, "https://other.example")},
		{"the list was loaded with its deletion", true, newDeletion("gone", 5)},
		{"it is older than the list", true, newChange("one", 1)},
		{"the list is not cached", false, newChange("two", 6)},
	}
	for _, row := range rows {
		c := liststest.New(newConfig(), load)
		if row.cached {
			mustList(t, c, "acme")
		}
		var told []string
		c.Subscribe(func(tenant string) { told = append(told, tenant) })
		for range 2 { // as by a write, and by the feed after it
			c.Apply(row.change)
		}
		if !slices.Equal(told, []string{"acme", "acme"}) {
			t.Errorf("%s: told of %q", row.rule, told)
		}
	}
}

// The list may be put out, and be loaded by a miss, while it is refreshed.
func TestCache_TellsOfEveryRefresh(t *testing.T) {
	c := liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 1, Origins: 100}}, func(context.Context, string) (*origins.List, error) {
		return newList(1, 1), nil
	})
	var told atomic.Int64
	c.Subscribe(func(string) { told.Add(1) })
	done := make(chan struct{})
	var asking sync.WaitGroup
	for _, tenant := range []string{"acme", "acme", "other"} {
		asking.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					c.List(t.Context(), tenant) // or it changes faster than it is read
				}
			}
		})
	}
	for range 100_000 {
		before := told.Load()
		if err := c.Refresh(t.Context(), "acme"); told.Load() == before {
			t.Errorf("told of nothing, %v", err)
			break
		}
	}
	close(done)
	asking.Wait()
}

func TestCache_RefreshReadsACachedListAnew(t *testing.T) {
	n := 0
	c := liststest.New(newConfig(), func(context.Context, string) (*origins.List, error) {
		n++
		return newList(uint64(n), n), nil
	})
	var told []string
	c.Subscribe(func(tenant string) { told = append(told, tenant) })
	mustList(t, c, "acme")
	if err := c.Refresh(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	if l, _, _ := c.Peek("acme"); l.Len() != 2 || c.IsInvalid("acme") {
		t.Errorf("a list of %d, invalid %v", l.Len(), c.IsInvalid("acme"))
	}
	if err := c.Refresh(t.Context(), "other"); err != nil || n != 2 {
		t.Errorf("of a tenant that is not cached: %v, after %d loads", err, n)
	}
	if want := []string{"acme", "other"}; !slices.Equal(slices.Compact(told), want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

func TestCache_RefreshLeavesTheOldListWhenItFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken error
		c := liststest.New(newConfig(), func(context.Context, string) (*origins.List, error) { return newList(1, 3), broken })
		mustList(t, c, "acme")
		broken = errors.New("broken")
		for range 2 { // also within the second of the first
			if err := c.Refresh(t.Context(), "acme"); !errors.Is(err, broken) || !errors.Is(err, lists.ErrUnavailable) {
				t.Errorf("Refresh: %v", err)
			}
		}
		if mustList(t, c, "acme").Len() != 3 || !c.IsInvalid("acme") {
			t.Error("the old list does not go on, invalid")
		}
		broken = nil // and a refresh need not wait for the second to pass
		if err := c.Refresh(t.Context(), "acme"); err != nil || c.IsInvalid("acme") {
			t.Errorf("Refresh: %v, invalid %v", err, c.IsInvalid("acme"))
		}
	})
}

func TestCache_RefreshEndsWithItsContext(t *testing.T) {
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
			t.Error("the load has ended with the one who asked")
		}
	})
}

// Those who refresh while a load runs share one more: what that load reads may
// be from before they asked.
func TestCache_RefreshJoinsNoReadThatBeganBefore(t *testing.T) {
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
					t.Errorf("refreshed, it is at %d", l.Revision())
				}
			})
		}
		refreshing.Wait()
		if reads != 3 {
			t.Errorf("%d reads, want the first, the one that ran, and one for all", reads)
		}
	})
}

// Whatever the interleaving, what is refreshed was read after that was asked
// for, unless it was put out.
func TestCache_WhatIsRefreshedIsNew(t *testing.T) {
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
				// An error says that it changes faster than it is read, and so it may.
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
			if ok && l.Revision() < now() && l.Revision() > 0 { // it was not restored since
				t.Errorf("refreshed, it is at %d, the store at %d", l.Revision(), now())
			}
		}
	})
	running.Wait()
}

func TestCache_ClearDropsEverything(t *testing.T) {
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
		var told []string
		c.Subscribe(func(tenant string) { told = append(told, tenant) })
		c.StartOver()
		if got := c.Stats(); got.Tenants != 0 || got.Origins != 0 || len(c.Tenants()) != 0 {
			t.Errorf("%+v, %v", got, c.Tenants())
		}
		if slices.Sort(told); !slices.Equal(told, []string{"a", "b"}) {
			t.Errorf("told %v", told)
		}
		if mustList(t, c, "a").Revision() != 4 {
			t.Error("the old list is still there")
		}
		mustList(t, c, "failed") // without waiting for the second to pass
		if got := c.Stats(); got.Tenants != 2 || got.Origins != 6 {
			t.Errorf("%+v", got)
		}
	})
}

func TestCache_ReadsAgainWhatWasClearedDuringTheLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := "old"
		c := liststest.New(newConfig(), func(context.Context, string) (*origins.List, error) {
			read := store
			time.Sleep(time.Second)
			return origins.NewList(1, []origins.Part{{ID: "one", Revision: 1, Origins: []string{"https://" + read + ".example"}}}), nil
		})
		var asking sync.WaitGroup
		asking.Go(func() {
			if !mustList(t, c, "acme").Contains("https://new.example") {
				t.Error("the one who asked before has a list of the old store")
			}
		})
		synctest.Wait()
		store = "new"
		c.StartOver()
		if !mustList(t, c, "acme").Contains("https://new.example") {
			t.Error("the one who asked after has a list of the old store")
		}
		asking.Wait()
	})
}

// Operators are shown what the list has nearest to a refused origin, also while
// it is too old to decide by.
func TestCache_AnswersForAStaleListWithOneThatListsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		load, _ := newCountingLoader(1)
		c := liststest.New(newConfig(), load)
		c.Configure(func(config *lists.Config) { config.MaxStaleness = time.Minute })
		mustList(t, c, "acme")
		time.Sleep(time.Hour)
		l := mustList(t, c, "acme")
		known, listed := l.PartContains("any", "https://app-0.example")
		if miss := l.Nearest("https://app-0.example"); l.Contains("https://app-0.example") || known || listed || miss.Relation != "" {
			t.Errorf("it lists %v, %v, and has %+v nearest", known, listed, miss)
		}
		synctest.Wait()
	})
}

// A write that was committed to a store which was replaced before the write
// returned is none of the lists' that are there now.
func TestWrite_TakesNoChangeOfAStoreThatWasReplaced(t *testing.T) {
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
		t.Error("a list is still there that may lack the change, or not")
	}
	if l := mustList(t, c, "acme"); l.Contains("https://late.example") {
		t.Error("it lists what is late")
	}
	write(func() {})
	if l, _, _ := c.Peek("acme"); !l.Contains("https://late.example") {
		t.Error("a change of this store is not taken")
	}
}
