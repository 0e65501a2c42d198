package etcdtest_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd/etcdtest"
)

// feedOmitsForeignDeletions deletes all keys, or some, during a watch. The feed must not
// report that as deletions, which would empty the lists.
func feedOmitsForeignDeletions(t *testing.T, c *etcdtest.Cluster) {
	for _, part := range []string{"", "i/", "i/acme/"} {
		o := newOptions(c)
		s := openStore(t, o)
		one := create(t, s, newIntegration("acme", "one", "https://a.example"))
		two := create(t, s, newIntegration("other", "two"))
		w := watch(t, s, one.Revision)
		if got := w.next(t); got.Revision != two.Revision {
			t.Errorf("the first change is %+v, want revision %d", got, two.Revision)
		}
		if _, err := newClient(t, c).Delete(t.Context(), key(o, part), clientv3.WithPrefix()); err != nil {
			t.Fatal(err)
		}
		err := w.end(t)
		var reset *store.ResetError
		if part == "" && !errors.As(err, &reset) || part != "" && !strings.Contains(fmt.Sprint(err), "a program other than originwarden") {
			t.Errorf("after the deletion of %q, Watch ended with %v", part, err)
		}
		if n := len(w.changes); n > 0 {
			t.Errorf("Watch received %d changes, the first %+v", n, <-w.changes)
		}
	}
}

// feedsLongHistory watches a history that does not fit into one response of etcd.
func feedsLongHistory(t *testing.T, c *etcdtest.Cluster) {
	const edits, writers = 1200, 12
	o := newOptions(c)
	s, client := openStore(t, o), newClient(t, c)
	first := create(t, s, newIntegration("acme", "one", makeOrigins(100)...))
	of := key(o, "i/acme/"+first.ID)
	kept, err := client.Get(t.Context(), of)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range edits / writers {
				_, err := client.Txn(t.Context()).Then(clientv3.OpPut(of, string(kept.Kvs[0].Value)), clientv3.OpPut(key(o, "head"), "")).Commit()
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	w, before := watch(t, s, 0), uint64(0)
	for n := range edits + 1 {
		got := w.next(t)
		if got.Revision <= before || len(got.Origins) != 100 {
			t.Fatalf("change %d has revision %d and %d origins, after revision %d", n, got.Revision, len(got.Origins), before)
		}
		before = got.Revision
	}
	if at, err := s.Position(t.Context()); err != nil || at.Revision != before {
		t.Errorf("Position = %+v, %v; the feed ended at %d", at, err, before)
	}
}

// feedContinuesAfterDisconnects closes the connections of a watch repeatedly.
func feedContinuesAfterDisconnects(t *testing.T, c *etcdtest.Cluster) {
	s, o, r := openThroughRelay(t, c)
	o.Endpoints = c.Endpoints()
	writer := openStore(t, o)
	w := watch(t, s, 0)
	for i := range 60 {
		latest := create(t, writer, newIntegration("acme", "one"))
		if i%7 == 0 {
			r.disconnect()
		}
		if i%11 == 0 {
			if _, err := writer.Delete(t.Context(), "acme", latest.ID, allowed); err != nil {
				t.Fatal(err)
			}
		}
		if got := w.next(t); got.Revision != latest.Revision || got.ID != latest.ID || got.Deleted {
			t.Fatalf("change %d is %+v, want a creation at revision %d", i, got, latest.Revision)
		}
		if i%11 == 0 {
			if got := w.next(t); !got.Deleted || got.ID != latest.ID {
				t.Fatalf("change %d is %+v, want the deletion", i, got)
			}
		}
	}
}

// endsSilentWatch uses a member that accepts requests and never responds, like a paused
// process.
func endsSilentWatch(t *testing.T, c *etcdtest.Cluster) {
	s, _, r := openThroughRelay(t, c)
	one := create(t, s, newIntegration("acme", "one"))
	w := watch(t, s, 0)
	w.next(t)
	r.drop.Store(true)
	start := time.Now()
	if err := w.end(t); err == nil || t.Context().Err() != nil {
		t.Errorf("Watch ended with %v", err)
	}
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("Watch ended after %v", took)
	}
	r.drop.Store(false)
	r.disconnect()
	w = watch(t, s, one.Revision)
	two := create(t, s, newIntegration("acme", "two"))
	if got := w.next(t); got.Revision != two.Revision {
		t.Errorf("the next Watch received %+v, want revision %d", got, two.Revision)
	}
}

// TestStore_FeedSurvivesCompactionWhileIdle compacts the history, with writes of other
// programs, while a watch has no changes for longer than it may get no response.
func TestStore_FeedSurvivesCompactionWhileIdle(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 1, nil)
	o := newOptions(c)
	s := openStore(t, o)
	if _, err := s.Position(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one", "two"} {
		at, err := s.Position(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		put, err := newClient(t, c).Put(t.Context(), "/elsewhere", name)
		if err == nil {
			_, err = newClient(t, c).Compact(t.Context(), put.Header.Revision)
		}
		if err != nil {
			t.Fatal(err)
		}
		w := watch(t, s, at.Revision)
		select {
		case err := <-w.ended:
			t.Fatalf("Watch of an idle store ended with %v", err)
		case <-time.After(8 * time.Second): // longer than a watch waits for a response
		}
		latest := create(t, s, newIntegration("acme", name))
		if got := w.next(t); got.Revision != latest.Revision {
			t.Errorf("the change is %+v, want revision %d", got, latest.Revision)
		}
	}
	w := watch(t, s, 0)
	if err := w.end(t); !errors.Is(err, store.ErrFeedGap) {
		t.Errorf("Watch from the compacted beginning ended with %v, want ErrFeedGap", err)
	}
}
