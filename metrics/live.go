package metrics

import "github.com/prometheus/client_golang/prometheus"

// Watch shows what is open now: tunnels by tenant, and requests in flight. It
// is called once, before the metrics are served.
func (m *Metrics) Watch(tunnels func() map[string]int, inFlight func() int64) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Name: "requests_in_flight", Help: "Requests that are being answered, tunnels among them.",
		}, func() float64 { return float64(inFlight()) }),
		newTenantCollector("tunnels", "WebSockets that are open.", func() map[string]float64 {
			counts := map[string]float64{}
			for tenant, n := range tunnels() {
				counts[m.tenant(tenant).label] += float64(n)
			}
			return counts
		}))
}

// WatchUpstreams shows which tenants are known to answer, or not to. Those
// without a label of their own count as one, which is up when all of them are.
// It is called once, before the metrics are served.
func (m *Metrics) WatchUpstreams(up func() map[string]bool) {
	m.registry.MustRegister(newTenantCollector("upstream_up", "Whether the tenant answered the last time that it was checked.",
		func() map[string]float64 {
			values := map[string]float64{}
			for tenant, is := range up() {
				label, value := m.tenant(tenant).label, oneIf(is)
				if before, ok := values[label]; ok {
					value = min(before, value)
				}
				values[label] = value
			}
			return values
		}))
}

// WatchLog shows how many lines were left out of the log. It is called once,
// before the metrics are served.
func (m *Metrics) WatchLog(dropped func() uint64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Namespace: namespace, Name: "log_lines_dropped_total",
		Help: "Lines that are not in the log because there were too many of their kind, or nobody read it in time.",
	}, func() float64 { return float64(dropped()) }))
}

// tenantCollector asks for a gauge of every tenant when Prometheus does.
type tenantCollector struct {
	desc   *prometheus.Desc
	values func() map[string]float64 // by label
}

func newTenantCollector(name, help string, values func() map[string]float64) *tenantCollector {
	return &tenantCollector{prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, []string{"tenant"}, nil), values}
}

// Describe implements prometheus.Collector.
func (c *tenantCollector) Describe(out chan<- *prometheus.Desc) { out <- c.desc }

// Collect implements prometheus.Collector.
func (c *tenantCollector) Collect(out chan<- prometheus.Metric) {
	for tenant, value := range c.values() {
		out <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, value, tenant)
	}
}
