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
// Another gap of more than a day does, and so does that of a tenant that was removed.
func TestKeeper_KeepsStartOverRestarts(t *testing.T) {
	now := time.Now()
	week := store.Observation{Since: now.Add(-8 * 24 * time.Hour).Truncate(time.Minute), Last: now.Add(-20 * time.Hour)}
	month := store.Observation{Since: now.Add(-30 * 24 * time.Hour), Last: now.Add(-26 * time.Hour)}
	started := now.Add(-time.Hour).Truncate(time.Minute)
	for name, row := range map[string]struct {
		kept    store.Observation
		removed bool
		want    time.Time
	}{
		"first start":                {want: started},
		"restart":                    {kept: week, want: week.Since},
		"after more than a day":      {kept: month, want: started},
		"removed from configuration": {removed: true, want: time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "lists.db"), Limits: store.Limits{Integrations: 1, Origins: 1}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			if _, err := s.Observe(t.Context(), "acme", row.kept); err != nil {
				t.Fatal(err)
			}
			counts := traffic.New()
			counts.Add("acme", true, started)
			ctx, stop := context.WithCancel(t.Context())
			stop() // what is new is written at the end
			keeper := observation.Keeper{
				Store: s, Traffic: counts, Timeout: 10 * time.Second,
				IsTenant: func(id string) bool { return !row.removed && id == "acme" },
			}
			keeper.Run(ctx)
			got, err := s.Observe(t.Context(), "acme", store.Observation{})
			if err != nil || !got.Since.Equal(row.want) || got.Last.Before(started) != row.removed {
				t.Errorf("observed %v, %v; want since %v", got, err, row.want)
			}
			if len(counts.Tenants()) == 0 != row.removed {
				t.Errorf("counted are %q", counts.Tenants())
			}
			if got, err := s.Observe(t.Context(), "globex", store.Observation{}); err != nil || got != (store.Observation{}) {
				t.Errorf("globex, without a request: %v, %v", got, err)
			}
		})
	}
}
