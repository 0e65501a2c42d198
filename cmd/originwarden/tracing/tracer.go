package tracing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/logs"
)

// Tracer sends the spans of requests to a collector. A nil Tracer makes no spans. It
// may be used concurrently.
type Tracer struct {
	sampled  float64     // the share of traces
	sampler  sdk.Sampler // of those that begin here
	tracer   trace.Tracer
	provider *sdk.TracerProvider
	exporter *spanExporter
}

// New returns nil if no collector is configured. The collector need not be reachable.
// count is called with the outcome of spans.
func New(ctx context.Context, cfg config.Tracing, version string, log *logs.Logger, count func(outcome string, n int)) (*Tracer, error) {
	if cfg.OTLP.URL == nil {
		return nil, nil
	}
	to, err := newExporter(ctx, cfg.OTLP)
	if err != nil {
		return nil, fmt.Errorf("tracing to %s: %w", cfg.OTLP, err)
	}
	exporter := &spanExporter{SpanExporter: to, log: log, count: count}
	provider := sdk.NewTracerProvider(
		sdk.WithResource(newResource(ctx, version, log)),
		sdk.WithSampler(sdk.AlwaysSample()), // no spans are made of others; see begin
		sdk.WithIDGenerator(chosenIDs{}),
		sdk.WithSpanProcessor(exporter.processor()),
	)
	return &Tracer{sampled: float64(cfg.Sample), sampler: sdk.TraceIDRatioBased(float64(cfg.Sample)),
		tracer: provider.Tracer("originwarden"), provider: provider, exporter: exporter}, nil
}

func newExporter(ctx context.Context, at config.Collector) (sdk.SpanExporter, error) {
	if !at.GRPC() {
		u := *at.URL
		if u.Path == "" {
			u.Path = "/v1/traces" // OTLP, "OTLP/HTTP Request"
		}
		return otlptrace.New(ctx, otlptracehttp.NewClient(otlptracehttp.WithEndpointURL(u.String())))
	}
	options := []otlptracegrpc.Option{otlptracegrpc.WithEndpoint(at.Host)}
	if at.Scheme == "grpc" {
		options = append(options, otlptracegrpc.WithInsecure())
	}
	return otlptrace.New(ctx, otlptracegrpc.NewClient(options...))
}

// newResource identifies this process; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES
// may add to it.
func newResource(ctx context.Context, version string, log *logs.Logger) *resource.Resource {
	created, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName("originwarden"), semconv.ServiceVersion(version)),
		resource.WithFromEnv())
	if err != nil {
		log.Warn("spans lack some attributes of their resource: " + logs.Escape(err.Error(), logs.MaxError))
	}
	return created
}

// flushTimeout is how long a collector has to take the last spans.
const flushTimeout = 2 * time.Second

// Close sends the spans that wait, until ctx ends.
func (t *Tracer) Close(ctx context.Context) {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, t.exporter.giveUp)()
	if err := t.provider.Shutdown(ctx); err != nil && !errors.Is(err, ctx.Err()) {
		t.exporter.log.Warn("tracing did not shut down cleanly: " + logs.ErrorText(err))
	}
	t.exporter.close()
}
