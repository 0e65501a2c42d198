package tracing

import (
	"context"
	"io"
	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/logs"
	"originwarden/metrics"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"
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
