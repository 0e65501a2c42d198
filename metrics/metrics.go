// Package metrics shows Prometheus what the gateway and the cache report. It
// observes and is never asked by what it observes. No label holds what a
// client sent: tenants come from the configuration, everything else from fixed
// sets.
package metrics

import (
	"net/http"
	"runtime"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"originwarden/api"
	"originwarden/origins"
	"originwarden/proxy"
)

const namespace = "originwarden"

// Labels of requests that are counted under no tenant's own name.
const (
	OtherTenants = "_other" // of the tenants beyond Config.Tenants
	NoTenant     = "_none"  // the host belongs to nobody
)

// Config says what is observed.
type Config struct {
	// Tenants have a label of their own.
	Tenants []string
	Lists   *origins.Cache
	// Version and Revision are those of the build.
	Version, Revision string
}

// Metrics are the collectors on a registry of their own. They may be used
// concurrently.
type Metrics struct {
	registry *prometheus.Registry
	tenants  map[string]bool

	requests       *prometheus.CounterVec
	duration       *prometheus.HistogramVec
	gateway        *prometheus.HistogramVec
	upstream       *prometheus.HistogramVec
	upstreamErrors *prometheus.CounterVec
	tunnelsClosed  *prometheus.CounterVec
	limited        *prometheus.CounterVec
	api            *prometheus.CounterVec
}

// New returns metrics that have seen nothing yet.
func New(cfg Config) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		tenants:  map[string]bool{},
		requests: counters("requests_total",
			"Requests by what was decided about them.", "tenant", "kind", "verdict", "reason"),
		duration: histograms("request_duration_seconds",
			"Time from a request's header to the end of its answer; of a WebSocket, to the end of its handshake.", "kind"),
		gateway: histograms("gateway_duration_seconds",
			"Time from a request's header until it was answered here or handed to the tenant.", "kind"),
		upstream: histograms("upstream_duration_seconds",
			"Time from handing a request to the tenant until the header of its answer.", "tenant"),
		upstreamErrors: counters("upstream_errors_total",
			"Requests that the tenant could not answer.", "tenant", "cause"),
		tunnelsClosed: counters("tunnels_closed_total", "WebSockets that have ended.", "cause"),
		limited:       counters("limited_total", "Requests and connections that ran into a limit.", "limit"),
		api:           counters("api_requests_total", "Requests to the lists' API.", "route", "method", "code"),
	}
	for _, id := range cfg.Tenants {
		m.tenants[id] = true
	}
	m.registry.MustRegister(m.requests, m.duration, m.gateway, m.upstream, m.upstreamErrors,
		m.tunnelsClosed, m.limited, m.api,
		newCacheCollector(cfg.Lists), buildInfo(cfg),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

// histograms span from what a decision takes to what a slow tenant takes.
func histograms(name, help, label string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: name, Help: help,
		Buckets: []float64{.00001, .00005, .0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10, 60},
	}, []string{label})
}

func buildInfo(cfg Config) prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Always 1; the labels tell the build.",
		ConstLabels: prometheus.Labels{"version": cfg.Version, "revision": cfg.Revision, "goversion": runtime.Version()},
	})
	info.Set(1)
	return info
}

// Handler serves the metrics in the formats that Prometheus asks for.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Observe counts an exchange that has ended.
func (m *Metrics) Observe(x *proxy.Exchange) {
	tenant, kind := m.tenant(x.Tenant), x.Kind.String()
	m.requests.WithLabelValues(tenant, kind, string(x.Verdict), x.Reason).Inc()
	m.duration.WithLabelValues(kind).Observe(x.Answer.Seconds())
	m.gateway.WithLabelValues(kind).Observe(x.Gateway.Seconds())
	if x.Upstream > 0 {
		m.upstream.WithLabelValues(tenant).Observe(x.Upstream.Seconds())
	}
	if x.UpstreamCause != "" {
		m.upstreamErrors.WithLabelValues(tenant, x.UpstreamCause).Inc()
	}
	if x.TunnelEnd != "" {
		m.tunnelsClosed.WithLabelValues(x.TunnelEnd).Inc()
	}
	if x.Limit != "" {
		m.Limited(x.Limit)
	}
}

// ObserveAPI counts a request to the lists' API that was answered.
func (m *Metrics) ObserveAPI(o api.Outcome) {
	m.api.WithLabelValues(o.Route, o.Method, strconv.Itoa(o.Status)).Inc()
	if o.Limit != "" {
		m.Limited(o.Limit)
	}
}

// Limited counts what ran into a limit: one of a fixed set of names.
func (m *Metrics) Limited(limit string) { m.limited.WithLabelValues(limit).Inc() }

func (m *Metrics) tenant(id string) string {
	switch {
	case id == "":
		return NoTenant
	case m.tenants[id]:
		return id
	}
	return OtherTenants
}
