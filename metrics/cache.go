package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"originwarden/lists"
)

// cacheCollector reads a cache's figures when Prometheus asks.
type cacheCollector struct {
	lists *lists.Cache

	tenants, origins, hits, misses, evictions, loads *prometheus.Desc
}

func newCacheCollector(cache *lists.Cache) *cacheCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(namespace, "cache", name), help, labels, nil)
	}
	return &cacheCollector{
		lists:     cache,
		tenants:   desc("tenants", "Tenants whose list is in the cache."),
		origins:   desc("origins", "Origins over all lists in the cache."),
		hits:      desc("hits_total", "Lists that were in the cache."),
		misses:    desc("misses_total", "Lists that were not in the cache."),
		evictions: desc("evictions_total", "Lists that were put out of the cache by its bounds."),
		loads:     desc("loads_total", "Lists read from the store.", "outcome"),
	}
}

// Describe implements prometheus.Collector.
func (c *cacheCollector) Describe(out chan<- *prometheus.Desc) {
	prometheus.DescribeByCollect(c, out)
}

// Collect implements prometheus.Collector.
func (c *cacheCollector) Collect(out chan<- prometheus.Metric) {
	s := c.lists.Stats()
	gauge := func(d *prometheus.Desc, v int) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v))
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(c.tenants, s.Tenants)
	gauge(c.origins, s.Origins)
	counter(c.hits, s.Hits)
	counter(c.misses, s.Misses)
	counter(c.evictions, s.Evictions)
	counter(c.loads, s.Loads, "ok")
	counter(c.loads, s.FailedLoads, "failed")
}
