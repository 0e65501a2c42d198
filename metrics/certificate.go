package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// WatchCertificate shows when a certificate of the gateway ends, the first of
// several and of their chains; the zero time is without one. The certificate is
// server, upstream or etcd, by whom it is for. It is called once for each, before
// the metrics are served.
func (m *Metrics) WatchCertificate(certificate string, notAfter func() time.Time) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: "certificate_not_after_timestamp_seconds",
		Help:        "When the gateway's certificate ends, the first of several and of their chains, since the epoch; 0 without one.",
		ConstLabels: prometheus.Labels{"certificate": certificate},
	}, func() float64 {
		at := notAfter()
		if at.IsZero() {
			return 0
		}
		return float64(at.Unix())
	}))
}
