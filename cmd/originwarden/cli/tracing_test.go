package cli

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"originwarden/cmd/originwarden/demo"
)

const (
	clientTrace  = "0af7651916cd43dd8448eb211c80319c"
	clientParent = "b7ad6b7169203331"
)

// recordingTenant is a tenant that records the headers of its requests.
type recordingTenant struct{ got chan http.Header }

func (h *recordingTenant) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.got <- r.Header.Clone()
	hello(w, r)
}

// startTraced starts a gateway that sends spans to a collector. If the first line
// of more is "sample: RATE", it becomes an option of tracing.
func startTraced(t *testing.T, c *spanCollector, more ...string) (*runningCommand, *recordingTenant) {
	t.Helper()
	tenant := &recordingTenant{make(chan http.Header, 100)}
	return startTracedWithHandler(t, c, tenant.ServeHTTP, more...), tenant
}

func startTracedWithHandler(t *testing.T, c *spanCollector, tenant http.HandlerFunc, more ...string) *runningCommand {
	t.Helper()
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "5")
	sample := "tracing: {otlp: '" + c.url + "'}"
	if len(more) > 0 && strings.HasPrefix(more[0], "sample: ") {
		sample, more = "tracing: {otlp: '"+c.url+"', "+more[0]+"}", more[1:]
	}
	return launchGateway(t, Environment{}, t.TempDir(), tenantConfig(startServer(t, tenant), append(more, sample)...))
}

func expectAttributes(t *testing.T, s span, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if s.attributes[name] != value {
			t.Errorf("%s is %q, want %q", name, s.attributes[name], value)
		}
	}
}

func TestTracing_ExportsServerAndClientSpans(t *testing.T) {
	for i, collector := range []*spanCollector{startHTTPCollector(t), startHTTPCollector(t), startGRPCCollector(t), startGRPCCollector(t)} {
		lane := lanes()[i%2]
		name := lane + ", " + collector.url
		r, tenant := startTraced(t, collector, lane)
		send(t, "POST", r.tenants+"/a/b?token=secret", "12345", "Cookie: session=secret", "Authorization: Bearer secret")
		if status := r.stop(t); status != exitDone {
			t.Fatalf("exit status %d:\n%s", status, r.stderr)
		}
		server, client := collector.spansOf(serverKind), collector.spansOf(clientKind)
		if len(server) != 1 || len(client) != 1 {
			t.Fatalf("%s: %d server and %d client spans, want one each:\n%s", name, len(server), len(client), r.stderr)
		}
		s, c := server[0], client[0]
		if s.name != "POST" || s.parent != "" || c.name != "POST" || c.parent != s.id || c.trace != s.trace || s.failed || c.failed {
			t.Errorf("%s: got %+v and %+v", name, s, c)
		}
		if c.start.Before(s.start) || c.end.After(s.end) || !c.end.After(c.start) {
			t.Errorf("%s: client span from %v to %v is not within %v to %v", name, c.start, c.end, s.start, s.end)
		}
		expectAttributes(t, s, map[string]string{"http.request.method": "POST", "url.path": "/a/b", "url.scheme": "http", "http.response.status_code": "200",
			"network.protocol.version": "1.1", "client.address": "127.0.0.1", "http.request.body.size": "5", "http.response.body.size": "5", "error.type": "",
			"originwarden.tenant": "acme", "originwarden.kind": "actual", "originwarden.verdict": "allowed", "originwarden.reason": "no_origin", "originwarden.mode": "enforce", "originwarden.api": "false"})
		host, port, _ := net.SplitHostPort(strings.TrimPrefix(c.attributes["url.full"][:strings.Index(c.attributes["url.full"], "/a/b")], "http://"))
		expectAttributes(t, c, map[string]string{"http.request.method": "POST", "http.response.status_code": "200", "server.address": host, "server.port": port, "error.type": ""})
		expectAttributes(t, span{attributes: collector.resource}, map[string]string{"service.name": "originwarden", "telemetry.sdk.language": "go"})
		if got := (<-tenant.got)["Traceparent"]; !slices.Equal(got, []string{"00-" + s.trace + "-" + c.id + "-01"}) {
			t.Errorf("%s: the tenant got %q", name, got)
		}
		if !strings.Contains(r.stderr.String(), `"trace_id":"`+s.trace+`"`) || collector.contains("secret") {
			t.Errorf("%s: a secret is in the spans, or the trace is not in the log:\n%s", name, r.stderr)
		}
	}
}

func TestTracing_NamesAddressOfEachKindOfUpstream(t *testing.T) {
	for _, kind := range []string{"h2c", "unix"} {
		collector := startHTTPCollector(t)
		t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "5")
		url, _, _ := newKind(t, kind)
		prefix := map[string]string{"h2c": "/base"}[kind]
		r := launchGateway(t, Environment{}, t.TempDir(), tenantConfig(url+prefix, "tracing: {otlp: '"+collector.url+"'}"))
		send(t, "GET", r.tenants+"/x", "")
		r.stop(t)
		client := collector.spansOf(clientKind)
		if len(client) != 1 {
			t.Fatalf("%s: %d client spans, want one:\n%s", kind, len(client), r.stderr)
		}
		host, port, _ := net.SplitHostPort(strings.TrimPrefix(url, "h2c://"))
		full := "http://" + net.JoinHostPort(host, port) + prefix + "/x"
		if kind == "unix" {
			host, port, full = strings.TrimPrefix(url, "unix:"), "", "http://localhost/x"
		}
		expectAttributes(t, client[0], map[string]string{"server.address": host, "server.port": port, "url.full": full})
	}
}

func TestTracing_ContinuesClientTrace(t *testing.T) {
	const invalid = "Traceparent: 00-" + clientTrace + "-0000000000000000-01"
	valid := func(flags string) string {
		return "Traceparent: 00-" + clientTrace + "-" + clientParent + "-" + flags
	}
	const trusted = "trusted_proxies: [127.0.0.0/8]"
	rows := []struct {
		rule      string
		config    []string
		headers   []string
		continued bool
		sampled   bool
	}{
		{"sampled", nil, []string{valid("01")}, true, true},
		{"not sampled by an untrusted client", nil, []string{valid("00")}, true, true},
		{"later version", nil, []string{"Traceparent: cc-" + clientTrace + "-" + clientParent + "-01-x"}, true, true},
		{"sampled by an untrusted client", []string{"sample: 0"}, []string{valid("01")}, true, false},
		{"sampled by a trusted proxy", []string{"sample: 0", trusted}, []string{valid("01")}, true, true},
		{"sampled with other flags", []string{"sample: 0", trusted}, []string{valid("ff")}, true, true},
		{"not sampled by a trusted proxy", []string{"sample: 1", trusted}, []string{valid("02")}, true, false},
		{"no traceparent", nil, nil, false, true},
		{"no traceparent, not sampled", []string{"sample: 0"}, nil, false, false},
		{"invalid traceparent", nil, []string{invalid}, false, true},
		{"two traceparents", nil, []string{valid("01"), valid("01")}, false, true},
	}
	for i := range 2 * len(rows) {
		row, lane := rows[i/2], lanes()[i%2]
		row.rule += ", " + lane
		collector := startHTTPCollector(t)
		r, tenant := startTraced(t, collector, append(slices.Clone(row.config), lane)...)
		send(t, "GET", r.tenants, "", append(row.headers, "Tracestate: a=1", "Tracestate: b=2", "Baggage: c=3")...)
		r.stop(t)
		got := <-tenant.got
		parts := strings.Split(got.Get("Traceparent"), "-")
		if len(got["Traceparent"]) != 1 || len(parts) != 4 || (parts[1] == clientTrace) != row.continued || parts[2] == clientParent ||
			(parts[3] == "01") != row.sampled || got.Get("Baggage") != "c=3" || (len(got["Tracestate"]) == 2) != row.continued {
			t.Errorf("%s: the tenant got %q and %q", row.rule, got["Traceparent"], got["Tracestate"])
		}
		all := collector.spansOf(serverKind)
		if (len(all) == 1) != row.sampled {
			t.Fatalf("%s: %d server spans, sampled is %v", row.rule, len(all), row.sampled)
		}
		if row.sampled && (all[0].trace != parts[1] || (all[0].parent == clientParent) != row.continued || (all[0].state == "a=1,b=2") != row.continued) {
			t.Errorf("%s: got %+v", row.rule, all[0])
		}
		if !strings.Contains(r.stderr.String(), `"trace_id":"`+parts[1]+`"`) {
			t.Errorf("%s: the trace is not in the log", row.rule)
		}
	}
}

func TestTracing_RecordsOutcomeOfRequest(t *testing.T) {
	for _, lane := range lanes() {
		recordOutcomes(t, lane)
	}
}

func recordOutcomes(t *testing.T, lane string) {
	collector := startHTTPCollector(t)
	r := launchGateway(t, Environment{}, t.TempDir(), tenantConfig("http://127.0.0.1:1", lane, "tracing: {otlp: '"+collector.url+"'}"))
	send(t, "GET", r.tenants+"/refused", "", "Origin: https://evil.example")
	send(t, "OPTIONS", r.tenants+"/preflight", "", "Origin: "+strings.Replace(r.tenants, "127.0.0.1", "localhost", 1), "Access-Control-Request-Method: PUT")
	send(t, "GET", r.tenants+"/unreachable", "")
	send(t, "MADE-UP", r.tenants+collection, "")
	r.stop(t)
	want := map[string]map[string]string{
		"/refused":     {"originwarden.reason": "origin_not_listed", "originwarden.verdict": "refused", "http.response.status_code": "403", "error.type": ""},
		"/preflight":   {"originwarden.kind": "preflight", "http.response.status_code": "204", "http.request.method": "OPTIONS"},
		"/unreachable": {"http.response.status_code": "502", "error.type": "connect"},
		collection:     {"originwarden.api": "true", "http.request.method": "_OTHER", "http.request.method_original": "MADE-UP"},
	}
	all := collector.spansOf(serverKind)
	for _, s := range all {
		expectAttributes(t, s, want[s.attributes["url.path"]])
		if s.failed != (s.attributes["http.response.status_code"] == "502") || (s.name == "HTTP") != (s.attributes["originwarden.api"] == "true") {
			t.Errorf("got %+v", s)
		}
	}
	calls := collector.spansOf(clientKind)
	if len(all) != len(want) || len(calls) != 1 || !calls[0].failed || calls[0].attributes["error.type"] != "connect" || calls[0].attributes["http.response.status_code"] != "" {
		t.Errorf("%d spans, calls %+v", len(all), calls)
	}
}

func TestTracing_WebSocketSpanCoversHandshake(t *testing.T) {
	collector := startHTTPCollector(t)
	got := make(chan string, 1)
	r := startTracedWithHandler(t, collector, func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header.Get("Traceparent")
		demo.Tenant().ServeHTTP(w, r)
	})
	socket := dialWebSocket(t, r, r.tenants)
	s, c := collector.awaitSpan(t, serverKind), collector.awaitSpan(t, clientKind) // while the WebSocket is open
	if want := "00-" + s.trace + "-" + c.id + "-01"; <-got != want {
		t.Errorf("the tenant did not get %s", want)
	}
	expectAttributes(t, s, map[string]string{"originwarden.kind": "websocket", "http.response.status_code": "101"})
	if c.end.After(s.end) || s.end.Sub(s.start) > testTimeout {
		t.Errorf("got %+v and %+v", s, c)
	}
	socket.Close(websocket.StatusNormalClosure, "")
	r.await(t, r.stderr, `"tunnel_end"`)
	r.stop(t)
	if n := len(collector.spansOf(serverKind)) + len(collector.spansOf(clientKind)); n != 2 {
		t.Errorf("%d spans, want 2", n)
	}
}

func TestTracing_EscapesInvalidUTF8(t *testing.T) {
	collector := startHTTPCollector(t)
	r, tenant := startTraced(t, collector)
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.tenants, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /\xff/%s HTTP/1.1\r\nHost: a\r\ntracestate: \xff\xfe=1\r\ntraceparent: 00-%s-%s-01\r\n\r\n", strings.Repeat("a", 3000), clientTrace, clientParent)
	if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
		t.Fatal(err)
	}
	r.stop(t)
	if got := (<-tenant.got)["Tracestate"]; got != nil {
		t.Errorf("the tenant got %q", got)
	}
	if s := collector.spansOf(serverKind); len(s) != 1 || !strings.HasPrefix(s[0].attributes["url.path"], `/\xff/aaa`) || len(s[0].attributes["url.path"]) > 1100 || s[0].state != "" {
		t.Errorf("got %+v:\n%s", s, r.stderr)
	}
}

func TestTracing_ServesRequestsWithoutCollector(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	const gone = "127.0.0.1:1"
	for name, address := range map[string]string{
		"unreachable": gone, "silent": silent.Addr().String(),
	} {
		r, _ := startTraced(t, &spanCollector{url: "http://" + address})
		for range 20 {
			if response, text := send(t, "GET", r.tenants, ""); response.StatusCode != 200 || text != "hello" {
				t.Errorf("%s: %d %s", name, response.StatusCode, text)
			}
		}
		if address == gone {
			r.await(t, r.stderr, `"msg":"exporting spans failed"`)
		}
		start := time.Now()
		if status := r.stop(t); status != exitDone || time.Since(start) > 8*time.Second { // less than the drain timeout of 10s
			t.Errorf("%s: exit status %d after %v:\n%s", name, status, time.Since(start), r.stderr)
		}
		if log := r.stderr.String(); strings.Count(log, "exporting spans failed") != 1 || !strings.Contains(log, `"lost"`) {
			t.Errorf("%s:\n%s", name, log)
		}
	}
}

func TestTracing_CountsExportedSpans(t *testing.T) {
	collector := startHTTPCollector(t)
	r, _ := startTraced(t, collector)
	defer r.stop(t)
	send(t, "GET", r.tenants, "")
	collector.awaitSpan(t, serverKind)
	const want = `originwarden_trace_spans_total{outcome="exported"} 2`
	for t.Context().Err() == nil { // the exporter counts after the collector's response
		if _, text := send(t, "GET", r.admin+"/metrics", ""); strings.Contains(text, want) {
			return
		}
	}
}
