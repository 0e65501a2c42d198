package tracing

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"originwarden/cmd/originwarden/config"
	"originwarden/envelope"
	"originwarden/envelope/clientaddr"
)

// handler makes two spans for each request: a server span, and a client span for the
// request to the tenant. It puts the client span into traceparent, which the gateway
// forwards unchanged.
type handler struct {
	*Tracer
	next      http.Handler
	sampled   float64
	trusted   clientaddr.Proxies
	upstreams map[string]upstreamAddress // by tenant
}

// Handler returns next with spans; a nil Tracer returns next.
func (t *Tracer) Handler(next http.Handler, cfg *config.Config, trusted []netip.Prefix) http.Handler {
	if t == nil {
		return next
	}
	return &handler{Tracer: t, next: next, sampled: float64(cfg.Tracing.Sample),
		trusted: trusted, upstreams: upstreamAddresses(cfg)}
}

// spans are those of one request.
type spans struct {
	*handler
	server trace.Span
	client trace.SpanID // of the span that is made when the tenant has responded
	proto  []attribute.KeyValue
}

type spansKey struct{}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, span := h.tracer.Start(h.parent(r), spanName(r.Method), trace.WithSpanKind(trace.SpanKindServer))
	defer span.End() // does nothing when it was observed
	s := &spans{handler: h, server: span, client: newSpanID(), proto: protocolOf(r)}
	r.Header["Traceparent"] = []string{traceparent(span.SpanContext(), s.client)}
	h.next.ServeHTTP(w, r.WithContext(context.WithValue(ctx, spansKey{}, s)))
}

// parent returns the context of r with the span that it is a child of. Whether that
// trace is sampled is for a trusted proxy to say: strangers would have
// everything sampled, or nothing, so that theirs are sampled like our own.
func (h *handler) parent(r *http.Request) context.Context {
	id, ok := envelope.ParseTraceparent(r.Header["Traceparent"])
	if !ok {
		delete(r.Header, "Tracestate") // of no trace, or of another one
		return r.Context()
	}
	line := r.Header["Traceparent"][0]
	var cfg trace.SpanContextConfig
	cfg.TraceID, _ = trace.TraceIDFromHex(id)
	cfg.SpanID, _ = trace.SpanIDFromHex(line[36:52])
	cfg.TraceFlags = trace.TraceFlags(0).WithSampled(h.samples(r, line))
	state, err := trace.ParseTraceState(strings.Join(r.Header["Tracestate"], ","))
	if err != nil {
		delete(r.Header, "Tracestate")
	}
	cfg.TraceState = state
	return trace.ContextWithRemoteSpanContext(r.Context(), trace.NewSpanContext(cfg))
}

func (h *handler) samples(r *http.Request, line string) bool {
	if h.trusted.Contains(clientaddr.Parse(r.RemoteAddr)) {
		flags, _ := hex.DecodeString(line[53:55])
		return flags[0]&byte(trace.FlagsSampled) != 0
	}
	return rand.Float64() < h.sampled
}

// traceparent returns the line that makes a span of the tenant's a child of span.
func traceparent(of trace.SpanContext, span trace.SpanID) string {
	return "00-" + of.TraceID().String() + "-" + span.String() + "-" + (of.TraceFlags() & trace.FlagsSampled).String()
}

// spanName returns the method, of which there are few (OpenTelemetry, HTTP spans,
// "Name").
func spanName(method string) string {
	if isKnownMethod(method) {
		return method
	}
	return "HTTP"
}

func isKnownMethod(method string) bool {
	return slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"}, method)
}

// spanIDs makes random ids, but for a span whose id was chosen before it began.
type spanIDs struct{}

type spanIDKey struct{}

// NewIDs implements sdk.IDGenerator.
func (spanIDs) NewIDs(context.Context) (id trace.TraceID, span trace.SpanID) {
	binary.BigEndian.PutUint64(id[:8], rand.Uint64())
	binary.BigEndian.PutUint64(id[8:], rand.Uint64()|1)
	return id, newSpanID()
}

// NewSpanID implements sdk.IDGenerator.
func (spanIDs) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	if chosen, ok := ctx.Value(spanIDKey{}).(trace.SpanID); ok {
		return chosen
	}
	return newSpanID()
}

func newSpanID() (id trace.SpanID) {
	binary.BigEndian.PutUint64(id[:], rand.Uint64()|1)
	return id
}
