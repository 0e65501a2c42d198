package tracing_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/logs"
	"originwarden/cmd/originwarden/tracing"
	"originwarden/lists"
	"originwarden/lists/liststest"
	"originwarden/origins"
	"originwarden/proxy"
	"os"
	"testing"
)

func TestTracing_IsOffWithoutCollector(t *testing.T) {
	tracer, err := tracing.New(t.Context(), config.Tracing{Sample: 1}, "1.0", logs.New(config.Log{}, io.Discard), nil)
	if tracer != nil || err != nil || tracer.Begin(config.Default(), nil) != nil {
		t.Errorf("New = %v, %v, want nil, no error, and no hook", tracer, err)
	}
}

// newTracedGateway returns the handler of a gateway whose upstream is a server.
func newTracedGateway(b *testing.B, cfg *config.Config, t *tracing.Tracer) http.Handler {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }))
	b.Cleanup(upstream.Close)
	target, _ := url.Parse(upstream.URL)
	gateway, err := proxy.New(proxy.Config{
		Tenants: []proxy.Tenant{{ID: "acme", Upstream: target}}, OnEnd: tracing.Observe, Trace: t.Begin(cfg, nil), Sampled: 1,
		Lists: liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 1, Origins: 1}}, func(context.Context, string) (*origins.List, error) { return origins.NewList(1, nil), nil }),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(gateway.Close)
	return gateway
}

func BenchmarkTracing(b *testing.B) {
	log := logs.New(config.Log{}, os.Stderr)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	defer collector.Close()
	collectorURL, _ := url.Parse(collector.URL)
	for _, mode := range []struct {
		name string
		cfg  config.Tracing
	}{{"off", config.Tracing{Sample: 1}}, {"not sampled", config.Tracing{OTLP: config.Collector{URL: collectorURL}}}, {"on", config.Tracing{OTLP: config.Collector{URL: collectorURL}, Sample: 1}}} {
		b.Run(mode.name, func(b *testing.B) {
			tracer, err := tracing.New(b.Context(), mode.cfg, "1.0", log, func(string, int) {})
			if err != nil {
				b.Fatal(err)
			}
			defer tracer.Close(b.Context())
			handler := newTracedGateway(b, &config.Config{Tracing: mode.cfg}, tracer)
			b.ReportAllocs()
			for b.Loop() {
				handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/a", nil))
			}
		})
	}
}
