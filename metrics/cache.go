package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"originwarden/lists"
)

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
