package etcdtest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/server/v3/embed"

	"originwarden/lists"
	"originwarden/origins"
	"originwarden/store"
	"originwarden/store/etcd"
	"originwarden/store/etcd/etcdtest"
)

// openDurableStore opens a store in a cluster that syncs to the disk.
func openDurableStore(b *testing.B) *etcd.Store {
	c := etcdtest.StartCluster(b, 3, func(m *etcdtest.Member) {
		m.Adjust = func(c *embed.Config) {
			c.UnsafeNoFsync = false
			c.QuotaBackendBytes = 8 << 30
		}
	})
	return openStore(b, newOptions(c))
}

func BenchmarkWrite(b *testing.B) {
	s := openDurableStore(b)
	b.Run("Create", func(b *testing.B) {
		for b.Loop() {
			create(b, s, sizedIntegration("one", 10))
		}
	})
	for _, n := range []int{10, 1000} {
		w := create(b, s, sizedIntegration("one", n))
		b.Run(fmt.Sprintf("EditOf%dOrigins", n), func(b *testing.B) {
			for b.Loop() {
				_, err := s.Edit(b.Context(), "acme", w.ID, func(w *store.WebIntegration) error {
					w.ValidOrigins[0] = "https://edited.example"
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkWatch measures an edit until a watch has received it.
func BenchmarkWatch(b *testing.B) {
	s := openDurableStore(b)
	w := create(b, s, sizedIntegration("one", 10))
	seen := make(chan uint64, 1)
	go func() {
		_ = s.Watch(b.Context(), 0, func(all []origins.Change) { seen <- all[len(all)-1].Revision })
	}()
	<-seen
	var late time.Duration
	for b.Loop() {
		got, err := s.Edit(b.Context(), "acme", w.ID, func(w *store.WebIntegration) error { w.Name = time.Now().String(); return nil })
		written := time.Now()
		if err != nil {
			b.Fatal(err)
		}
		for r := range seen {
			if r >= got.Revision {
				break
			}
		}
		late += time.Since(written)
	}
	b.ReportMetric(float64(late.Microseconds())/float64(b.N), "µs-after-the-response/op")
}

func BenchmarkPage(b *testing.B) {
	s := openDurableStore(b)
	all := make([]store.WebIntegration, 10_000)
	for i := range all {
		all[i] = create(b, s, sizedIntegration(fmt.Sprintf("integration %06d", i), 10))
	}
	for name, q := range map[string]store.Query{
		"First100":                 {Limit: 100},
		"100InTheMiddle":           {After: all[5000].ID, Limit: 100},
		"100InTheMiddleDescending": {After: all[5000].ID, Limit: 100, Descending: true},
		"10BeforeTheMiddle":        {Before: all[5000].ID, Limit: 10},
		"NoneAfterTheLast":         {After: all[9999].ID, Limit: 10},
		"CursorOnlyInTheMiddle":    {After: all[5000].ID},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Page(b.Context(), "acme", q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLoad loads the largest list of a tenant: 1,000 web integrations with 1,000
// origins each.
func BenchmarkLoad(b *testing.B) {
	s := openDurableStore(b)
	for i := range 1000 {
		create(b, s, sizedIntegration(fmt.Sprintf("integration %06d", i), 1000))
	}
	b.Run("FromTheCluster", func(b *testing.B) {
		for b.Loop() {
			if _, all, err := s.Load(b.Context(), "acme"); err != nil || len(all) != 1000 {
				b.Fatal(len(all), err)
			}
		}
	})
	b.Run("IntoAList", func(b *testing.B) {
		for b.Loop() {
			cache := lists.New(lists.Config{Store: s, Bounds: lists.Bounds{Tenants: 1, Origins: 1}, Timeout: time.Minute})
			if list, err := cache.List(b.Context(), "acme"); err != nil || list.Len() != 1_000_000 {
				b.Fatal(err)
			}
		}
	})
}

// sizedIntegration returns a web integration of the tenant acme, not yet created, with so
// many origins that no other name has.
func sizedIntegration(name string, origins int) store.WebIntegration {
	w := newIntegration("acme", name, make([]string, origins)...)
	for i := range w.ValidOrigins {
		w.ValidOrigins[i] = fmt.Sprintf("https://host-%04d.%s.example.com", i, strings.ReplaceAll(name, " ", "-"))
	}
	return w
}
