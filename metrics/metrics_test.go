package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"originwarden/api"
	"originwarden/lists"
	"originwarden/lists/liststest"
	"originwarden/metrics"
	"originwarden/origins"
	"originwarden/proxy"
)

// newMetrics returns metrics with a label for the tenant acme, and their cache of
// one tenant. Loading the list of the tenant gone fails.
func newMetrics(t *testing.T) (*metrics.Metrics, *lists.Cache) {
	t.Helper()
	cache := liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 1, Origins: 10}}, func(_ context.Context, tenant string) (*origins.List, error) {
		if tenant == "gone" {
			return nil, context.DeadlineExceeded
		}
		return origins.NewList(1, []origins.Part{{ID: "one", Revision: 1, Origins: []string{"https://a.example", "https://b.example"}}}), nil
	})
	return metrics.New(metrics.Config{Tenants: []string{"acme"}, Lists: cache, Version: "v1", Revision: "abc"}), cache
}

// scrape returns the exposition of m.
func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("status %d, want 200: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func expectLines(t *testing.T, exposition string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(exposition, "\n"+line+"\n") {
			t.Errorf("missing line %s", line)
		}
	}
}

func TestMetrics_CountsExchanges(t *testing.T) {
	m, _ := newMetrics(t)
	observe := func(x proxy.Exchange) { m.Observe(&x) }
	observe(proxy.Exchange{Tenant: "acme", Verdict: origins.Allowed, Reason: "listed", GatewayTime: 20 * time.Microsecond,
		ResponseTime: 30 * time.Millisecond, Duration: time.Hour, UpstreamTime: 20 * time.Millisecond})
	observe(proxy.Exchange{Tenant: "acme", Kind: origins.Preflight, Verdict: origins.Refused, Reason: "origin_not_listed"})
	observe(proxy.Exchange{Tenant: "acme", Kind: origins.WebSocket, Verdict: origins.Allowed, Reason: "listed", UpstreamTime: time.Second, UpstreamCause: "timeout"})
	observe(proxy.Exchange{Tenant: "acme", Verdict: origins.Refused, Reason: "origin_not_listed", ResponseTime: time.Hour, GatewayTime: time.Hour, OwnHost: true})
	observe(proxy.Exchange{Tenant: "another", Verdict: origins.Allowed, Reason: "no_origin"})
	observe(proxy.Exchange{Verdict: origins.Refused, Reason: "tenant_unknown"})
	observe(proxy.Exchange{Kind: origins.WebSocket, Tenant: "acme", Verdict: origins.Allowed, Reason: "listed", TunnelEnd: "revoked"})
	observe(proxy.Exchange{Tenant: "acme", Verdict: origins.Allowed, Reason: "listed", Limit: "body_bytes"})
	m.CountLimited(metrics.LimitConnections)
	expectLines(t, scrape(t, m),
		`originwarden_requests_total{kind="actual",reason="listed",tenant="acme",verdict="allowed"} 2`,
		`originwarden_requests_total{kind="preflight",reason="origin_not_listed",tenant="acme",verdict="refused"} 1`,
		`originwarden_requests_total{kind="actual",reason="no_origin",tenant="_other",verdict="allowed"} 1`,
		`originwarden_requests_total{kind="actual",reason="tenant_unknown",tenant="_none",verdict="refused"} 1`,
		`originwarden_request_duration_seconds_count{kind="actual"} 5`,
		`originwarden_request_duration_seconds_bucket{kind="actual",le="0.05"} 4`,
		`originwarden_gateway_duration_seconds_bucket{kind="actual",le="1e-05"} 3`,
		`originwarden_upstream_duration_seconds_count{tenant="acme"} 2`,
		`originwarden_upstream_errors_total{cause="timeout",tenant="acme"} 1`,
		`originwarden_own_host_refused_total{tenant="acme"} 1`,
		`originwarden_tunnels_closed_total{cause="revoked"} 1`,
		`originwarden_limited_total{limit="body_bytes"} 1`,
		`originwarden_limited_total{limit="connections_per_client"} 1`)
}

func TestMetrics_CountsBytes(t *testing.T) {
	m, _ := newMetrics(t)
	m.Observe(&proxy.Exchange{Tenant: "acme", Received: 5, Sent: 7})
	m.Observe(&proxy.Exchange{Tenant: "another", Received: 1})
	m.CountTunnelBytes("acme", 100, 0)
	m.CountTunnelBytes("acme", 0, 200)
	m.Observe(&proxy.Exchange{Tenant: "acme", Kind: origins.WebSocket, TunnelEnd: "client", Received: 100, Sent: 200}) // its bytes were counted before
	got := scrape(t, m)
	expectLines(t, got, `originwarden_request_bytes_total{tenant="acme"} 105`, `originwarden_response_bytes_total{tenant="acme"} 207`,
		`originwarden_request_bytes_total{tenant="_other"} 1`)
	if strings.Contains(got, `originwarden_response_bytes_total{tenant="_other"}`) {
		t.Error("there is a series of response bytes without any")
	}
}

func TestMetrics_StartsKnownLabelsAtZero(t *testing.T) {
	m, _ := newMetrics(t)
	var want []string
	for _, limit := range limits() {
		want = append(want, `originwarden_limited_total{limit="`+limit+`"} 0`)
	}
	for _, end := range proxy.TunnelEnds() {
		want = append(want, `originwarden_tunnels_closed_total{cause="`+end+`"} 0`)
	}
	for _, outcome := range metrics.SpanOutcomes() {
		want = append(want, `originwarden_trace_spans_total{outcome="`+outcome+`"} 0`)
	}
	expectLines(t, scrape(t, m), append(want, `originwarden_config_reloads_total{outcome="ok"} 0`, `originwarden_config_reloads_total{outcome="failed"} 0`,
		"originwarden_config_last_reload_successful 1")...)
}

func TestMetrics_CountsReloads(t *testing.T) {
	m, _ := newMetrics(t)
	m.CountReload(true)
	m.CountReload(false)
	m.CountReload(false)
	expectLines(t, scrape(t, m), `originwarden_config_reloads_total{outcome="ok"} 1`, `originwarden_config_reloads_total{outcome="failed"} 2`,
		"originwarden_config_last_reload_successful 0")
	m.CountReload(true)
	expectLines(t, scrape(t, m), "originwarden_config_last_reload_successful 1")
}

func TestMetrics_CountsLogLinesAndSpans(t *testing.T) {
	m, _ := newMetrics(t)
	m.WatchLog(func() uint64 { return 7 })
	m.CountSpans(metrics.SpansDropped, 5)
	expectLines(t, scrape(t, m), "originwarden_log_lines_dropped_total 7", `originwarden_trace_spans_total{outcome="dropped"} 5`)
}

func TestMetrics_FollowsConfiguredTenants(t *testing.T) {
	m, _ := newMetrics(t)
	for _, tenant := range []string{"acme", "another"} {
		m.Observe(&proxy.Exchange{Tenant: tenant, Verdict: origins.Allowed, Reason: "listed", UpstreamTime: 1, UpstreamCause: "reset", Received: 1, Sent: 1})
	}
	m.SetTenants([]string{"another"})
	m.Observe(&proxy.Exchange{Tenant: "another", Verdict: origins.Allowed, Reason: "listed"})
	m.Observe(&proxy.Exchange{Tenant: "acme", Verdict: origins.Allowed, Reason: "listed"})
	got := scrape(t, m)
	expectLines(t, got, `originwarden_requests_total{kind="actual",reason="listed",tenant="another",verdict="allowed"} 1`,
		`originwarden_requests_total{kind="actual",reason="listed",tenant="_other",verdict="allowed"} 2`)
	if strings.Contains(got, `tenant="acme"`) {
		t.Error("there are series of a tenant that was removed")
	}
	m.SetTenants([]string{"another", "acme"})
	m.Observe(&proxy.Exchange{Tenant: "another", Verdict: origins.Allowed, Reason: "listed"})
	expectLines(t, scrape(t, m), `originwarden_requests_total{kind="actual",reason="listed",tenant="another",verdict="allowed"} 2`)
}

func TestMetrics_TakesNoLabelsFromClients(t *testing.T) {
	m, _ := newMetrics(t)
	const secret = "sent-by-a-client"
	m.Observe(&proxy.Exchange{Tenant: "acme", Reason: "listed", Method: secret, Path: "/" + secret, TraceID: secret,
		Nearest: origins.NearMiss{Entry: secret}, Err: errors.New(secret), UpstreamCause: "reset"})
	m.Observe(&proxy.Exchange{Tenant: secret, Reason: "listed"}) // not configured
	m.CountLimited(secret)
	for i := range 1000 { // unknown reasons
		m.Observe(&proxy.Exchange{Tenant: "acme", Reason: fmt.Sprint("reason", i)})
	}
	got := scrape(t, m)
	if strings.Contains(got, secret) {
		t.Error("the exposition contains data from a client")
	}
	if n := strings.Count(got, "\noriginwarden_requests_total{"); n > 300 {
		t.Errorf("%d series of one tenant, want at most 300", n)
	}
	expectLines(t, got, `originwarden_limited_total{limit="other"} 1`)
}

func TestMetrics_CountsConcurrentFirstExchanges(t *testing.T) {
	m, _ := newMetrics(t)
	var observing sync.WaitGroup
	for i := range 8 {
		observing.Go(func() {
			for range 100 {
				m.Observe(&proxy.Exchange{Tenant: "acme", Reason: []string{"listed", "no_origin"}[i%2], Sent: 1})
				m.SetTenants([]string{"acme"})
			}
		})
	}
	observing.Wait()
	expectLines(t, scrape(t, m), `originwarden_requests_total{kind="actual",reason="listed",tenant="acme",verdict=""} 400`,
		`originwarden_requests_total{kind="actual",reason="no_origin",tenant="acme",verdict=""} 400`,
		`originwarden_response_bytes_total{tenant="acme"} 800`)
}

// Native histograms are only in the protobuf exposition, so the test reads the
// registry.
func TestMetrics_HasNativeAndClassicHistograms(t *testing.T) {
	m, _ := newMetrics(t)
	for i := range 100_000 {
		took := time.Duration(i) * time.Duration(i) // from 0 to 10 s
		m.Observe(&proxy.Exchange{Tenant: "acme", ResponseTime: took, GatewayTime: took, UpstreamTime: took + 1})
	}
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, family := range families {
		if !strings.HasSuffix(family.GetName(), "_duration_seconds") || !strings.HasPrefix(family.GetName(), "originwarden_") {
			continue
		}
		h := family.Metric[0].GetHistogram()
		if native := len(h.PositiveDelta); h.Schema == nil || native < 20 || native > 160 || len(h.Bucket) != 14 || h.GetSampleCount() != 100_000 {
			t.Errorf("%s: %d native and %d classic buckets, want 20 to 160 and 14", family.GetName(), native, len(h.Bucket))
		}
		seen++
	}
	if seen != 3 {
		t.Errorf("%d histograms, want 3", seen)
	}
}

func TestMetrics_CountsAPIRequests(t *testing.T) {
	m, _ := newMetrics(t)
	m.ObserveAPI(api.Outcome{Route: "/web-integrations", Method: "GET", Status: 200})
	m.ObserveAPI(api.Outcome{Route: "none", Method: "other", Status: 429, Limit: api.LimitFailed})
	m.ObserveAPI(api.Outcome{Route: "/web-integrations", Method: "GET", Status: 503, Code: "STORE_UNAVAILABLE"})
	expectLines(t, scrape(t, m), `originwarden_api_requests_total{code="200",method="GET",route="/web-integrations"} 1`,
		`originwarden_api_requests_total{code="429",method="other",route="none"} 1`, `originwarden_limited_total{limit="failed"} 1`,
		`originwarden_api_errors_total{code="STORE_UNAVAILABLE"} 1`, `originwarden_api_errors_total{code="ISSUER_UNAVAILABLE"} 0`)
}

func TestMetrics_ReportsOpenTunnelsAndRequests(t *testing.T) {
	m, _ := newMetrics(t)
	m.WatchRequests(func() map[string]int { return map[string]int{"acme": 3, "another": 1, "third": 2} }, func() int64 { return 7 })
	expectLines(t, scrape(t, m), `originwarden_tunnels{tenant="acme"} 3`, `originwarden_tunnels{tenant="_other"} 3`,
		"originwarden_requests_in_flight 7")
}

func TestMetrics_ReportsUpstreamState(t *testing.T) {
	m, _ := newMetrics(t)
	m.WatchUpstreams(func() map[string]bool { return map[string]bool{"acme": true, "another": true, "third": false} })
	expectLines(t, scrape(t, m), `originwarden_upstream_up{tenant="acme"} 1`, `originwarden_upstream_up{tenant="_other"} 0`)
}

func TestMetrics_ReportsCache(t *testing.T) {
	m, lists := newMetrics(t)
	for _, tenant := range []string{"acme", "acme", "acme", "gone", "other"} {
		lists.List(t.Context(), tenant)
	}
	expectLines(t, scrape(t, m),
		"originwarden_cache_tenants 1", "originwarden_cache_origins 2", "originwarden_cache_hits_total 2",
		"originwarden_cache_misses_total 3", "originwarden_cache_evictions_total 1",
		`originwarden_cache_loads_total{outcome="ok"} 2`, `originwarden_cache_loads_total{outcome="failed"} 1`)
}

func TestMetrics_ReportsBuildInfo(t *testing.T) {
	m, _ := newMetrics(t)
	if got := scrape(t, m); !strings.Contains(got, `revision="abc",version="v1"} 1`) || !strings.Contains(got, "go_goroutines ") {
		t.Error("build_info or the metrics of the Go runtime are missing")
	}
}

// newPopulatedMetrics returns metrics that each have a series.
func newPopulatedMetrics(t *testing.T) *metrics.Metrics {
	m, _ := newMetrics(t)
	m.Observe(&proxy.Exchange{Tenant: "acme", Verdict: origins.Allowed, Reason: "listed", UpstreamTime: 1, UpstreamCause: "reset", Received: 1, Sent: 1})
	m.Observe(&proxy.Exchange{Tenant: "acme", Verdict: origins.Refused, Reason: "origin_not_listed", OwnHost: true})
	m.ObserveAPI(api.Outcome{Route: "/web-integrations", Method: "GET", Status: 200})
	m.WatchRequests(func() map[string]int { return map[string]int{"acme": 3} }, func() int64 { return 7 })
	m.WatchUpstreams(func() map[string]bool { return map[string]bool{"acme": true} })
	m.WatchLog(func() uint64 { return 1 })
	m.WatchCertificate("server", func() time.Time { return time.Now() })
	m.WatchFeed(func() metrics.Feed { return metrics.Feed{Confirmed: time.Now()} })
	m.WatchSnapshot(func() error { return nil })
	m.WatchInventory(func() metrics.Inventory { return metrics.Inventory{} })
	m.WatchWrites([]string{"other"}, func() metrics.Writes { return metrics.Writes{} })
	return m
}

func TestMetrics_FollowsPrometheusConventions(t *testing.T) {
	m := newPopulatedMetrics(t)
	problems, err := promlint.New(strings.NewReader(scrape(t, m))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "originwarden_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	m := metrics.New(metrics.Config{Tenants: []string{"acme"}, Lists: liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 1, Origins: 1}}, nil)})
	x := &proxy.Exchange{Tenant: "acme", Verdict: origins.Allowed, Reason: "listed", GatewayTime: 12 * time.Microsecond,
		ResponseTime: 1200 * time.Microsecond, UpstreamTime: time.Millisecond, Received: 100, Sent: 1000}
	b.ReportAllocs()
	for b.Loop() {
		m.Observe(x)
	}
}
