package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// WatchCertificate shows when the gateway's own certificate ends, the first of
// several; the zero time is without TLS. It is called once, before the metrics
// are served.
func (m *Metrics) WatchCertificate(notAfter func() time.Time) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: "certificate_not_after_timestamp_seconds",
		Help: "When the gateway's own certificate ends, the first of several, since the epoch; 0 without TLS.",
	}, func() float64 {
		at := notAfter()
		if at.IsZero() {
			return 0
		}
		return float64(at.Unix())
	}))
}
