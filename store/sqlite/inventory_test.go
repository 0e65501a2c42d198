package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"originwarden/origins"
	"originwarden/store"
	"originwarden/store/storetest/inventorytest"
)

func TestStore_ImplementsInventoryContract(t *testing.T) {
	inventorytest.Run(t, func(t *testing.T) (store.Store, func(*testing.T) store.Store) {
		o := testOptions(filepath.Join(t.TempDir(), "originwarden.db"))
		s := openStore(t, o)
		return s, func(t *testing.T) store.Store {
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			return openStore(t, o)
		}
	})
}

// It measures the longest write that a list could have to wait for: a full batch of new
// origins for a tenant whose inventory is full.
func BenchmarkStore_AddRefusals(b *testing.B) {
	for name, flood := range map[string]bool{"known": false, "new": true} {
		b.Run(name, func(b *testing.B) {
			s := openStore(b, testOptions(filepath.Join(b.TempDir(), "originwarden.db")))
			n := 0
			for b.Loop() {
				var more []store.Refusal
				for i := range store.MaxRefusals {
					if flood {
						n++
						i = n
					}
					now := time.Now().UTC().Truncate(time.Second)
					more = append(more, store.Refusal{Origin: fmt.Sprintf("https://%d.example", i), Reason: origins.OriginNotListed,
						Count: 1, First: now, Last: now, Method: "GET", Path: "/api/things"})
				}
				if _, err := s.AddRefusals(context.Background(), []store.TenantRefusals{{Tenant: "acme", Refusals: more}}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
