package metrics

import "github.com/prometheus/client_golang/prometheus"

// collector reads a T when Prometheus asks, and computes all of its metrics from
// that one reading.
type collector[T any] struct {
	read    func() T
	metrics []metric[T]
}

// metric is computed from a T: values calls emit for each series.
type metric[T any] struct {
	desc   *prometheus.Desc
	kind   prometheus.ValueType
	values func(read T, emit emitFunc)
}

type emitFunc func(value float64, labels ...string)

// watch registers metrics of what read returns.
func watch[T any](m *Metrics, read func() T, metrics ...metric[T]) {
	m.registry.MustRegister(&collector[T]{read, metrics})
}

// gauge returns a gauge with one series.
func gauge[T any](name, help string, value func(T) float64) metric[T] {
	return metric[T]{newDesc(name, help), prometheus.GaugeValue, func(read T, emit emitFunc) { emit(value(read)) }}
}

// counter returns a counter with one series.
func counter[T any](name, help string, value func(T) uint64) metric[T] {
	return metric[T]{newDesc(name, help), prometheus.CounterValue, func(read T, emit emitFunc) { emit(float64(value(read))) }}
}

func newDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

// Describe implements prometheus.Collector.
func (c *collector[T]) Describe(out chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		out <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (c *collector[T]) Collect(out chan<- prometheus.Metric) {
	read := c.read()
	for _, m := range c.metrics {
		m.values(read, func(value float64, labels ...string) {
			out <- prometheus.MustNewConstMetric(m.desc, m.kind, value, labels...)
		})
	}
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
