package proxy_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"originwarden/envelope"
	"originwarden/proxy"
	lanerequest "originwarden/proxy/request"
)

const (
	traceID     = "0af7651916cd43dd8448eb211c80319c"
	traceparent = "00-" + traceID + "-b7ad6b7169203331-01"
)

func TestGateway_ForwardsValidTrace(t *testing.T) {
	for _, protocol := range protocols() {
		h := newHarness(t, options{protocol: protocol})
		for _, line := range []string{traceparent, "00-" + traceID + "-b7ad6b7169203331-00", "cc-" + traceID + "-b7ad6b7169203331-01-what"} {
			headers := []string{"traceparent: " + line, "tracestate: a=1,b=2", "baggage: user=7"}
			if protocol != http2 {
				headers = append(headers, "Connection: traceparent")
			}
			h.send(request("GET /", headers...))
			saw, x := h.tenantRequests()[0].Header, h.nextExchange()
			if !slices.Equal(saw["Traceparent"], []string{line}) || x.TraceID != traceID {
				t.Errorf("%s: tenant received %q; exchange has trace ID %s", line, saw["Traceparent"], x.TraceID)
			}
			if saw.Get("Tracestate") != "a=1,b=2" || saw.Get("Baggage") != "user=7" {
				t.Errorf("%s: tenant received tracestate %q, baggage %q", line, saw["Tracestate"], saw["Baggage"])
			}
		}
	}
}

func TestGateway_StartsTraceIfNoneIsValid(t *testing.T) {
	for _, row := range []struct {
		rule    string
		lines   []string
		sampled float64
		flags   string
	}{
		{"no traceparent", nil, 0, "-00"},
		{"no traceparent, all sampled", nil, 1, "-01"},
		{"invalid traceparent", []string{"traceparent: 00-" + strings.ToUpper(traceID) + "-b7ad6b7169203331-01"}, 0, "-00"},
		{"two traceparents", []string{"traceparent: " + traceparent, "traceparent: " + traceparent}, 0, "-00"},
		{"traceparent named in Connection", []string{"traceparent: x", "Connection: traceparent"}, 1, "-01"},
	} {
		h := newHarness(t, options{config: func(c *proxy.Config) { c.Sampled = row.sampled }})
		h.send(request("GET /", append(row.lines, "tracestate: a=1")...))
		saw, x := h.tenantRequests()[0].Header, h.nextExchange()
		id, valid := envelope.ParseTraceparent(saw["Traceparent"])
		if !valid || id != x.TraceID || id == traceID || !strings.HasSuffix(saw.Get("Traceparent"), row.flags) || saw["Tracestate"] != nil {
			t.Errorf("%s: tenant received traceparent %q, tracestate %q; exchange has trace ID %s", row.rule, saw["Traceparent"], saw["Tracestate"], x.TraceID)
		}
	}
}

func TestGateway_UsesTraceOfItsConfiguration(t *testing.T) {
	for _, protocol := range protocols() {
		for _, drops := range []bool{false, true} {
			spans := new(int)
			h := newHarness(t, options{protocol: protocol, config: func(c *proxy.Config) {
				c.Trace = func(r *lanerequest.Request) proxy.Trace {
					if got := r.Fields.Values("Traceparent"); r.Peer.String() != "127.0.0.1" || r.Scheme() != map[bool]string{true: "https", false: "http"}[protocol != http1] ||
						len(got) != 1 || got[0] != "invalid" || r.HTTP1 != (protocol != http2) || r.HTTP1 && r.Minor != 1 {
						t.Errorf("%s: Trace called with %+v", protocol, r)
					}
					return proxy.Trace{Parent: traceparent, DropsState: drops, Spans: spans}
				}
			}})
			h.send(request("GET /", "traceparent: invalid", "tracestate: a=1"))
			saw, x := h.tenantRequests()[0].Header, h.nextExchange()
			if !slices.Equal(saw["Traceparent"], []string{traceparent}) || (saw["Tracestate"] == nil) != drops {
				t.Errorf("%s: tenant received traceparent %q, tracestate %q", protocol, saw["Traceparent"], saw["Tracestate"])
			}
			if x.TraceID != traceID || x.Spans != spans {
				t.Errorf("%s: exchange has trace ID %s and spans %v", protocol, x.TraceID, x.Spans)
			}
		}
	}
}

func TestGateway_ReturnsTraceIDInRefusals(t *testing.T) {
	h := newHarness(t, options{})
	for _, lines := range [][]string{nil, {"traceparent: " + traceparent}} {
		got := h.send(request("GET /", append(lines, "Origin: "+unlisted)...))
		var body envelope.Document
		if err := json.Unmarshal([]byte(got.body), &body); err != nil {
			t.Fatal(err)
		}
		if x := h.nextExchange(); body.TraceID != x.TraceID || (body.TraceID == traceID) != (lines != nil) {
			t.Errorf("%q: trace ID %s in body, %s in exchange", lines, body.TraceID, x.TraceID)
		}
	}
}

func TestGateway_CountsBodyBytes(t *testing.T) {
	h := newHarness(t, options{})
	for _, row := range []struct {
		rule, raw string
		received  int64
	}{
		{"no body", request("GET /"), 0},
		{"Content-Length", request("POST /", "Content-Length: 5") + "hello", 5},
		{"chunks without their framing", request("POST /", "Transfer-Encoding: chunked") + "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", 5},
		{"unread body of refused request", request("POST /", "Origin: "+unlisted, "Content-Length: 5") + "hello", 0},
	} {
		got := h.send(row.raw)
		if x := h.nextExchange(); x.Received != row.received || x.Sent != int64(len(got.body)) {
			t.Errorf("%s: received %d and sent %d, want %d and %d", row.rule, x.Received, x.Sent, row.received, len(got.body))
		}
	}
}

func TestGateway_ReportsTunnelWhileItIsOpen(t *testing.T) {
	t.Parallel()
	var received, sent atomic.Int64
	opened := make(chan proxy.Exchange, 1)
	h := newHarness(t, options{tenant: acceptUpgrade("Connection: Upgrade\r\nUpgrade: websocket\r\n"), config: func(c *proxy.Config) {
		c.OnOpen = func(x *proxy.Exchange) { opened <- *x }
		c.OnRelay = func(tenant string, fromClient, fromTenant int) {
			if tenant == "acme" {
				received.Add(int64(fromClient))
				sent.Add(int64(fromTenant))
			}
		}
	}})
	conn := h.dial()
	io.WriteString(conn, handshake("/", "Origin: "+listed, "traceparent: "+traceparent)+"over.")
	responses := bufio.NewReader(conn)
	if _, err := http.ReadResponse(responses, &http.Request{Method: "GET"}); err != nil {
		t.Fatal(err)
	}
	if x := <-opened; x.Status != 101 || x.TraceID != traceID || x.Reason != "listed" || x.UpstreamTime == 0 || x.ResponseTime != x.GatewayTime+x.UpstreamTime {
		t.Errorf("OnOpen called with %+v", x)
	}
	for _, want := range []string{"hello.", "over."} {
		if got, err := responses.ReadString('.'); err != nil || got != want {
			t.Fatalf("got %q, error %v; want %q", got, err, want)
		}
	}
	io.WriteString(conn, "bye.")
	x := h.nextExchange()
	if x.Received != int64(len("over.bye.")) || x.Sent != int64(len("hello.over.")) || received.Load() != x.Received || sent.Load() != x.Sent {
		t.Errorf("received %d and sent %d, relayed %d and %d", x.Received, x.Sent, received.Load(), sent.Load())
	}
	if saw := h.tenantRequests()[0].Header; saw.Get("Traceparent") != traceparent {
		t.Errorf("tenant received traceparent %q", saw["Traceparent"])
	}
}
