package cli

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// spanCollector is an OpenTelemetry collector that keeps the spans it receives.
type spanCollector struct {
	collectorpb.UnimplementedTraceServiceServer
	url string

	mu       sync.Mutex
	resource map[string]string
	spans    []*tracepb.Span
	raw      []byte
	arrived  chan struct{}
}

// startHTTPCollector serves OTLP over HTTP.
func startHTTPCollector(t *testing.T) *spanCollector {
	c := &spanCollector{arrived: make(chan struct{}, 1)}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// startGRPCCollector serves OTLP over gRPC.
func startGRPCCollector(t *testing.T) *spanCollector {
	c := &spanCollector{arrived: make(chan struct{}, 1)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	collectorpb.RegisterTraceServiceServer(server, c)
	go server.Serve(l)
	t.Cleanup(server.Stop)
	c.url = "grpc://" + l.Addr().String()
	return c
}

// ServeHTTP implements http.Handler.
func (c *spanCollector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var request collectorpb.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &request)
	}
	if err != nil || r.Method != "POST" || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		http.Error(w, fmt.Sprint(r.Method, r.URL, r.Header, err), http.StatusBadRequest)
		return
	}
	c.Export(r.Context(), &request)
}

// Export implements collectorpb.TraceServiceServer.
func (c *spanCollector) Export(_ context.Context, request *collectorpb.ExportTraceServiceRequest) (*collectorpb.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, of := range request.ResourceSpans {
		c.resource = attributeMap(of.Resource.Attributes)
		for _, in := range of.ScopeSpans {
			c.spans = append(c.spans, in.Spans...)
		}
	}
	raw, err := proto.Marshal(request)
	c.raw = append(c.raw, raw...)
	select {
	case c.arrived <- struct{}{}:
	default:
	}
	return &collectorpb.ExportTraceServiceResponse{}, err
}

// span is a collected span.
type span struct {
	name, trace, id, parent, state string
	attributes                     map[string]string
	failed                         bool
	start, end                     time.Time
}

// spansOf returns the spans of a kind.
func (c *spanCollector) spansOf(kind tracepb.Span_SpanKind) (all []span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if s.Kind == kind {
			all = append(all, span{s.Name, hex.EncodeToString(s.TraceId), hex.EncodeToString(s.SpanId), hex.EncodeToString(s.ParentSpanId),
				s.TraceState, attributeMap(s.Attributes), s.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR,
				time.Unix(0, int64(s.StartTimeUnixNano)), time.Unix(0, int64(s.EndTimeUnixNano))})
		}
	}
	return all
}

// awaitSpan waits for a span of a kind.
func (c *spanCollector) awaitSpan(t *testing.T, kind tracepb.Span_SpanKind) span {
	t.Helper()
	timeout := time.After(testTimeout)
	for {
		if all := c.spansOf(kind); len(all) > 0 {
			return all[0]
		}
		select {
		case <-c.arrived:
		case <-timeout:
			t.Fatal("no span received")
		}
	}
}

func (c *spanCollector) contains(text string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Contains(string(c.raw), text)
}

func attributeMap(attributes []*commonpb.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range attributes {
		switch v := a.Value.Value.(type) {
		case *commonpb.AnyValue_StringValue:
			all[a.Key] = v.StringValue
		case *commonpb.AnyValue_IntValue:
			all[a.Key] = fmt.Sprint(v.IntValue)
		case *commonpb.AnyValue_BoolValue:
			all[a.Key] = fmt.Sprint(v.BoolValue)
		}
	}
	return all
}

const (
	serverKind = tracepb.Span_SPAN_KIND_SERVER
	clientKind = tracepb.Span_SPAN_KIND_CLIENT
)
