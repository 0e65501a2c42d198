package metrics

import "github.com/prometheus/client_golang/prometheus"

// Watch shows what is open now: tunnels by tenant, and requests in flight. It
// is called once, before the metrics are served.
func (m *Metrics) Watch(tunnels func() map[string]int, inFlight func() int64) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Name: "requests_in_flight", Help: "Requests that are being answered, tunnels among them.",
		}, func() float64 { return float64(inFlight()) }),
		&tunnelCollector{m, tunnels, prometheus.NewDesc(prometheus.BuildFQName(namespace, "", "tunnels"),
			"WebSockets that are open.", []string{"tenant"}, nil)})
}

type tunnelCollector struct {
	metrics *Metrics
	open    func() map[string]int
	desc    *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *tunnelCollector) Describe(out chan<- *prometheus.Desc) { out <- c.desc }

// Collect implements prometheus.Collector. Tenants without a label of their
// own are one.
func (c *tunnelCollector) Collect(out chan<- prometheus.Metric) {
	counts := map[string]int{}
	for tenant, n := range c.open() {
		counts[c.metrics.tenant(tenant)] += n
	}
	for tenant, n := range counts {
		out <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(n), tenant)
	}
}
