package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// WatchRequests shows the open tunnels of each tenant and the requests in flight. It
// is called once, before the metrics are served.
func (m *Metrics) WatchRequests(tunnels func() map[string]int, inFlight func() int64) {
	watch(m, inFlight, gauge("requests_in_flight", "Requests in progress, including tunnels.", func(n int64) float64 { return float64(n) }))
	watch(m, tunnels, tenantGauge("tunnels", "Open WebSockets.", func(open map[string]int) map[string]float64 {
		counts := map[string]float64{}
		for tenant, n := range open {
			counts[m.tenant(tenant).label] += float64(n)
		}
		return counts
	}))
}

// WatchUpstreams shows which tenants are known to answer, or not to. Those
// without a label of their own count as one, which is up when all of them are.
// It is called once, before the metrics are served.
func (m *Metrics) WatchUpstreams(up func() map[string]bool) {
	watch(m, up, tenantGauge("upstream_up", "Whether the tenant answered the last check.", func(up map[string]bool) map[string]float64 {
		values := map[string]float64{}
		for tenant, isUp := range up {
			label, value := m.tenant(tenant).label, oneIf(isUp)
			if before, ok := values[label]; ok {
				value = min(before, value)
			}
			values[label] = value
		}
		return values
	}))
}

// tenantGauge returns a gauge with a series for each label of a tenant that values
// returns.
func tenantGauge[T any](name, help string, values func(T) map[string]float64) metric[T] {
	return metric[T]{newDesc(name, help, "tenant"), prometheus.GaugeValue, func(read T, emit emitFunc) {
		for tenant, value := range values(read) {
			emit(value, tenant)
		}
	}}
}

// WatchLog shows how many lines were left out of the log. It is called once,
// before the metrics are served.
func (m *Metrics) WatchLog(dropped func() uint64) {
	watch(m, dropped, counter("log_lines_dropped_total",
		"Lines left out of the log: too many of their kind, or standard error was not read in time.", func(n uint64) uint64 { return n }))
}

// WatchSnapshot shows whether the lists are saved to disk. err returns why the
// last attempt failed, or nil. It is called once, before the metrics are served.
func (m *Metrics) WatchSnapshot(err func() error) {
	watch(m, err, gauge("snapshot_up", "Whether the lists were saved to disk the last time; 1 if saving is not configured.",
		func(err error) float64 { return oneIf(err == nil) }))
}

// Inventory is how well the inventory of refused origins is kept.
type Inventory struct {
	// Dropped is the number of refused requests that were forgotten.
	Dropped uint64
	// Failing says that the last write to the store failed.
	Failing bool
}

// WatchInventory shows how well the inventory of refused origins is kept. It is called
// once, before the metrics are served.
func (m *Metrics) WatchInventory(inventory func() Inventory) {
	watch(m, inventory, counter("refusals_dropped_total", "Refused requests that the inventory of refused origins left out: there were too many origins.",
		func(i Inventory) uint64 { return i.Dropped }),
		gauge("refusals_up", "Whether the inventory of refused origins was written to the store the last time.", func(i Inventory) float64 { return oneIf(!i.Failing) }))
}

// WatchCertificate shows when a certificate expires: the first of several and of
// their chains, or the zero time without one. The certificate is server,
// upstream or etcd. It is called once for each, before the metrics are served.
func (m *Metrics) WatchCertificate(certificate string, notAfter func() time.Time) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: "certificate_not_after_timestamp_seconds",
		Help:        "Earliest expiry of the certificates and their chains, in seconds since the epoch; 0 without one.",
		ConstLabels: prometheus.Labels{"certificate": certificate},
	}, func() float64 { return float64(max(notAfter().Unix(), 0)) }))
}
