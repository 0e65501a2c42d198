package observation_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"originwarden/cmd/originwarden/server/observation"
	"originwarden/console/traffic"
	"originwarden/store"
	"originwarden/store/sqlite"
)

// A restart does not begin the observation again, also of a tenant without a refusal.
func TestKeeper_KeepsStartOverRestarts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lists.db")
	begin := time.Now().Add(-8 * 24 * time.Hour).Truncate(time.Minute)
	for run, started := range []time.Time{begin, begin.Add(time.Hour), begin.Add(8 * 24 * time.Hour)} {
		s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Limits: store.Limits{Integrations: 1, Origins: 1}})
		if err != nil {
			t.Fatal(err)
		}
		counts := traffic.New()
		counts.Add("acme", true, started)
		ctx, stop := context.WithCancel(t.Context())
		stop() // what is new is written at the end
		keeper := observation.Keeper{Store: s, Traffic: counts, Timeout: 10 * time.Second}
		keeper.Run(ctx)
		if since, err := s.Observe(t.Context(), "acme", time.Time{}); err != nil || !since.Equal(begin) {
			t.Errorf("run %d: since %v, %v; want %v", run, since, err, begin)
		}
		if since, err := s.Observe(t.Context(), "globex", time.Time{}); err != nil || !since.IsZero() {
			t.Errorf("run %d: globex, without a request: %v, %v", run, since, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
