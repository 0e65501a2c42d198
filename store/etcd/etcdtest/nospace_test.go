package etcdtest_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"

	"originwarden/store"
	"originwarden/store/etcd"
	"originwarden/store/etcd/etcdtest"
)

const writers = 40 // at once, each to a tenant of its own

// TestStore_SaysThatTheClusterHasNoSpace has many write until a small quota is
// reached: some writes arrive just when it is.
func TestStore_SaysThatTheClusterHasNoSpace(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 1, func(m *etcdtest.Member) {
		m.Adjust = func(c *embed.Config) { c.QuotaBackendBytes = 4 << 20 }
	})
	s := open(t, optionsOf(c))
	if err := s.CheckWrites(within(t, 10*time.Second)); err != nil {
		t.Fatalf("a check with space: %v", err)
	}
	claims := writeUntilFull(t, s)
	wantNoSpace(t, s.CheckWrites(within(t, 10*time.Second)))
	for i := range writers {
		_, all, err := s.Load(within(t, 10*time.Second), fmt.Sprint(i))
		if err != nil {
			t.Fatalf("a read: %v", err)
		}
		for _, w := range all {
			if !claims[w.ID] {
				t.Errorf("%s was made, and said not to be", w.ID)
			}
			delete(claims, w.ID)
		}
	}
	for id, made := range claims {
		if made {
			t.Errorf("%s was acknowledged, and is not there", id)
		}
	}
	makeSpace(t, c, "/test/")
	soon := within(t, 10*time.Second)
	for err := s.CheckWrites(soon); err != nil; err = s.CheckWrites(soon) {
		if soon.Err() != nil {
			t.Fatalf("a check without the alarm: %v", err)
		}
	}
}

// writeUntilFull returns of each entry whether it was made.
func writeUntilFull(t *testing.T, s *etcd.Store) map[string]bool {
	claims := map[string]bool{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			for {
				w := entry(fmt.Sprint(i), "one", "https://"+strings.Repeat("a", 20_000)+".example")
				_, err := s.Create(within(t, 30*time.Second), w)
				mu.Lock()
				claims[w.ID] = err == nil
				mu.Unlock()
				if err != nil {
					wantNoSpace(t, err)
					return
				}
			}
		})
	}
	all.Wait()
	return claims
}

func wantNoSpace(t *testing.T, err error) {
	t.Helper()
	if failed, ok := errors.AsType[*store.WriteError](err); !ok || failed.Cause != store.CauseNoSpace || !failed.NotMade {
		t.Errorf("it fails with %+v", err)
	}
}

// makeSpace deletes what has a prefix, does what an operator does, and ends the
// alarm.
func makeSpace(t *testing.T, c *etcdtest.Cluster, without string) {
	t.Helper()
	client := raw(t, c)
	ctx := within(t, 30*time.Second)
	if _, err := client.Delete(ctx, without, clientv3.WithPrefix()); err != nil {
		t.Fatal(err)
	}
	now, err := client.Get(ctx, "none")
	if err != nil {
		t.Fatal(err)
	}
	_, compactErr := client.Compact(ctx, now.Header.Revision, clientv3.WithCompactPhysical())
	_, defragErr := client.Defragment(ctx, c.Members[0].Client)
	_, disarmErr := client.AlarmDisarm(ctx, &clientv3.AlarmMember{})
	if err := errors.Join(compactErr, defragErr, disarmErr); err != nil {
		t.Fatal(err)
	}
}
