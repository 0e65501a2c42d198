package lists_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/lists"
	"originwarden/lists/liststest"
	"originwarden/origins"
)

func TestCache_ServesRestoredList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		load, calls := newCountingLoader(1)
		c := liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 2, Origins: 30}}, load)
		c.Configure(func(config *lists.Config) { config.MaxStaleness = time.Minute })
		confirmed := time.Now().Add(-40 * time.Second)
		c.RestoreList("acme", newList(1, 5), confirmed)
		if mustList(t, c, "acme").Len() != 5 || calls("acme") != 0 || c.Stats().Origins != 5 {
			t.Errorf("stats %+v after %d loads, want 5 origins after none", c.Stats(), calls("acme"))
		}
		if _, at, _ := c.Peek("acme"); !at.Equal(confirmed) {
			t.Errorf("confirmed %v, want %v", at, confirmed)
		}
		time.Sleep(20*time.Second + 1)
		if got := decide(t, c, "acme"); got != origins.ListStale {
			t.Errorf("%v 60 s after the confirmation in another process, want list_stale", got)
		}
		synctest.Wait()
		for i := range 10 {
			c.RestoreList(fmt.Sprint("tenant-", i), newList(1, 20), confirmed)
		}
		if got := c.Stats(); got.Tenants > 2 || got.Origins > 30 {
			t.Errorf("stats %+v exceed the bounds", got)
		}
	})
}

func TestCache_RestoreDoesNotReplaceCachedList(t *testing.T) {
	load, _ := newCountingLoader(1)
	c := liststest.New(newConfig(), load)
	cached := mustList(t, c, "acme")
	c.RestoreList("acme", newList(9, 5), time.Now())
	if mustList(t, c, "acme") != cached {
		t.Error("the cached list was replaced")
	}
	c.RestoreList("other", newList(3, 5), time.Now())
	c.RestoreList("other", newList(9, 6), time.Now())
	if mustList(t, c, "other").Len() != 5 {
		t.Error("the restored list was replaced")
	}
}

func TestCache_RestoreDoesNotReplaceLoadingList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := liststest.New(newConfig(), func(context.Context, string) (*origins.List, error) {
			time.Sleep(time.Second)
			return newList(7, 1), nil
		})
		loaded := make(chan *origins.List)
		go func() { loaded <- mustList(t, c, "acme") }()
		synctest.Wait()
		c.RestoreList("acme", newList(1, 5), time.Now())
		if _, _, ok := c.Peek("acme"); ok {
			t.Error("the list was restored during its load")
		}
		if l := <-loaded; l.Revision() != 7 || mustList(t, c, "acme") != l {
			t.Errorf("list is at revision %d, want 7", l.Revision())
		}
	})
}
