package metrics

import "github.com/prometheus/client_golang/prometheus"

// Writes is whether the store makes writes.
type Writes struct {
	// Failures counts the writes that failed, by cause.
	Failures map[string]uint64
	// Problem is the cause for which writes fail now, or "".
	Problem string
}

// WatchWrites shows whether the store makes writes, for each of the causes. It is
// called once, before the metrics are served.
func (m *Metrics) WatchWrites(causes []string, state func() Writes) {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(namespace, "store", name), help, []string{"cause"}, nil)
	}
	m.registry.MustRegister(&writesCollector{
		causes:   causes,
		state:    state,
		failures: desc("write_failures_total", "Writes that the store could not make, or not say whether it had."),
		problem:  desc("write_problem", "Whether writes fail now for this cause."),
	})
}

// writesCollector reads the state when Prometheus asks.
type writesCollector struct {
	causes            []string
	state             func() Writes
	failures, problem *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *writesCollector) Describe(out chan<- *prometheus.Desc) {
	out <- c.failures
	out <- c.problem
}

// Collect implements prometheus.Collector.
func (c *writesCollector) Collect(out chan<- prometheus.Metric) {
	s := c.state()
	for _, cause := range c.causes {
		out <- prometheus.MustNewConstMetric(c.failures, prometheus.CounterValue, float64(s.Failures[cause]), cause)
		out <- prometheus.MustNewConstMetric(c.problem, prometheus.GaugeValue, oneIf(s.Problem == cause), cause)
	}
}
