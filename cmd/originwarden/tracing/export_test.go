package tracing

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"

	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/logs"
	"originwarden/metrics"
	"originwarden/proxy"
	"originwarden/proxy/request"
)

// exporterFunc is an sdk.SpanExporter.
type exporterFunc func(context.Context, []sdk.ReadOnlySpan) error

func (f exporterFunc) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	return f(ctx, spans)
}

func (exporterFunc) Shutdown(context.Context) error { return nil }

func TestTracing_DropsSpansIfCollectorIsSlow(t *testing.T) {
	counted := map[string]int{}
	release := make(chan struct{})
	e := &spanExporter{log: logs.New(config.Log{}, io.Discard), count: func(outcome string, n int) { counted[outcome] += n }}
	e.SpanExporter = exporterFunc(func(ctx context.Context, _ []sdk.ReadOnlySpan) error {
		<-release
		return ctx.Err()
	})
	provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(e.processor()))
	const spans = maxSpansWaiting + 1000
	for range spans {
		_, span := provider.Tracer("").Start(t.Context(), "s")
		span.End()
	}
	if counted[metrics.SpansDropped] != 1000 || e.lost.Load() != 1000 {
		t.Errorf("counted %v, lost %d, want 1000 dropped", counted, e.lost.Load())
	}
	close(release)
	if err := provider.Shutdown(t.Context()); err != nil || counted[metrics.SpansExported] != maxSpansWaiting || e.waiting.Load() != 0 {
		t.Errorf("Shutdown: %v; counted %v, %d waiting, want all others exported", err, counted, e.waiting.Load())
	}
}

// Spans that wait for a slow collector do not keep the requests in memory that they are about.
func TestTracing_KeepsNoRequest(t *testing.T) {
	release := make(chan struct{})
	e := &spanExporter{log: logs.New(config.Log{}, io.Discard), count: func(string, int) {}}
	e.SpanExporter = exporterFunc(func(ctx context.Context, _ []sdk.ReadOnlySpan) error {
		<-release
		return ctx.Err()
	})
	provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(e.processor()))
	settings := &settings{Tracer: &Tracer{tracer: provider.Tracer(""), sampled: 1, sampler: sdk.AlwaysSample()}, upstreams: newUpstreamAddresses(&config.Config{})}
	before := heap()
	const spans, size = 100, 1 << 20
	for i := range spans {
		method := []string{"GET", "BREW"}[i%2]
		text := method + "/path00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01a=1" + strings.Repeat("x", size)
		method, path, parent, state := text[:len(method)], text[len(method):][:5], text[len(method)+5:][:55], text[len(method)+60:][:3]
		fields := http.Header{"Traceparent": {parent}, "Tracestate": {state}}
		begun := settings.begin(&request.Request{Fields: headerFields(fields), Method: method, HTTP1: true})
		Observe(&proxy.Exchange{Method: method, Path: path, Spans: begun.Spans})
	}
	if grown := heap() - before; e.waiting.Load() != spans || grown > spans*size/2 {
		t.Errorf("%d spans wait, with %d bytes", e.waiting.Load(), grown)
	}
	close(release)
	provider.Shutdown(t.Context())
}

// headerFields are request.Fields.
type headerFields http.Header

func (f headerFields) Values(name string) []string { return f[name] }

func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
