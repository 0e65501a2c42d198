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

// creations are writes that create n web integrations, each tenant's behind one
// another.
func creations(n, tenants int, origins ...string) (writes []store.Write) {
	for i := range n {
		w := entry(fmt.Sprintf("tenant-%05d", i*tenants/n), fmt.Sprint("name ", i), origins...)
		writes = append(writes, store.Write{Tenant: w.TenantID, ID: w.ID, Make: func(*store.WebIntegration) (*store.WebIntegration, error) { return &w, nil }})
	}
	return writes
}

// batch makes writes of which none is refused.
func batch(t testing.TB, s store.Store, writes []store.Write) {
	t.Helper()
	refused, err := s.Batch(within(t, time.Minute), writes)
	if err = errors.Join(append(refused, err)...); err != nil || len(refused) != len(writes) {
		t.Fatalf("Batch tells of %d of %d writes: %v", len(refused), len(writes), err)
	}
}

// wantBatched wants the history to have each write once, in order.
func wantBatched(t *testing.T, c *etcdtest.Cluster, o etcd.Options, s store.Store, writes []store.Write) (commits int) {
	t.Helper()
	at, err := s.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, last := history(t, c, o, at.Revision), int64(0)
	if len(all) != len(writes) {
		t.Fatalf("there are %d events of %d writes", len(all), len(writes))
	}
	for i, w := range writes {
		if kv := all[i].Kv; string(kv.Key) != key(o, "i/"+w.Tenant+"/"+w.ID) {
			t.Fatalf("event %d is of %s, not of %s", i, kv.Key, w.ID)
		} else if kv.ModRevision != last {
			commits, last = commits+1, kv.ModRevision
		}
	}
	wantSound(t, c, o)
	return commits
}

func batchesInFewCommits(t *testing.T, c *etcdtest.Cluster) {
	for tenants, most := range map[int]int{1: 1000/31 + 1, 100: 1000/27 + 1, 1000: 1000/25 + 1} {
		o := optionsOf(c)
		s := open(t, o)
		writes := creations(1000, tenants, "https://a.example")
		batch(t, s, writes)
		if commits := wantBatched(t, c, o, s, writes); commits > most {
			t.Errorf("for %d tenants there are %d commits, want at most %d", tenants, commits, most)
		}
	}
}

func batchesWhatIsLarge(t *testing.T, c *etcdtest.Cluster) {
	o := optionsOf(c)
	s := open(t, o)
	writes := slices.Concat(creations(10, 1, many(20_000)...), creations(2, 1, many(100_000)...), creations(10, 2))
	refused, err := s.Batch(within(t, time.Minute), writes)
	if err != nil || len(refused) != len(writes) {
		t.Fatalf("Batch: %v, %v", refused, err)
	}
	for i, refusal := range refused {
		var limit *store.LimitError
		if tooLarge := i == 10 || i == 11; tooLarge != errors.As(refusal, &limit) || tooLarge && limit.What != etcd.LimitBytes {
			t.Errorf("write %d is refused with %v", i, refusal)
		}
	}
	wantBatched(t, c, o, s, slices.Delete(writes, 10, 12))
}

// batchesOnceWithoutAnswers cuts the connection when a commit has happened, and
// before its response has come.
func batchesOnceWithoutAnswers(t *testing.T, c *etcdtest.Cluster) {
	s, o, r := relayed(t, c)
	ctx, stop := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	news := raw(t, c).Watch(ctx, key(o, "head"), clientv3.WithCreatedNotify())
	<-news
	r.slow.Store(int64(20 * time.Millisecond))
	lost := 0
	watching.Go(func() {
		for range news {
			r.cut()
			lost++
		}
	})
	writes := creations(300, 7, "https://a.example")
	batch(t, s, writes)
	stop()
	watching.Wait()
	r.slow.Store(0)
	if commits := wantBatched(t, c, o, s, writes); lost < commits/2 {
		t.Errorf("the connection was cut %d times in %d commits", lost, commits)
	}
}

func TestStore_BatchesInAClusterThatTakesLess(t *testing.T) {
	c := etcdtest.StartCluster(t, 1, func(m *etcdtest.Member) {
		m.Adjust = func(c *embed.Config) { c.MaxTxnOps, c.MaxRequestBytes = 40, 20<<10 }
	})
	s := open(t, optionsOf(c))
	writes := slices.Concat(creations(100, 3), creations(20, 2, many(100)...))
	batch(t, s, writes)
	kept := 0
	for i := range 3 {
		_, all, err := s.Load(within(t, time.Minute), fmt.Sprintf("tenant-%05d", i))
		if err != nil {
			t.Fatal(err)
		}
		kept += len(all)
	}
	if kept != len(writes) {
		t.Errorf("%d of %d are kept", kept, len(writes))
	}
}

// BenchmarkBatch creates 10,000.
func BenchmarkBatch(b *testing.B) {
	for _, tenants := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprintf("For%dTenants", tenants), func(b *testing.B) {
			s := durable(b)
			for b.Loop() {
				batch(b, s, creations(10_000, tenants, many(5)...))
			}
		})
	}
}
