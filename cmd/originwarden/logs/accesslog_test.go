package logs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"originwarden/api"
	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/logs"
	"originwarden/origins"
	"originwarden/proxy"
)

// logExchanges observes exchanges and returns the fields of each line logged.
func logExchanges(t *testing.T, cfg config.Log, exchanges ...proxy.Exchange) []map[string]any {
	t.Helper()
	out := newOutput()
	access := logs.NewAccessLog(logs.New(cfg, out), cfg.Access)
	for i := range exchanges {
		access.Observe(&exchanges[i])
	}
	var all []map[string]any
	for line := range strings.Lines(out.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, fields)
	}
	return all
}

var allRequests = config.Log{Access: true}

func TestAccessLog_LogsAllFieldsOfExchange(t *testing.T) {
	got := logExchanges(t, allRequests, proxy.Exchange{
		Tenant: "acme", Kind: origins.WebSocket, Verdict: origins.Allowed, Reason: "listed", Mode: proxy.Report,
		Method: "GET", Path: "/app/1", Client: netip.MustParseAddr("192.0.2.7"), TraceID: "0af7651916cd43dd8448eb211c80319c",
		Status: 502, Sent: 187, Received: 23, Duration: 1500 * time.Millisecond, UpstreamTime: 250 * time.Millisecond,
		UpstreamCause: "connect", TunnelEnd: "idle", Limit: "body_bytes", Nearest: origins.NearMiss{Relation: origins.OtherPort, Entry: "http://a:1"}, API: true, Cut: true, OwnHost: true, Err: errors.New("dial tcp: refused"),
	})
	want := map[string]any{
		"level": "warn", "msg": "request",
		"tenant": "acme", "kind": "websocket", "verdict": "allowed", "reason": "listed", "mode": "report",
		"method": "GET", "path": "/app/1", "client": "192.0.2.7", "trace_id": "0af7651916cd43dd8448eb211c80319c",
		"status": 502.0, "bytes": 187.0, "received": 23.0, "duration": 1.5, "upstream": 0.25,
		"upstream_cause": "connect", "tunnel_end": "idle", "limit": "body_bytes", "nearest": "http://a:1", "nearest_is": "other_port", "api": true, "cut": true, "own_host": true, "fix": "if the origin is an address of the tenant itself, add it to public_origins", "error": "dial tcp: refused",
	}
	if len(got) != 1 {
		t.Fatalf("%d lines, want 1", len(got))
	}
	written, err := time.Parse(time.RFC3339Nano, fmt.Sprint(got[0]["ts"]))
	if delete(got[0], "ts"); err != nil || time.Since(written) > time.Minute || !maps.Equal(got[0], want) {
		t.Errorf("got  %v\nwant %v\nat %v, %v", got[0], want, written, err)
	}
}

func TestAccessLog_OmitsUnsetFields(t *testing.T) {
	got := logExchanges(t, allRequests, proxy.Exchange{Verdict: origins.Allowed, Reason: "no_origin"})[0]
	for _, name := range []string{"upstream_cause", "tunnel_end", "limit", "nearest", "nearest_is", "api", "cut", "own_host", "fix", "entry", "error"} {
		if _, ok := got[name]; ok {
			t.Errorf("unexpected field %s: %v", name, got[name])
		}
	}
	if got["level"] != "info" {
		t.Errorf("level %v, want info", got["level"])
	}
}

func TestAccessLog_NamesPattern(t *testing.T) {
	const entry = "https://pr-*.example.com"
	hasFix := func(reason origins.Reason) bool {
		got := logExchanges(t, allRequests, proxy.Exchange{Verdict: reason.Verdict(), Reason: string(reason), Decision: reason, Pattern: entry, Client: netip.MustParseAddr("192.0.2.7")})[0]
		if got["entry"] != entry {
			t.Errorf("%s: entry %v, want %s", reason, got["entry"], entry)
		}
		return strings.Contains(fmt.Sprint(got["fix"]), "key patterns")
	}
	for reason, want := range map[origins.Reason]bool{
		origins.Listed: false, origins.MethodNotAllowed: false, origins.PathExempt: false,
		origins.OriginNotListed: true, origins.OriginNotInWebIntegration: true,
	} {
		if got := hasFix(reason); got != want {
			t.Errorf("%s: has a fix: %v, want %v", reason, got, want)
		}
	}
}

func TestAccessLog_EscapesAndTruncatesClientInput(t *testing.T) {
	for _, c := range []struct{ name, sent, path string }{
		{"plain", "/a/b?", "/a/b?"},
		{"quotes and backslashes", `/a"b\c`, `/a"b\c`},
		{"line break", "/a\n{}", `/a\n{}`},
		{"terminal escape sequence", "/\x1b[2J", `/\x1b[2J`},
		{"C1 control character", "/\u009b2J", `/\u009b2J`},
		{"right-to-left override", "/\u202eb", `/\u202eb`},
		{"invalid UTF-8", "/\xff", `/\xff`},
		{"non-ASCII letter", "/ä", `/\u00e4`},
		{"longest path", strings.Repeat("a", 1024), strings.Repeat("a", 1024)},
		{"path too long", strings.Repeat("a", 1<<20), strings.Repeat("a", 1024) + "..."},
	} {
		got := logExchanges(t, allRequests, proxy.Exchange{Path: c.sent, Method: strings.Repeat("M", 99), Err: errors.New(c.sent)})[0]
		wantError, _, _ := strings.Cut(c.path, `"`) // quoted text of an error is not logged
		if got["path"] != c.path || got["error"] != wantError {
			t.Errorf("%s: path %v and error %v, want %v and %v", c.name, got["path"], got["error"], c.path, wantError)
		}
		if got["method"] != strings.Repeat("M", 32)+"..." {
			t.Errorf("method %v, want 32 characters", got["method"])
		}
	}
}

func TestAccessLog_FiltersByLevelAndAccess(t *testing.T) {
	allowed := proxy.Exchange{Verdict: origins.Allowed, Reason: "listed"}
	refused := proxy.Exchange{Verdict: origins.Refused, Reason: "origin_not_listed"}
	clientGone := proxy.Exchange{Verdict: origins.Allowed, Reason: "listed", UpstreamCause: "client", Err: errors.New("gone")}
	upstreamReset := proxy.Exchange{Verdict: origins.Allowed, Reason: "listed", UpstreamCause: "reset", Err: errors.New("reset")}
	noList := proxy.Exchange{Verdict: origins.Refused, Reason: "list_unavailable", Err: errors.New("disk")}
	for _, c := range []struct {
		name string
		log  config.Log
		want []string // reason and level
	}{
		{"all", allRequests, []string{"listed info", "origin_not_listed info", "listed info", "listed warn", "list_unavailable warn"}},
		{"without access", config.Log{}, []string{"listed warn", "list_unavailable warn"}},
		{"warnings", config.Log{Access: true, Level: config.Level(zapcore.WarnLevel)}, []string{"listed warn", "list_unavailable warn"}},
		{"errors", config.Log{Access: true, Level: config.Level(zapcore.ErrorLevel)}, nil},
	} {
		var got []string
		for _, line := range logExchanges(t, c.log, allowed, refused, clientGone, upstreamReset, noList) {
			got = append(got, fmt.Sprint(line["reason"], " ", line["level"]))
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAccessLog_DoesNotSampleAllowedRequests(t *testing.T) {
	flood := make([]proxy.Exchange, 5*refusedFirst)
	for i := range flood {
		flood[i] = proxy.Exchange{Verdict: origins.Allowed}
	}
	if n := len(logExchanges(t, allRequests, flood...)); n != len(flood) {
		t.Errorf("%d lines, want %d", n, len(flood))
	}
}

func TestLog_WritesTextInConsoleFormat(t *testing.T) {
	out := newOutput()
	logs.NewAccessLog(logs.New(config.Log{Format: config.Console}, out), true).Observe(&proxy.Exchange{Path: "/\x1b[2J\n", Reason: "no_origin"})
	if text := out.String(); strings.Count(text, "\n") != 1 || strings.Contains(text, "\x1b") || !strings.Contains(text, "\tinfo\trequest\t{") {
		t.Errorf("logged %q", text)
	}
}

func TestLog_TruncatesServerErrors(t *testing.T) {
	out := newOutput()
	logs.NewStdLogger(logs.New(config.Log{}, out), "serving").Print("http: TLS handshake error from \x1b[2J " + strings.Repeat("x", 1<<20))
	text := out.String()
	if len(text) > 5000 || strings.Contains(text, "\x1b") || !strings.Contains(text, `"msg":"serving","problem":"http: TLS handshake error from \\x1b[2J xxx`) {
		t.Errorf("logged %d bytes: %.200q", len(text), text)
	}
}

func TestLog_RemovesVariablePartsOfLibraryErrors(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{`Unsolicited response received on idle HTTP channel starting with "HTTP/1.1 200 OK\r\nSet-Cookie: s3cr3t"; err=<nil>`,
			"Unsolicited response received on idle HTTP channel starting with"},
		{"http: TLS handshake error from 192.0.2.1:5: EOF", "http: TLS handshake error from 192.0.2.1:5: EOF"},
		{`http: TLS handshake error from 192.0.2.1:5: tls: client requested unsupported application protocols (["s3cr3t"])`,
			"http: TLS handshake error from 192.0.2.1:5: tls: client requested unsupported application protocols"},
		{`http2: server: error reading preface from client 192.0.2.1:5: bogus greeting "s3cr3t"`,
			"http2: server: error reading preface from client 192.0.2.1:5: bogus greeting"},
		{"http2: server connection error from 192.0.2.1:5: connection error: PROTOCOL_ERROR", "http2: server connection error from 192.0.2.1:5: connection error: PROTOCOL_ERROR"},
		{"http: superfluous response.WriteHeader call from main.f (main.go:1)", "http: superfluous response.WriteHeader call from main.f (main.go:1)"},
		{`httputil: ReverseProxy read error during body copy: malformed MIME header: missing colon: "Set-Cookie s3cr3t"`,
			"httputil: ReverseProxy read error during body copy: malformed MIME header: missing colon"},
		{"http: panic serving 192.0.2.1:5: runtime error: index out of range\ngoroutine 7 [running]:\nmain.f(0x1)\n",
			"http: panic serving 192.0.2.1:5: runtime error: index out of range\ngoroutine 7 [running]:\nmain.f(0x1)"},
		{"http: panic serving 192.0.2.1:5: parsing \"s3cr3t\"\ns3cr3t\ngoroutine 7 [running]:\nmain.f(0x1)\n",
			"http: panic serving 192.0.2.1:5: parsing\ngoroutine 7 [running]:\nmain.f(0x1)"},
		{`net/http: invalid Cookie.Domain "s3cr3t"; dropping domain attribute`, "net/http"},
		{`http2: server encoding header "cookie" = "s3cr3t"`, "http2"},
		{"what nobody knows: s3cr3t", "what nobody knows"},
		{"what nobody knows `s3cr3t`", "what nobody knows"},
	} {
		out := newOutput()
		logs.NewStdLogger(logs.New(config.Log{}, out), "serving").Print(c.line)
		var got struct{ Problem string }
		if err := json.Unmarshal([]byte(out.String()), &got); err != nil || got.Problem != strings.ReplaceAll(c.want, "\n", `\n`) {
			t.Errorf("%s\nlogged as %q, want %q", c.line, got.Problem, c.want)
		}
	}
}

func TestAccessLog_RemovesQuotedTextFromErrors(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80}, Err: syscall.ECONNREFUSED}
	for _, c := range []struct {
		err  error
		want string
	}{
		{refused, "dial tcp 192.0.2.1:80: connection refused"},
		{&url.Error{Op: "Get", URL: "http://user:s3cr3t@a/?s3cr3t", Err: refused}, "Get: dial tcp 192.0.2.1:80: connection refused"},
		{errors.New(`net/http: HTTP/1.x transport connection broken: malformed HTTP response "s3cr3t"`), "net/http: HTTP/1.x transport connection broken: malformed HTTP response"},
		{errors.New(`http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR, debug="s3cr3t"`),
			"http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR, debug"},
		{errors.New(`stream error: stream ID 1; PROTOCOL_ERROR; invalid header field name "s3cr3t\x00"`), "stream error: stream ID 1; PROTOCOL_ERROR; invalid header field name"},
		{errors.New("failed to send to http://127.0.0.1:4318: 400 Bad Request (body: s3cr3t)"), "failed to send to http://127.0.0.1:4318: 400 Bad Request "},
	} {
		if got := logExchanges(t, allRequests, proxy.Exchange{Err: c.err})[0]["error"]; got != c.want {
			t.Errorf("%v\nlogged as %q, want %q", c.err, got, c.want)
		}
	}
}

func BenchmarkAccessLog(b *testing.B) {
	for _, row := range []struct {
		name     string
		level    zapcore.Level
		attached any
	}{
		{"on", zapcore.InfoLevel, nil},
		{"API", zapcore.InfoLevel, new(api.Outcome)}, // by zap
		{"off", zapcore.WarnLevel, nil},
	} {
		b.Run(row.name, func(b *testing.B) {
			access := logs.NewAccessLog(logs.New(config.Log{Level: config.Level(row.level)}, discard{}), true)
			x := proxy.Exchange{Tenant: "acme", Verdict: origins.Allowed, Reason: "listed", Method: "GET", Path: "/api/orders", Origin: "https://app.example",
				Client: netip.MustParseAddr("192.0.2.7"), TraceID: "0af7651916cd43dd8448eb211c80319c", Status: 200, Start: time.Now(), Duration: 123456, Attached: row.attached}
			b.ReportAllocs()
			for b.Loop() {
				access.Observe(&x)
			}
		})
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
