package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"originwarden/lists"
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

// Writes is whether writes to the store succeed.
type Writes struct {
	// Failures counts the failed writes by cause.
	Failures map[string]uint64
	// Problem is the cause for which writes fail now, or "".
	Problem string
	// RecordsWaiting is the number of records that will be added to the history, and
	// RecordsLost that of those that will not.
	RecordsWaiting int
	RecordsLost    uint64
}

// WatchWrites shows whether writes to the store succeed, for each of the causes.
// It is called once, before the metrics are served.
func (m *Metrics) WatchWrites(causes []string, state func() Writes) {
	byCause := func(value func(w Writes, cause string) float64) func(Writes, emitFunc) {
		return func(w Writes, emit emitFunc) {
			for _, cause := range causes {
				emit(value(w, cause), cause)
			}
		}
	}
	watch(m, state,
		metric[Writes]{
			newDesc("store_write_failures_total", "Writes to the store that failed or may have failed.", "cause"), prometheus.CounterValue,
			byCause(func(w Writes, cause string) float64 { return float64(w.Failures[cause]) }),
		},
		metric[Writes]{
			newDesc("store_write_problem", "Whether writes fail now for this cause.", "cause"), prometheus.GaugeValue,
			byCause(func(w Writes, cause string) float64 { return oneIf(w.Problem == cause) }),
		},
		gauge("history_records_waiting", "Changes that will be added to the history when the store has space.", func(w Writes) float64 { return float64(w.RecordsWaiting) }),
		counter("history_records_lost_total", "Changes that are missing in the history.", func(w Writes) uint64 { return w.RecordsLost }))
}

// watchCache shows the cache's sizes and counts.
func (m *Metrics) watchCache(cache *lists.Cache) {
	watch(m, cache.Stats,
		gauge("cache_tenants", "Tenants whose list is cached.", func(s lists.Stats) float64 { return float64(s.Tenants) }),
		gauge("cache_origins", "Origins in all cached lists.", func(s lists.Stats) float64 { return float64(s.Origins) }),
		counter("cache_hits_total", "Requests for a list that was cached.", func(s lists.Stats) uint64 { return s.Hits }),
		counter("cache_misses_total", "Requests for a list that was not cached.", func(s lists.Stats) uint64 { return s.Misses }),
		counter("cache_evictions_total", "Lists evicted because the cache was full.", func(s lists.Stats) uint64 { return s.Evictions }),
		metric[lists.Stats]{
			newDesc("cache_loads_total", "Lists read from the store.", "outcome"), prometheus.CounterValue,
			func(s lists.Stats, emit emitFunc) {
				emit(float64(s.Loads), "ok")
				emit(float64(s.FailedLoads), "failed")
			},
		})
}
