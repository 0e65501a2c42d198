package metrics_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"originwarden/api"
	"originwarden/metrics"
	"originwarden/origins"
	"originwarden/proxy"
)

func newMetrics(t *testing.T) (*metrics.Metrics, *origins.Cache) {
	t.Helper()
	lists := origins.NewCache(origins.Bounds{Tenants: 1, Origins: 10}, func(_ context.Context, tenant string) (*origins.List, error) {
		if tenant == "gone" {
			return nil, context.DeadlineExceeded
		}
		return origins.NewList(1, []origins.Part{{ID: "one", Revision: 1, Origins: []string{"https://a.example", "https://b.example"}}}), nil
	})
	return metrics.New(metrics.Config{Tenants: []string{"acme"}, Lists: lists, Version: "v1", Revision: "abc"}), lists
}

func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func expectLines(t *testing.T, exposition string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(exposition, "\n"+line+"\n") {
			t.Errorf("there is no line %s", line)
		}
	}
}

func TestMetrics_CountsExchanges(t *testing.T) {
	m, _ := newMetrics(t)
	observe := func(x proxy.Exchange) { m.Observe(&x) }
	observe(proxy.Exchange{Tenant: "acme", Verdict: origins.Allowed, Reason: "listed", Gateway: 20 * time.Microsecond,
		Answer: 30 * time.Millisecond, Duration: time.Hour, Upstream: 20 * time.Millisecond})
	observe(proxy.Exchange{Tenant: "acme", Kind: origins.Preflight, Verdict: origins.Refused, Reason: "origin_not_listed"})
	observe(proxy.Exchange{Tenant: "acme", Kind: origins.WebSocket, Verdict: origins.Allowed, Reason: "listed", Upstream: time.Second, UpstreamCause: "timeout"})
	observe(proxy.Exchange{Tenant: "another", Verdict: origins.Allowed, Reason: "no_origin"})
	observe(proxy.Exchange{Verdict: origins.Refused, Reason: "tenant_unknown"})
	observe(proxy.Exchange{Kind: origins.WebSocket, Tenant: "acme", Verdict: origins.Allowed, Reason: "listed", TunnelEnd: "revoked"})
	observe(proxy.Exchange{Tenant: "acme", Verdict: origins.Allowed, Reason: "listed", Limit: "body_bytes"})
	m.Limited("connections_per_client")
	expectLines(t, scrape(t, m),
		`originwarden_requests_total{kind="actual",reason="listed",tenant="acme",verdict="allowed"} 2`,
		`originwarden_requests_total{kind="preflight",reason="origin_not_listed",tenant="acme",verdict="refused"} 1`,
		`originwarden_requests_total{kind="actual",reason="no_origin",tenant="_other",verdict="allowed"} 1`,
		`originwarden_requests_total{kind="actual",reason="tenant_unknown",tenant="_none",verdict="refused"} 1`,
		`originwarden_request_duration_seconds_count{kind="actual"} 4`,
		`originwarden_request_duration_seconds_bucket{kind="actual",le="0.05"} 4`,
		`originwarden_gateway_duration_seconds_bucket{kind="actual",le="1e-05"} 3`,
		`originwarden_upstream_duration_seconds_count{tenant="acme"} 2`,
		`originwarden_upstream_errors_total{cause="timeout",tenant="acme"} 1`,
		`originwarden_tunnels_closed_total{cause="revoked"} 1`,
		`originwarden_limited_total{limit="body_bytes"} 1`,
		`originwarden_limited_total{limit="connections_per_client"} 1`)
}

func TestMetrics_CountsTheAPI(t *testing.T) {
	m, _ := newMetrics(t)
	m.ObserveAPI(api.Outcome{Route: "/web-integrations", Method: "GET", Status: 200})
	m.ObserveAPI(api.Outcome{Route: "none", Method: "other", Status: 429, Limit: api.LimitFailed})
	expectLines(t, scrape(t, m), `originwarden_api_requests_total{code="200",method="GET",route="/web-integrations"} 1`,
		`originwarden_api_requests_total{code="429",method="other",route="none"} 1`, `originwarden_limited_total{limit="failed"} 1`)
}

func TestMetrics_ShowsWhatIsOpen(t *testing.T) {
	m, _ := newMetrics(t)
	m.Watch(func() map[string]int { return map[string]int{"acme": 3, "another": 1, "third": 2} }, func() int64 { return 7 })
	expectLines(t, scrape(t, m), `originwarden_tunnels{tenant="acme"} 3`, `originwarden_tunnels{tenant="_other"} 3`,
		"originwarden_requests_in_flight 7")
}

func TestMetrics_ShowsTheCache(t *testing.T) {
	m, lists := newMetrics(t)
	for _, tenant := range []string{"acme", "acme", "acme", "gone", "other"} {
		lists.List(t.Context(), tenant)
	}
	expectLines(t, scrape(t, m),
		"originwarden_cache_tenants 1", "originwarden_cache_origins 2", "originwarden_cache_hits_total 2",
		"originwarden_cache_misses_total 3", "originwarden_cache_evictions_total 1",
		`originwarden_cache_loads_total{outcome="ok"} 2`, `originwarden_cache_loads_total{outcome="failed"} 1`)
}

func TestMetrics_TellsTheBuild(t *testing.T) {
	m, _ := newMetrics(t)
	if got := scrape(t, m); !strings.Contains(got, `revision="abc",version="v1"} 1`) || !strings.Contains(got, "go_goroutines ") {
		t.Error("there is no build_info, or nothing of the Go runtime")
	}
}

func TestMetrics_FollowPrometheusConventions(t *testing.T) {
	m, _ := newMetrics(t)
	m.Observe(&proxy.Exchange{Tenant: "acme", Verdict: origins.Allowed, Reason: "listed", Upstream: 1, UpstreamCause: "reset"})
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
	m := metrics.New(metrics.Config{Tenants: []string{"acme"}, Lists: origins.NewCache(origins.Bounds{Tenants: 1, Origins: 1}, nil)})
	x := &proxy.Exchange{Tenant: "acme", Verdict: origins.Allowed, Reason: "listed", Upstream: time.Millisecond}
	b.ReportAllocs()
	for b.Loop() {
		m.Observe(x)
	}
}
