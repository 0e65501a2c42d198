package tracing

import (
	"context"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/logs"
	"originwarden/proxy"
)

// upstreamAddress is the address in a client span.
type upstreamAddress struct {
	base       string // scheme and host
	attributes []attribute.KeyValue
}

func upstreamAddresses(cfg *config.Config) map[string]upstreamAddress {
	all := make(map[string]upstreamAddress, len(cfg.Tenants))
	for i := range cfg.Tenants {
		u := cfg.Tenants[i].Upstream.URL
		port, err := strconv.Atoi(u.Port())
		if err != nil {
			port = map[string]int{"http": 80, "https": 443}[u.Scheme]
		}
		all[cfg.Tenants[i].ID] = upstreamAddress{u.String(), []attribute.KeyValue{
			semconv.ServerAddress(u.Hostname()), semconv.ServerPort(port)}}
	}
	return all
}

// Observe ends the spans of an exchange. A WebSocket's ended with its handshake.
func (t *Tracer) Observe(ctx context.Context, x *proxy.Exchange) {
	if t == nil {
		return
	}
	if s, ok := ctx.Value(spansKey{}).(*spans); ok && s.server.IsRecording() {
		s.endClient(ctx, x)
		s.endServer(x)
	}
}

func (s *spans) endServer(x *proxy.Exchange) {
	s.server.SetAttributes(s.proto...)
	s.server.SetAttributes(requestAttributes(x)...)
	s.server.SetAttributes(
		semconv.URLPath(logs.Escape(x.Path, logs.MaxPath)),
		semconv.ClientAddress(x.Client.String()),
		semconv.HTTPRequestBodySize(int(x.Received)),
		semconv.HTTPResponseBodySize(int(x.Sent)),
		attribute.String("originwarden.tenant", x.Tenant),
		attribute.String("originwarden.kind", x.Kind.String()),
		attribute.String("originwarden.verdict", string(x.Verdict)),
		attribute.String("originwarden.reason", x.Reason),
		attribute.String("originwarden.mode", x.Mode.String()),
		attribute.Bool("originwarden.api", x.API),
	)
	if x.Status > 0 {
		s.server.SetAttributes(semconv.HTTPResponseStatusCode(x.Status))
	}
	if logs.HasFailed(x) || x.Status >= 500 {
		s.server.SetAttributes(semconv.ErrorTypeKey.String(errorType(x)))
		s.server.SetStatus(codes.Error, "")
	}
	s.server.End(trace.WithTimestamp(x.Start.Add(x.ResponseTime)))
}

// endClient records the client span, if the request was sent to the tenant.
func (s *spans) endClient(ctx context.Context, x *proxy.Exchange) {
	if x.UpstreamTime == 0 {
		return
	}
	sentAt := x.Start.Add(x.GatewayTime)
	at := s.upstreams[x.Tenant]
	_, span := s.tracer.Start(context.WithValue(ctx, spanIDKey{}, s.client), spanName(x.Method),
		trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(sentAt), trace.WithAttributes(at.attributes...),
		trace.WithAttributes(semconv.URLFull(at.base+logs.Escape(x.Path, logs.MaxPath))), trace.WithAttributes(requestAttributes(x)...))
	switch {
	case x.UpstreamCause != "":
		span.SetAttributes(semconv.ErrorTypeKey.String(x.UpstreamCause))
		span.SetStatus(codes.Error, "")
	case x.Err == nil:
		span.SetAttributes(semconv.HTTPResponseStatusCode(x.Status))
		if x.Status >= 400 {
			span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(x.Status)))
			span.SetStatus(codes.Error, "")
		}
	}
	span.End(trace.WithTimestamp(sentAt.Add(x.UpstreamTime)))
}

func requestAttributes(x *proxy.Exchange) []attribute.KeyValue {
	if isKnownMethod(x.Method) {
		return []attribute.KeyValue{semconv.HTTPRequestMethodKey.String(x.Method)}
	}
	return []attribute.KeyValue{semconv.HTTPRequestMethodOther, semconv.HTTPRequestMethodOriginal(logs.Escape(x.Method, logs.MaxMethod))}
}

func errorType(x *proxy.Exchange) string {
	if x.UpstreamCause != "" {
		return x.UpstreamCause
	}
	return strconv.Itoa(x.Status)
}

// protocolOf returns the attributes of r's connection.
func protocolOf(r *http.Request) []attribute.KeyValue {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	version := strconv.Itoa(r.ProtoMajor)
	if r.ProtoMajor == 1 {
		version += "." + strconv.Itoa(r.ProtoMinor)
	}
	return []attribute.KeyValue{semconv.URLScheme(scheme), semconv.NetworkProtocolVersion(version)}
}
