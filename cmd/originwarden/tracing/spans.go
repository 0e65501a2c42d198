package tracing

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"originwarden/cmd/originwarden/config"
	"originwarden/envelope"
	"originwarden/envelope/clientaddr"
	"originwarden/proxy"
	"originwarden/proxy/request"
)

// settings are those of a configuration.
type settings struct {
	*Tracer
	trusted   clientaddr.Proxies
	upstreams upstreamAddresses
}

// spans are the server span of a sampled request, and the client span of the request
// to the tenant. They are made when both have ended: a request may begin in one lane
// and be served by the other.
type spans struct {
	*settings
	parent         trace.SpanContext // invalid: the trace begins here
	trace          trace.TraceID
	server, client trace.SpanID
	scheme         string // of the connection
	version        string // of HTTP
	made           bool
}

// Begin returns proxy.Config.Trace for a configuration. A nil Tracer returns nil.
func (t *Tracer) Begin(cfg *config.Config, trusted []netip.Prefix) func(*request.Request) proxy.Trace {
	if t == nil {
		return nil
	}
	return (&settings{Tracer: t, trusted: trusted, upstreams: newUpstreamAddresses(cfg)}).begin
}

// begin chooses the ids of a request's spans. The tenant's span is a child of the
// client span.
func (s *settings) begin(r *request.Request) proxy.Trace {
	parent, dropsState := s.parent(r)
	id, sampled := parent.TraceID(), parent.IsSampled()
	if !parent.IsValid() {
		id = newTraceID()
		sampled = s.samplesNew(id)
	}
	client := newSpanID()
	begun := proxy.Trace{Parent: traceparent(id, client, sampled), DropsState: dropsState}
	if sampled {
		begun.Spans = &spans{settings: s, parent: parent, trace: id, server: newSpanID(), client: client, scheme: r.Scheme(), version: versionOf(r)}
	}
	return begun
}

// parent returns the span that r is a child of, or an invalid one, and whether r's
// tracestate is invalid, or of no trace or another one. Whether that trace is sampled
// is for a trusted proxy to say: strangers would have everything sampled, or nothing,
// so that theirs are sampled like our own.
func (s *settings) parent(r *request.Request) (parent trace.SpanContext, dropsState bool) {
	lines := r.Fields.Values("Traceparent")
	id, ok := envelope.ParseTraceparent(lines)
	if !ok {
		return parent, true
	}
	var cfg trace.SpanContextConfig
	cfg.TraceID, _ = trace.TraceIDFromHex(id)
	cfg.SpanID, _ = trace.SpanIDFromHex(lines[0][36:52])
	cfg.TraceFlags = trace.TraceFlags(0).WithSampled(s.samplesParent(r, lines[0]))
	state, err := trace.ParseTraceState(strings.Clone(strings.Join(r.Fields.Values("Tracestate"), ",")))
	cfg.TraceState = state
	return trace.NewSpanContext(cfg), err != nil
}

func (s *settings) samplesParent(r *request.Request, traceparent string) bool {
	if s.trusted.Contains(r.Peer) {
		flags, _ := hex.DecodeString(traceparent[53:55])
		return flags[0]&byte(trace.FlagsSampled) != 0
	}
	return rand.Float64() < s.sampled
}

// samplesNew reports whether a trace that begins here is sampled.
func (s *settings) samplesNew(id trace.TraceID) bool {
	return s.sampler.ShouldSample(sdk.SamplingParameters{ParentContext: context.Background(), TraceID: id}).Decision == sdk.RecordAndSample
}

// traceparent returns the line that makes a span of the tenant's a child of span.
func traceparent(id trace.TraceID, span trace.SpanID, sampled bool) string {
	return "00-" + id.String() + "-" + span.String() + "-" + trace.TraceFlags(0).WithSampled(sampled).String()
}

// spanName returns the method, of which there are few (OpenTelemetry, HTTP spans,
// "Name").
func spanName(method string) string { return cmp.Or(knownMethod(method), "HTTP") }

var knownMethods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"}

// knownMethod returns the method, without the memory of the request, or "" if it is not
// known.
func knownMethod(method string) string {
	if i := slices.Index(knownMethods, method); i >= 0 {
		return knownMethods[i]
	}
	return ""
}

// spanIDs are the ids of a span, which were chosen before it is made.
type spanIDs struct {
	trace trace.TraceID
	span  trace.SpanID
}

type spanIDsKey struct{}

// in returns ctx with the ids for the next span.
func (ids spanIDs) in(ctx context.Context) context.Context {
	return context.WithValue(ctx, spanIDsKey{}, ids)
}

// chosenIDs is an sdk.IDGenerator.
type chosenIDs struct{}

// NewIDs implements sdk.IDGenerator.
func (chosenIDs) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	ids := ctx.Value(spanIDsKey{}).(spanIDs)
	return ids.trace, ids.span
}

// NewSpanID implements sdk.IDGenerator.
func (chosenIDs) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	return ctx.Value(spanIDsKey{}).(spanIDs).span
}

func newTraceID() (id trace.TraceID) {
	binary.BigEndian.PutUint64(id[:8], rand.Uint64())
	binary.BigEndian.PutUint64(id[8:], rand.Uint64()|1)
	return id
}

func newSpanID() (id trace.SpanID) {
	binary.BigEndian.PutUint64(id[:], rand.Uint64()|1)
	return id
}
