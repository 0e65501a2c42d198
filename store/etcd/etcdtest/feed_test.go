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

// feedsNoForeignDeletion empties the prefix, or parts of it, under a watch. What
// was listed must not be taken off the lists.
func feedsNoForeignDeletion(t *testing.T, c *etcdtest.Cluster) {
	for _, part := range []string{"", "i/", "i/acme/"} {
		o := optionsOf(c)
		s := open(t, o)
		one := create(t, s, entry("acme", "one", "https://a.example"))
		two := create(t, s, entry("other", "two"))
		w := watch(t, s, one.Revision)
		if got := w.next(t); got.Revision != two.Revision {
			t.Errorf("the first change is %+v", got)
		}
		if _, err := raw(t, c).Delete(t.Context(), key(o, part), clientv3.WithPrefix()); err != nil {
			t.Fatal(err)
		}
		err := w.end(t)
		var reset *store.ResetError
		if part == "" && !errors.As(err, &reset) || part != "" && !strings.Contains(fmt.Sprint(err), "a program other than originwarden") {
			t.Errorf("the watch of an emptied %q ended with %v", part, err)
		}
		if n := len(w.changes); n > 0 {
			t.Errorf("it was handed %d changes, the first %+v", n, <-w.changes)
		}
	}
}

// feedsALongHistory watches more than one response of the cluster has.
func feedsALongHistory(t *testing.T, c *etcdtest.Cluster) {
	const edits, writers = 1200, 12
	o := optionsOf(c)
	s, client := open(t, o), raw(t, c)
	first := create(t, s, entry("acme", "one", many(100)...))
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
			t.Fatalf("change %d at revision %d with %d origins comes after %d", n, got.Revision, len(got.Origins), before)
		}
		before = got.Revision
	}
	if at, err := s.Position(t.Context()); err != nil || at.Revision != before {
		t.Errorf("it is at %+v, %v, and was fed up to %d", at, err, before)
	}
}

// feedsThroughBreaks watches through a connection that is cut all the time.
func feedsThroughBreaks(t *testing.T, c *etcdtest.Cluster) {
	s, o, r := relayed(t, c)
	o.Endpoints = c.Endpoints()
	writer := open(t, o)
	w := watch(t, s, 0)
	for i := range 60 {
		is := create(t, writer, entry("acme", "one"))
		if i%7 == 0 {
			r.cut()
		}
		if i%11 == 0 {
			if _, err := writer.Delete(t.Context(), "acme", is.ID, allowed); err != nil {
				t.Fatal(err)
			}
		}
		if got := w.next(t); got.Revision != is.Revision || got.ID != is.ID || got.Deleted {
			t.Fatalf("change %d is %+v, want a creation at %d", i, got, is.Revision)
		}
		if i%11 == 0 {
			if got := w.next(t); !got.Deleted || got.ID != is.ID {
				t.Fatalf("change %d is %+v, want the deletion", i, got)
			}
		}
	}
}

// endsASilentWatch has a member that accepts everything and answers nothing, as
// one that was stopped.
func endsASilentWatch(t *testing.T, c *etcdtest.Cluster) {
	s, _, r := relayed(t, c)
	one := create(t, s, entry("acme", "one"))
	w := watch(t, s, 0)
	w.next(t)
	r.mute.Store(true)
	start := time.Now()
	if err := w.end(t); err == nil || t.Context().Err() != nil {
		t.Errorf("it ended with %v", err)
	}
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("it ended after %v", took)
	}
	r.mute.Store(false)
	r.cut()
	w = watch(t, s, one.Revision)
	two := create(t, s, entry("acme", "two"))
	if got := w.next(t); got.Revision != two.Revision {
		t.Errorf("it went on with %+v", got)
	}
}

// TestStore_FeedsAnIdleStoreWhoseClusterForgetsItsHistory has others write to
// the cluster, and the cluster forget, for longer than a watch may hear nothing.
func TestStore_FeedsAnIdleStoreWhoseClusterForgetsItsHistory(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 1, nil)
	o := optionsOf(c)
	s := open(t, o)
	if _, err := s.Position(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one", "two"} {
		at, err := s.Position(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		put, err := raw(t, c).Put(t.Context(), "/elsewhere", name)
		if err == nil {
			_, err = raw(t, c).Compact(t.Context(), put.Header.Revision)
		}
		if err != nil {
			t.Fatal(err)
		}
		w := watch(t, s, at.Revision)
		select {
		case err := <-w.ended:
			t.Fatalf("the watch of an idle store ended with %v", err)
		case <-time.After(8 * time.Second): // more than it takes to notice a silence
		}
		is := create(t, s, entry("acme", name))
		if got := w.next(t); got.Revision != is.Revision {
			t.Errorf("the change is %+v", got)
		}
	}
	w := watch(t, s, 0)
	if err := w.end(t); !errors.Is(err, store.ErrCompacted) {
		t.Errorf("from the beginning, which was forgotten, it ended with %v", err)
	}
}
