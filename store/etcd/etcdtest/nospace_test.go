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

const writers = 40 // concurrent, each with its own tenant

// TestStore_ReportsFullCluster writes concurrently until a small quota is reached, so
// that some writes arrive at that moment.
func TestStore_ReportsFullCluster(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 1, func(m *etcdtest.Member) {
		m.Adjust = func(c *embed.Config) { c.QuotaBackendBytes = 4 << 20 }
	})
	s := openStore(t, newOptions(c))
	if err := s.CheckWrites(withTimeout(t, 10*time.Second)); err != nil {
		t.Fatalf("CheckWrites with space: %v", err)
	}
	acknowledged := writeUntilFull(t, s)
	wantNoSpace(t, s.CheckWrites(withTimeout(t, 10*time.Second)))
	for i := range writers {
		_, all, err := s.Load(withTimeout(t, 10*time.Second), fmt.Sprint(i))
		if err != nil {
			t.Fatalf("read in a full cluster: %v", err)
		}
		for _, w := range all {
			if !acknowledged[w.ID] {
				t.Errorf("%s is stored, but was reported as not made", w.ID)
			}
			delete(acknowledged, w.ID)
		}
	}
	for id, made := range acknowledged {
		if made {
			t.Errorf("%s was acknowledged, but is lost", id)
		}
	}
	makeSpace(t, c, "/test/")
	soon := withTimeout(t, 10*time.Second)
	for err := s.CheckWrites(soon); err != nil; err = s.CheckWrites(soon) {
		if soon.Err() != nil {
			t.Fatalf("CheckWrites after the alarm: %v", err)
		}
	}
}

// writeUntilFull creates web integrations until writes fail, and returns for each one
// whether it was acknowledged.
func writeUntilFull(t *testing.T, s *etcd.Store) map[string]bool {
	acknowledged := map[string]bool{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			for {
				w := newIntegration(fmt.Sprint(i), "one", "https://"+strings.Repeat("a", 20_000)+".example")
				_, err := s.Create(withTimeout(t, 30*time.Second), w)
				mu.Lock()
				acknowledged[w.ID] = err == nil
				mu.Unlock()
				if err != nil {
					wantNoSpace(t, err)
					return
				}
			}
		})
	}
	all.Wait()
	return acknowledged
}

func wantNoSpace(t *testing.T, err error) {
	t.Helper()
	if failed, ok := errors.AsType[*store.WriteError](err); !ok || failed.Cause != store.CauseNoSpace || !failed.NotMade {
		t.Errorf("error %+v, want cause %q and NotMade", err, store.CauseNoSpace)
	}
}

// makeSpace deletes the keys with the prefix without, compacts and defragments as an
// operator does, and clears the alarm.
func makeSpace(t *testing.T, c *etcdtest.Cluster, without string) {
	t.Helper()
	client := newClient(t, c)
	ctx := withTimeout(t, 30*time.Second)
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
