package tracing

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/logs"
	"originwarden/proxy"
	"originwarden/proxy/request"
)

// upstreamAddress is the address in a client span.
type upstreamAddress struct {
	base       string // of URLs: the scheme, the host and the prefix
	attributes []attribute.KeyValue
}

// upstreamAddresses are those of tenants.
type upstreamAddresses struct {
	single map[string]upstreamAddress
	groups config.Groups
}

func newUpstreamAddresses(cfg *config.Config) upstreamAddresses {
	all := upstreamAddresses{make(map[string]upstreamAddress, len(cfg.Tenants)), cfg.Groups()}
	for i := range cfg.Tenants {
		if t := &cfg.Tenants[i]; !t.IsGroup() && t.Upstream.URL != nil {
			all.single[t.ID] = addressOf(*t.Upstream.URL)
		}
	}
	return all
}

// of returns the address of a tenant.
func (u upstreamAddresses) of(tenant string) upstreamAddress {
	if index := u.groups.IndexOfID(tenant); index >= 0 {
		return addressOf(*u.groups.At(index).Upstream.URL)
	}
	return u.single[tenant]
}

// addressOf returns the address of an upstream. A Unix socket has its path as address, no
// port, and localhost in URLs; HTTP/2 without TLS is http.
func addressOf(u url.URL) upstreamAddress {
	if u.Scheme == "unix" {
		return upstreamAddress{"http://localhost", []attribute.KeyValue{semconv.ServerAddress(u.Path)}}
	}
	if u.Scheme == "h2c" {
		u.Scheme = "http"
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		port = map[string]int{"http": 80, "https": 443}[u.Scheme]
	}
	return upstreamAddress{u.String(), []attribute.KeyValue{semconv.ServerAddress(u.Hostname()), semconv.ServerPort(port)}}
}

// Observe makes the spans of an exchange. Those of a WebSocket end with its handshake.
func Observe(x *proxy.Exchange) {
	s, ok := x.Spans.(*spans)
	if !ok || s.made {
		return
	}
	s.made = true
	ctx, server := s.startServer(x)
	s.makeClient(ctx, x)
	endServer(server, x)
}

func (s *spans) startServer(x *proxy.Exchange) (context.Context, trace.Span) {
	ctx := spanIDs{s.trace, s.server}.in(context.Background())
	if s.parent.IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, s.parent)
	}
	return s.tracer.Start(ctx, spanName(x.Method), trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(x.Start),
		trace.WithAttributes(semconv.URLScheme(s.scheme), semconv.NetworkProtocolVersion(s.version)), trace.WithAttributes(requestAttributes(x)...))
}

func endServer(server trace.Span, x *proxy.Exchange) {
	server.SetAttributes(
		semconv.URLPath(ownText(x.Path, logs.MaxPath)),
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
		server.SetAttributes(semconv.HTTPResponseStatusCode(x.Status))
	}
	if logs.HasFailed(x) || x.Status >= 500 {
		server.SetAttributes(semconv.ErrorTypeKey.String(errorType(x)))
		server.SetStatus(codes.Error, "")
	}
	server.End(trace.WithTimestamp(x.Start.Add(x.ResponseTime)))
}

// makeClient makes the client span, if the request was sent to the tenant.
func (s *spans) makeClient(ctx context.Context, x *proxy.Exchange) {
	if x.UpstreamTime == 0 {
		return
	}
	sentAt := x.Start.Add(x.GatewayTime)
	at := s.upstreams.of(x.Tenant)
	_, span := s.tracer.Start(spanIDs{s.trace, s.client}.in(ctx), spanName(x.Method),
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
	if method := knownMethod(x.Method); method != "" {
		return []attribute.KeyValue{semconv.HTTPRequestMethodKey.String(method)}
	}
	return []attribute.KeyValue{semconv.HTTPRequestMethodOther, semconv.HTTPRequestMethodOriginal(ownText(x.Method, logs.MaxMethod))}
}

// ownText returns text from a request as spans have it. It is a copy: a span waits for the
// collector, and what it has from a request would keep all of it in memory.
func ownText(text string, limit int) string {
	return strings.Clone(logs.Escape(text, limit))
}

func errorType(x *proxy.Exchange) string {
	if x.UpstreamCause != "" {
		return x.UpstreamCause
	}
	return strconv.Itoa(x.Status)
}

// versionOf returns the version of HTTP.
func versionOf(r *request.Request) string {
	if !r.HTTP1 {
		return "2"
	}
	return "1." + strconv.Itoa(r.Minor)
}
