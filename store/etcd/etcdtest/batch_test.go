package etcdtest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"

	"originwarden/store"
	"originwarden/store/etcd"
	"originwarden/store/etcd/etcdtest"
)

// createWrites returns writes that create n web integrations, grouped by tenant.
func createWrites(n, tenants int, origins ...string) (writes []store.Write) {
	for i := range n {
		w := newIntegration(fmt.Sprintf("tenant-%05d", i*tenants/n), fmt.Sprint("name ", i), origins...)
		writes = append(writes, store.Write{Tenant: w.TenantID, ID: w.ID, Make: func(*store.WebIntegration) (*store.WebIntegration, error) { return &w, nil }})
	}
	return writes
}

// batch makes the writes, none of which may be refused.
func batch(t testing.TB, s store.Store, writes []store.Write) {
	t.Helper()
	refused, err := s.Batch(withTimeout(t, time.Minute), writes)
	if err = errors.Join(append(refused, err)...); err != nil || len(refused) != len(writes) {
		t.Fatalf("Batch returned the outcomes of %d of %d writes: %v", len(refused), len(writes), err)
	}
}

// wantWritesOnce checks that the history has each write once, in order.
func wantWritesOnce(t *testing.T, c *etcdtest.Cluster, o etcd.Options, s store.Store, writes []store.Write) (commits int) {
	t.Helper()
	at, err := s.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, last := history(t, c, o, at.Revision), int64(0)
	if len(all) != len(writes) {
		t.Fatalf("the history has %d events, want %d", len(all), len(writes))
	}
	for i, w := range writes {
		if kv := all[i].Kv; string(kv.Key) != key(o, "i/"+w.Tenant+"/"+w.ID) {
			t.Fatalf("event %d is of %s, want %s", i, kv.Key, w.ID)
		} else if kv.ModRevision != last {
			commits, last = commits+1, kv.ModRevision
		}
	}
	wantConsistent(t, c, o)
	return commits
}

func batchesInFewCommits(t *testing.T, c *etcdtest.Cluster) {
	for tenants, most := range map[int]int{1: 1000/24 + 1, 100: 1000/23 + 1, 1000: 1000/18 + 1} {
		o := newOptions(c)
		s := openStore(t, o)
		writes := createWrites(1000, tenants, "https://a.example")
		batch(t, s, writes)
		if commits := wantWritesOnce(t, c, o, s, writes); commits > most {
			t.Errorf("for %d tenants the batch made %d commits, want at most %d", tenants, commits, most)
		}
	}
}

func batchesLargeWrites(t *testing.T, c *etcdtest.Cluster) {
	o := newOptions(c)
	s := openStore(t, o)
	writes := slices.Concat(createWrites(10, 1, makeOrigins(20_000)...), createWrites(2, 1, makeOrigins(100_000)...), createWrites(10, 2))
	refused, err := s.Batch(withTimeout(t, time.Minute), writes)
	if err != nil || len(refused) != len(writes) {
		t.Fatalf("Batch: %v, %v", refused, err)
	}
	for i, refusal := range refused {
		var limit *store.LimitError
		if tooLarge := i == 10 || i == 11; tooLarge != errors.As(refusal, &limit) || tooLarge && limit.What != store.LimitBytes {
			t.Errorf("write %d: error %v", i, refusal)
		}
	}
	wantWritesOnce(t, c, o, s, slices.Delete(writes, 10, 12))
}

// batchesOnceWhenResponseIsLost closes the connections after every commit, before its
// response arrives.
func batchesOnceWhenResponseIsLost(t *testing.T, c *etcdtest.Cluster) {
	s, o, r := openThroughRelay(t, c)
	ctx, stop := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	news := newClient(t, c).Watch(ctx, key(o, "head"), clientv3.WithCreatedNotify())
	<-news
	r.delay.Store(int64(20 * time.Millisecond))
	lost := 0
	watching.Go(func() {
		for range news {
			r.disconnect()
			lost++
		}
	})
	writes := createWrites(300, 7, "https://a.example")
	batch(t, s, writes)
	stop()
	watching.Wait()
	r.delay.Store(0)
	if commits := wantWritesOnce(t, c, o, s, writes); lost < commits/2 {
		t.Errorf("the connections were closed %d times in %d commits", lost, commits)
	}
}

func TestStore_BatchesWithinLowerClusterLimits(t *testing.T) {
	c := etcdtest.StartCluster(t, 1, func(m *etcdtest.Member) {
		m.Adjust = func(c *embed.Config) { c.MaxTxnOps, c.MaxRequestBytes = 40, 20<<10 }
	})
	s := openStore(t, newOptions(c))
	writes := slices.Concat(createWrites(100, 3), createWrites(20, 2, makeOrigins(100)...))
	batch(t, s, writes)
	kept := 0
	for i := range 3 {
		_, all, err := s.Load(withTimeout(t, time.Minute), fmt.Sprintf("tenant-%05d", i))
		if err != nil {
			t.Fatal(err)
		}
		kept += len(all)
	}
	if kept != len(writes) {
		t.Errorf("%d web integrations were kept, want %d", kept, len(writes))
	}
}

// BenchmarkBatch creates 10,000 web integrations in a batch.
func BenchmarkBatch(b *testing.B) {
	for _, tenants := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprintf("For%dTenants", tenants), func(b *testing.B) {
			s := openDurableStore(b)
			for b.Loop() {
				batch(b, s, createWrites(10_000, tenants, makeOrigins(5)...))
			}
		})
	}
}
