package sqlite_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"originwarden/lists"
	"originwarden/store"
	"originwarden/store/sqlite"
)

func BenchmarkPage(b *testing.B) {
	for _, size := range []int{10, 10_000} {
		s := openStore(b, testOptions(filepath.Join(b.TempDir(), "originwarden.db")))
		all := createMany(b, s, size, 10)
		b.Run(fmt.Sprintf("First100Of%d", size), func(b *testing.B) {
			benchmarkPage(b, s, store.Query{Limit: 100})
		})
		b.Run(fmt.Sprintf("100InTheMiddleOf%d", size), func(b *testing.B) {
			benchmarkPage(b, s, store.Query{After: all[size/2].ID, Limit: 100})
		})
	}
}

func benchmarkPage(b *testing.B, s store.Store, q store.Query) {
	for b.Loop() {
		if page, err := s.Page(b.Context(), "acme", q); err != nil || len(page.Integrations) == 0 {
			b.Fatal(page, err)
		}
	}
}

func BenchmarkCreate(b *testing.B) {
	s := openStore(b, testOptions(filepath.Join(b.TempDir(), "originwarden.db")))
	for b.Loop() {
		if _, err := s.Create(b.Context(), newIntegration("one", 10)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEdit(b *testing.B) {
	for _, origins := range []int{10, 1000} {
		b.Run(fmt.Sprintf("%dOrigins", origins), func(b *testing.B) {
			s := openStore(b, testOptions(filepath.Join(b.TempDir(), "originwarden.db")))
			w := createMany(b, s, 1, origins)[0]
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

// BenchmarkLoad loads the largest list of a tenant: 1,000 web integrations with 1,000
// origins each.
func BenchmarkLoad(b *testing.B) {
	path := filepath.Join(b.TempDir(), "originwarden.db")
	s := openStore(b, testOptions(path))
	createMany(b, s, 1000, 1000)
	b.Run("FromTheFile", func(b *testing.B) {
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
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	b.Run("Open", func(b *testing.B) {
		for b.Loop() {
			s, err := sqlite.Open(b.Context(), testOptions(path))
			if err != nil || s.Close() != nil {
				b.Fatal(err)
			}
		}
	})
}

// createMany creates web integrations of the tenant acme, and returns them sorted by
// name.
func createMany(b *testing.B, s store.Store, integrations, origins int) []store.WebIntegration {
	all := make([]store.WebIntegration, integrations)
	for i := range all {
		var err error
		if all[i], err = s.Create(b.Context(), newIntegration(fmt.Sprintf("integration %06d", i), origins)); err != nil {
			b.Fatal(err)
		}
	}
	return all
}

// newIntegration returns a web integration of the tenant acme, not yet created, with so
// many origins that no other name has.
func newIntegration(name string, origins int) store.WebIntegration {
	w := store.WebIntegration{
		ID: store.NewID(), TenantID: "acme", Name: name, CreatedBy: "ops",
		Created: time.Unix(1, 0).UTC(), LastUpdated: time.Unix(1, 0).UTC(),
		ValidOrigins: make([]string, origins),
	}
	for i := range w.ValidOrigins {
		w.ValidOrigins[i] = fmt.Sprintf("https://host-%04d.%s.example.com", i, strings.ReplaceAll(name, " ", "-"))
	}
	return w
}
