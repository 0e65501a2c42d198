// Package metrics shows Prometheus what the gateway and the cache report. It
// observes and is never asked by what it observes. No label holds what a
// client sent: tenants come from the configuration, everything else from fixed
// sets.
package metrics

import (
	"net/http"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"originwarden/api"
	"originwarden/lists"
	"originwarden/proxy"
)

const namespace = "originwarden"

// Labels of requests that are counted under no tenant's own name.
const (
	otherTenants = "_other" // of the tenants beyond Config.Tenants
	noTenant     = "_none"  // the host belongs to nobody
)

// Config says what is observed.
type Config struct {
	// Tenants have a label of their own.
	Tenants []string
	Lists   *lists.Cache
	// Version and Revision are those of the build.
	Version, Revision string
}

// Metrics are the collectors on a registry of their own. They may be used
// concurrently.
type Metrics struct {
	registry *prometheus.Registry
	tenants  atomic.Pointer[tenants]

	requests       *prometheus.CounterVec
	duration       byKind
	gateway        byKind
	upstream       *prometheus.HistogramVec
	upstreamErrors *prometheus.CounterVec
	ownHost        *prometheus.CounterVec
	received, sent *prometheus.CounterVec
	tunnelsClosed  *fixed
	limited        *fixed
	api            *prometheus.CounterVec
	apiErrors      *fixed
	spans          *fixed
	reloads        *fixed
	lastReload     prometheus.Gauge
}

// New returns metrics that have seen nothing yet.
func New(cfg Config) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: counters("requests_total",
			"Requests by what was decided about them.", "tenant", "kind", "verdict", "reason"),
		upstream: histograms("upstream_duration_seconds",
			"Time from handing a request to the tenant until the header of its answer.", "tenant"),
		upstreamErrors: counters("upstream_errors_total",
			"Requests that the tenant could not answer.", "tenant", "cause"),
		ownHost: counters("own_host_refused_total",
			"Requests of a refused origin that has the host they were sent to.", "tenant"),
		received: counters("request_bytes_total",
			"Bytes of requests' bodies, as far as they were read, and what clients sent over WebSockets.", "tenant"),
		sent: counters("response_bytes_total",
			"Bytes of answers' bodies, and what tenants sent over WebSockets.", "tenant"),
		api: counters("api_requests_total", "Requests to the lists' API.", "route", "method", "code"),
		lastReload: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: "config_last_reload_successful",
			Help: "Whether the configuration is the one that was read last; 1 while it was only read at the start."}),
	}
	m.lastReload.Set(1)
	m.registry.MustRegister(m.requests, m.upstream, m.upstreamErrors, m.ownHost, m.received, m.sent, m.api, m.lastReload,
		newCacheCollector(cfg.Lists), buildInfo(cfg),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registerFixed()
	m.Label(cfg.Tenants)
	return m
}

// registerFixed adds what has all its series from the start.
func (m *Metrics) registerFixed() {
	m.duration = m.histogramsByKind("request_duration_seconds",
		"Time from a request's header to the end of its answer; of a WebSocket, to the end of its handshake.")
	m.gateway = m.histogramsByKind("gateway_duration_seconds",
		"Time from a request's header until it was answered here or handed to the tenant.")
	m.tunnelsClosed = m.fixed(counters("tunnels_closed_total", "WebSockets that have ended.", "cause"), proxy.TunnelEnds())
	m.limited = m.fixed(counters("limited_total", "Requests and connections that ran into a limit.", "limit"),
		append(proxy.Limits(), LimitConnections, api.LimitTier1, api.LimitTier2, api.LimitFailed, api.LimitInFlight))
	m.apiErrors = m.fixed(counters("api_errors_total", "Requests to the lists' API that were answered with an error.", "code"), api.Codes())
	m.spans = m.fixed(counters("trace_spans_total", "Spans that were made, by what became of them.", "outcome"), SpanOutcomes())
	m.reloads = m.fixed(counters("config_reloads_total", "How often the configuration was reloaded.", "outcome"), []string{"ok", "failed"})
}

func buildInfo(cfg Config) prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Always 1; the labels tell the build.",
		ConstLabels: prometheus.Labels{"version": cfg.Version, "revision": cfg.Revision, "goversion": runtime.Version()},
	})
	info.Set(1)
	return info
}

// Handler serves the metrics in the formats that Prometheus asks for: native
// histograms to whoever takes protobuf, and classic ones to everybody.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Gatherer is what Handler serves.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// Observe counts an exchange that has ended. It allocates nothing for one like
// others before.
func (m *Metrics) Observe(x *proxy.Exchange) {
	t := m.tenant(x.Tenant)
	t.requests.of(combination{x.Kind, x.Verdict, x.Reason}).Inc()
	m.duration.of(x.Kind).Observe(x.Answer.Seconds())
	m.gateway.of(x.Kind).Observe(x.Gateway.Seconds())
	if x.Upstream > 0 {
		t.upstream().Observe(x.Upstream.Seconds())
	}
	if x.TunnelEnd == "" { // whose bytes were counted as they passed
		t.relayed(x.Received, x.Sent)
	}
	m.observeTrouble(t, x)
}

func (m *Metrics) observeTrouble(t *tenant, x *proxy.Exchange) {
	if x.UpstreamCause != "" {
		m.upstreamErrors.WithLabelValues(t.label, x.UpstreamCause).Inc()
	}
	if x.OwnHost {
		m.ownHost.WithLabelValues(t.label).Inc()
	}
	if x.TunnelEnd != "" {
		m.tunnelsClosed.of(x.TunnelEnd).Inc()
	}
	if x.Limit != "" {
		m.Limited(x.Limit)
	}
}

// Relayed counts bytes that a WebSocket has passed on, by who sent them.
func (m *Metrics) Relayed(tenant string, received, sent int) {
	m.tenant(tenant).relayed(int64(received), int64(sent))
}

// ObserveAPI counts a request to the lists' API that was answered.
func (m *Metrics) ObserveAPI(o api.Outcome) {
	m.api.WithLabelValues(o.Route, o.Method, strconv.Itoa(o.Status)).Inc()
	if o.Code != "" {
		m.apiErrors.of(o.Code).Inc()
	}
	if o.Limit != "" {
		m.Limited(o.Limit)
	}
}

// LimitConnections is the limit of connections that one client may have.
const LimitConnections = "connections_per_client"

// Limited counts what ran into a limit: one of proxy.Limits, LimitConnections,
// or one of the API's.
func (m *Metrics) Limited(limit string) { m.limited.of(limit).Inc() }

// Reloaded counts an attempt to take over a changed configuration.
func (m *Metrics) Reloaded(ok bool) {
	m.lastReload.Set(oneIf(ok))
	if ok {
		m.reloads.of("ok").Inc()
		return
	}
	m.reloads.of("failed").Inc()
}

// What becomes of spans.
const (
	SpansExported = "exported" // the collector has them
	SpansFailed   = "failed"   // the collector did not take them
	SpansDropped  = "dropped"  // too many waited for the collector
)

// SpanOutcomes returns what becomes of spans.
func SpanOutcomes() []string { return []string{SpansExported, SpansFailed, SpansDropped} }

// Spans counts spans by what became of them.
func (m *Metrics) Spans(outcome string, n int) { m.spans.of(outcome).Add(float64(n)) }

// nativeReset is how often a native histogram may forget all that it counted to
// keep to its bound; then it becomes coarser.
const nativeReset = time.Hour

// histograms span from what a decision takes to what a slow tenant takes. The
// classic buckets are for who does not scrape native histograms, whose buckets
// are 10% wide.
func histograms(name, help, label string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: name, Help: help,
		Buckets:                         []float64{.00001, .00005, .0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10, 60},
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  160,
		NativeHistogramMinResetDuration: nativeReset,
	}, []string{label})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}
