// Package metrics serves Prometheus metrics of the gateway, the API and the
// lists. What it observes does not depend on it. No label holds what a client
// sent: tenants come from the configuration, everything else from fixed sets.
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

// Tenant labels of requests without a tenant's own label.
const (
	otherTenants = "_other" // of the tenants beyond Config.Tenants
	noTenant     = "_none"  // the host is no tenant's
)

// Config says what is observed.
type Config struct {
	// Tenants have a label of their own.
	Tenants []string
	Lists   *lists.Cache
	// Version and Revision are those of the build.
	Version, Revision string
}

// Metrics are collectors and their registry. They may be used concurrently.
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

// New returns metrics that have counted nothing.
func New(cfg Config) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: counters("requests_total",
			"Requests by decision.", "tenant", "kind", "verdict", "reason"),
		upstream: histograms("upstream_duration_seconds",
			"Time from sending a request to the tenant until the header of its response.", "tenant"),
		upstreamErrors: counters("upstream_errors_total",
			"Requests that the tenant could not answer.", "tenant", "cause"),
		ownHost: counters("own_host_refused_total",
			"Refused requests whose origin has the host that they were sent to.", "tenant"),
		received: counters("request_bytes_total",
			"Bytes of request bodies that were read, and of what clients sent over WebSockets.", "tenant"),
		sent: counters("response_bytes_total",
			"Bytes of response bodies, and of what tenants sent over WebSockets.", "tenant"),
		api: counters("api_requests_total", "Requests to the API.", "route", "method", "code"),
		lastReload: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: "config_last_reload_successful",
			Help: "Whether the last reload of the configuration succeeded; 1 before the first."}),
	}
	m.lastReload.Set(1)
	m.registry.MustRegister(m.requests, m.upstream, m.upstreamErrors, m.ownHost, m.received, m.sent, m.api, m.lastReload,
		buildInfo(cfg), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registerFixed()
	m.watchCache(cfg.Lists)
	m.SetTenants(cfg.Tenants)
	return m
}

// registerFixed adds the metrics that have all their series from the start.
func (m *Metrics) registerFixed() {
	m.duration = m.histogramsByKind("request_duration_seconds",
		"Time from a request's header to the end of its response; of a WebSocket, to the end of its handshake.")
	m.gateway = m.histogramsByKind("gateway_duration_seconds",
		"Time from a request's header until it was answered here or sent to the tenant.")
	m.tunnelsClosed = m.newFixed(counters("tunnels_closed_total", "Closed WebSockets.", "cause"), proxy.TunnelEnds())
	m.limited = m.newFixed(counters("limited_total", "Requests and connections that exceeded a limit.", "limit"),
		append(proxy.Limits(), LimitConnections, api.LimitTier1, api.LimitTier2, api.LimitFailed, api.LimitInFlight))
	m.apiErrors = m.newFixed(counters("api_errors_total", "Requests to the API that were answered with an error.", "code"), api.Codes())
	m.spans = m.newFixed(counters("trace_spans_total", "Spans by what happened to them.", "outcome"), SpanOutcomes())
	m.reloads = m.newFixed(counters("config_reloads_total", "How often the configuration was reloaded.", "outcome"), []string{"ok", "failed"})
}

func buildInfo(cfg Config) prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Always 1; the labels tell the build.",
		ConstLabels: prometheus.Labels{"version": cfg.Version, "revision": cfg.Revision, "goversion": runtime.Version()},
	})
	info.Set(1)
	return info
}

// Handler serves the metrics in the format that the client accepts. Only protobuf
// has native histograms.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Observe counts an exchange that has ended. It allocates nothing unless it adds a
// series.
func (m *Metrics) Observe(x *proxy.Exchange) {
	t := m.tenant(x.Tenant)
	t.requests.counter(combination{x.Kind, x.Verdict, x.Reason}).Inc()
	m.duration.histogram(x.Kind).Observe(x.ResponseTime.Seconds())
	m.gateway.histogram(x.Kind).Observe(x.GatewayTime.Seconds())
	if x.UpstreamTime > 0 {
		t.upstream().Observe(x.UpstreamTime.Seconds())
	}
	if x.TunnelEnd == "" { // a tunnel's bytes were counted by CountTunnelBytes
		t.countBytes(x.Received, x.Sent)
	}
	m.observeRareEvents(t, x)
}

func (m *Metrics) observeRareEvents(t *tenant, x *proxy.Exchange) {
	if x.UpstreamCause != "" {
		m.upstreamErrors.WithLabelValues(t.label, x.UpstreamCause).Inc()
	}
	if x.OwnHost {
		m.ownHost.WithLabelValues(t.label).Inc()
	}
	if x.TunnelEnd != "" {
		m.tunnelsClosed.counter(x.TunnelEnd).Inc()
	}
	if x.Limit != "" {
		m.CountLimited(x.Limit)
	}
}

// CountTunnelBytes counts bytes of a WebSocket that were received from the client and
// sent to it.
func (m *Metrics) CountTunnelBytes(tenant string, received, sent int) {
	m.tenant(tenant).countBytes(int64(received), int64(sent))
}

// ObserveAPI counts a request to the API that was answered.
func (m *Metrics) ObserveAPI(o api.Outcome) {
	m.api.WithLabelValues(o.Route, o.Method, strconv.Itoa(o.Status)).Inc()
	if o.Code != "" {
		m.apiErrors.counter(o.Code).Inc()
	}
	if o.Limit != "" {
		m.CountLimited(o.Limit)
	}
}

// LimitConnections is the limit of connections for each client.
const LimitConnections = "connections_per_client"

// CountLimited counts a request or connection that exceeded a limit: one of
// proxy.Limits, LimitConnections, or one of the API's.
func (m *Metrics) CountLimited(limit string) { m.limited.counter(limit).Inc() }

// CountReload counts a reload of the configuration.
func (m *Metrics) CountReload(ok bool) {
	m.lastReload.Set(oneIf(ok))
	outcome := "failed"
	if ok {
		outcome = "ok"
	}
	m.reloads.counter(outcome).Inc()
}

// Outcomes of spans.
const (
	SpansExported = "exported" // accepted by the collector
	SpansFailed   = "failed"   // not accepted by the collector
	SpansDropped  = "dropped"  // the queue for the collector was full
)

// SpanOutcomes returns the outcomes of spans.
func SpanOutcomes() []string { return []string{SpansExported, SpansFailed, SpansDropped} }

// CountSpans counts n spans with an outcome.
func (m *Metrics) CountSpans(outcome string, n int) { m.spans.counter(outcome).Add(float64(n)) }

// histograms returns histograms for the time of a decision up to that of a slow
// tenant. They have classic buckets too, for a Prometheus that does not scrape
// native histograms.
func histograms(name, help, label string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: name, Help: help,
		Buckets:                         []float64{.00001, .00005, .0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10, 60},
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  160,
		NativeHistogramMinResetDuration: time.Hour, // if resets are more frequent, buckets are merged
	}, []string{label})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}
