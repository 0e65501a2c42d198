package metrics

import "github.com/prometheus/client_golang/prometheus"

// WatchSnapshot shows whether the lists are kept on disk, if they are to be. It
// is called once, before the metrics are served.
func (m *Metrics) WatchSnapshot(err func() error) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: "snapshot_up",
		Help: "Whether the lists could be kept on disk the last time; 1 where they are not to be.",
	}, func() float64 { return oneIf(err() == nil) }))
}
