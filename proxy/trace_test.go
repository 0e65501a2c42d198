package proxy_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"originwarden/envelope"
	"originwarden/proxy"
)

const (
	traceID = "0af7651916cd43dd8448eb211c80319c"
	traced  = "00-" + traceID + "-b7ad6b7169203331-01"
)

func TestGateway_HandsOnAValidTrace(t *testing.T) {
	for _, protocol := range protocols() {
		w := newWorld(t, options{protocol: protocol})
		for _, line := range []string{traced, "00-" + traceID + "-b7ad6b7169203331-00", "cc-" + traceID + "-b7ad6b7169203331-01-what"} {
			headers := []string{"traceparent: " + line, "tracestate: a=1,b=2", "baggage: user=7"}
			if protocol != http2 {
				headers = append(headers, "Connection: traceparent")
			}
			w.send(request("GET /", headers...))
			saw, x := w.tenantSaw()[0].Header, w.observed()
			if !slices.Equal(saw["Traceparent"], []string{line}) || x.TraceID != traceID {
				t.Errorf("%s: the tenant got %q, observed %s", line, saw["Traceparent"], x.TraceID)
			}
			if saw.Get("Tracestate") != "a=1,b=2" || saw.Get("Baggage") != "user=7" {
				t.Errorf("%s: the tenant got %q and %q", line, saw["Tracestate"], saw["Baggage"])
			}
		}
	}
}

func TestGateway_BeginsATraceWhereThereIsNoValidOne(t *testing.T) {
	for _, row := range []struct {
		rule    string
		lines   []string
		sampled float64
		flags   string
	}{
		{"none", nil, 0, "-00"},
		{"none, and all are sampled", nil, 1, "-01"},
		{"one that is not valid", []string{"traceparent: 00-" + strings.ToUpper(traceID) + "-b7ad6b7169203331-01"}, 0, "-00"},
		{"two", []string{"traceparent: " + traced, "traceparent: " + traced}, 0, "-00"},
		{"one that Connection takes away", []string{"traceparent: x", "Connection: traceparent"}, 1, "-01"},
	} {
		w := newWorld(t, options{config: func(c *proxy.Config) { c.Sampled = row.sampled }})
		w.send(request("GET /", append(row.lines, "tracestate: a=1")...))
		saw, x := w.tenantSaw()[0].Header, w.observed()
		id, valid := envelope.ParseTraceparent(saw["Traceparent"])
		if !valid || id != x.TraceID || id == traceID || !strings.HasSuffix(saw.Get("Traceparent"), row.flags) || saw["Tracestate"] != nil {
			t.Errorf("%s: the tenant got %q and %q, observed %s", row.rule, saw["Traceparent"], saw["Tracestate"], x.TraceID)
		}
	}
}

func TestGateway_TellsTheTraceInRefusals(t *testing.T) {
	w := newWorld(t, options{})
	for _, lines := range [][]string{nil, {"traceparent: " + traced}} {
		got := w.send(request("GET /", append(lines, "Origin: "+unlisted)...))
		var told envelope.Document
		if err := json.Unmarshal([]byte(got.body), &told); err != nil {
			t.Fatal(err)
		}
		if x := w.observed(); told.TraceID != x.TraceID || (told.TraceID == traceID) != (lines != nil) {
			t.Errorf("%q: told %s, observed %s", lines, told.TraceID, x.TraceID)
		}
	}
}

func TestGateway_CountsBodies(t *testing.T) {
	w := newWorld(t, options{})
	for _, row := range []struct {
		rule, raw string
		received  int64
	}{
		{"none", request("GET /"), 0},
		{"of a length", request("POST /", "Content-Length: 5") + "hello", 5},
		{"in chunks, of which the form does not count", request("POST /", "Transfer-Encoding: chunked") + "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", 5},
		{"of a request that is refused, as far as it was read", request("POST /", "Origin: "+unlisted, "Content-Length: 5") + "hello", 0},
	} {
		got := w.send(row.raw)
		if x := w.observed(); x.Received != row.received || x.Sent != int64(len(got.body)) {
			t.Errorf("%s: received %d and sent %d, want %d and %d", row.rule, x.Received, x.Sent, row.received, len(got.body))
		}
	}
}

type requestKey struct{}

func TestGateway_TellsOfATunnelWhileItIsOpen(t *testing.T) {
	var received, sent atomic.Int64
	opened := make(chan proxy.Exchange, 1)
	w := newWorld(t, options{tenant: upgrading("Connection: Upgrade\r\nUpgrade: websocket\r\n"), config: func(c *proxy.Config) {
		c.OnOpen = func(ctx context.Context, x *proxy.Exchange) {
			if ctx.Value(requestKey{}) == "of the request" {
				opened <- *x
			}
		}
		c.OnRelay = func(tenant string, fromClient, fromTenant int) {
			if tenant == "acme" {
				received.Add(int64(fromClient))
				sent.Add(int64(fromTenant))
			}
		}
	}})
	w.gateway.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.proxy.ServeHTTP(rw, r.WithContext(context.WithValue(r.Context(), requestKey{}, "of the request")))
	})
	conn := w.dial()
	io.WriteString(conn, handshake("/", "Origin: "+listed, "traceparent: "+traced)+"over.")
	answers := bufio.NewReader(conn)
	if _, err := http.ReadResponse(answers, &http.Request{Method: "GET"}); err != nil {
		t.Fatal(err)
	}
	if x := <-opened; x.Status != 101 || x.TraceID != traceID || x.Reason != "listed" || x.UpstreamTime == 0 || x.ResponseTime != x.GatewayTime+x.UpstreamTime {
		t.Errorf("opened %+v", x)
	}
	for _, want := range []string{"hello.", "over."} {
		if got, err := answers.ReadString('.'); err != nil || got != want {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	io.WriteString(conn, "bye.")
	x := w.observed()
	if x.Received != int64(len("over.bye.")) || x.Sent != int64(len("hello.over.")) || received.Load() != x.Received || sent.Load() != x.Sent {
		t.Errorf("received %d and sent %d, relayed %d and %d", x.Received, x.Sent, received.Load(), sent.Load())
	}
	if saw := w.tenantSaw()[0].Header; saw.Get("Traceparent") != traced {
		t.Errorf("the tenant got %q", saw["Traceparent"])
	}
}
