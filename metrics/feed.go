package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Feed is how current the lists are.
type Feed struct {
	// InForce is the revision in force, and Newest the newest revision reported
	// by the store.
	InForce, Newest uint64
	// Confirmed is when the revision in force was last known to be the store's
	// newest. The zero value is never.
	Confirmed time.Time
	// Up is whether the store answered last, and Reset whether it was reset and
	// is not accepted yet.
	Up, Reset bool
	// Resumes counts how often the feed was resumed.
	Resumes uint64
	// Ready is what /readyz reports.
	Ready bool
}

// WatchFeed shows how current the lists are. It is called once, before the
// metrics are served.
func (m *Metrics) WatchFeed(state func() Feed) {
	watch(m, state,
		metric[Feed]{
			newDesc("list_age_seconds", "Time since the revision in force was known to be the store's newest; absent if it never was."),
			prometheus.GaugeValue,
			func(f Feed, emit emitFunc) {
				if !f.Confirmed.IsZero() {
					emit(time.Since(f.Confirmed).Seconds())
				}
			},
		},
		gauge("store_revision", "Newest revision reported by the store.", func(f Feed) float64 { return float64(f.Newest) }),
		gauge("revision_in_force", "Newest revision up to which every change is in force.", func(f Feed) float64 { return float64(f.InForce) }),
		gauge("store_up", "Whether the store answered last.", func(f Feed) float64 { return oneIf(f.Up) }),
		gauge("store_reset", "Whether the store was emptied, restored to an older state or replaced, and is not accepted yet.",
			func(f Feed) float64 { return oneIf(f.Reset) }),
		gauge("ready", "Whether the gateway is ready, as /readyz reports.", func(f Feed) float64 { return oneIf(f.Ready) }),
		counter("feed_resumes_total", "How often the feed of changes was resumed.", func(f Feed) uint64 { return f.Resumes }))
}
