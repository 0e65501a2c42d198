package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"originwarden/cmd/originwarden/config"
	"originwarden/origins"
	"originwarden/proxy"
)

// lines observes exchanges and returns what was logged.
func lines(t *testing.T, cfg config.Log, exchanges ...proxy.Exchange) []map[string]any {
	t.Helper()
	out := newOutput()
	access := newAccessLog(newLogger(cfg, out), cfg.Access)
	for i := range exchanges {
		access.observe(&exchanges[i])
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

var everything = config.Log{Access: true}

func TestAccessLog_TellsEverythingOfAnExchange(t *testing.T) {
	got := lines(t, everything, proxy.Exchange{
		Tenant: "acme", Kind: origins.WebSocket, Verdict: origins.Allowed, Reason: "listed", Mode: proxy.Report,
		Method: "GET", Path: "/app/1", Client: netip.MustParseAddr("192.0.2.7"), TraceID: "0af7651916cd43dd8448eb211c80319c",
		Status: 502, Sent: 187, Received: 23, Duration: 1500 * time.Millisecond, Upstream: 250 * time.Millisecond,
		UpstreamCause: "connect", TunnelEnd: "idle", Limit: "body_bytes", Nearest: origins.Miss{Relation: origins.OtherPort, Entry: "http://a:1"}, API: true, Cut: true, OwnHost: true, Err: errors.New("dial tcp: refused"),
	})
	want := map[string]any{
		"level": "warn", "msg": "request",
		"tenant": "acme", "kind": "websocket", "verdict": "allowed", "reason": "listed", "mode": "report",
		"method": "GET", "path": "/app/1", "client": "192.0.2.7", "trace_id": "0af7651916cd43dd8448eb211c80319c",
		"status": 502.0, "bytes": 187.0, "received": 23.0, "duration": 1.5, "upstream": 0.25,
		"upstream_cause": "connect", "tunnel_end": "idle", "limit": "body_bytes", "nearest": "http://a:1", "nearest_is": "other_port", "api": true, "cut": true, "own_host": true, "fix": "if the origin is an address of the tenant itself, add it to public_origins", "error": "dial tcp: refused",
	}
	if len(got) != 1 {
		t.Fatalf("%d lines", len(got))
	}
	written, err := time.Parse(time.RFC3339Nano, fmt.Sprint(got[0]["ts"]))
	if delete(got[0], "ts"); err != nil || time.Since(written) > time.Minute || !maps.Equal(got[0], want) {
		t.Errorf("got  %v\nwant %v\nat %v, %v", got[0], want, written, err)
	}
}

func TestAccessLog_LeavesOutWhatIsNot(t *testing.T) {
	got := lines(t, everything, proxy.Exchange{Verdict: origins.Allowed, Reason: "no_origin"})[0]
	for _, name := range []string{"upstream_cause", "tunnel_end", "limit", "nearest", "nearest_is", "api", "cut", "own_host", "fix", "error"} {
		if _, there := got[name]; there {
			t.Errorf("%s is %v", name, got[name])
		}
	}
	if got["level"] != "info" {
		t.Errorf("the level is %v", got["level"])
	}
}

func TestAccessLog_EscapesAndCutsWhatClientsSend(t *testing.T) {
	for _, c := range []struct{ name, sent, path string }{
		{"plain", "/a/b?", "/a/b?"},
		{"quotes and backslashes", `/a"b\c`, `/a"b\c`},
		{"a line break", "/a\n{}", `/a\n{}`},
		{"a terminal's control sequence", "/\x1b[2J", `/\x1b[2J`},
		{"one in C1", "/\u009b2J", `/\u009b2J`},
		{"an override of direction", "/\u202eb", `/\u202eb`},
		{"what is no UTF-8", "/\xff", `/\xff`},
		{"a letter of another script", "/ä", `/\u00e4`},
		{"as long as it may be", strings.Repeat("a", 1024), strings.Repeat("a", 1024)},
		{"too long", strings.Repeat("a", 1<<20), strings.Repeat("a", 1024) + "..."},
	} {
		got := lines(t, everything, proxy.Exchange{Path: c.sent, Method: strings.Repeat("M", 99), Err: errors.New(c.sent)})[0]
		if got["path"] != c.path || got["error"] != c.path {
			t.Errorf("%s: got %v and %v, want %v", c.name, got["path"], got["error"], c.path)
		}
		if got["method"] != strings.Repeat("M", 32)+"..." {
			t.Errorf("the method is %v", got["method"])
		}
	}
}

func TestAccessLog_ChoosesItsLines(t *testing.T) {
	fine := proxy.Exchange{Verdict: origins.Allowed, Reason: "listed"}
	refused := proxy.Exchange{Verdict: origins.Refused, Reason: "origin_not_listed"}
	gone := proxy.Exchange{Verdict: origins.Allowed, Reason: "listed", UpstreamCause: "client", Err: errors.New("gone")}
	broken := proxy.Exchange{Verdict: origins.Allowed, Reason: "listed", UpstreamCause: "reset", Err: errors.New("reset")}
	noList := proxy.Exchange{Verdict: origins.Refused, Reason: "list_unavailable", Err: errors.New("disk")}
	for _, c := range []struct {
		name string
		log  config.Log
		want []string // reason and level
	}{
		{"all", everything, []string{"listed info", "origin_not_listed info", "listed info", "listed warn", "list_unavailable warn"}},
		{"without access", config.Log{}, []string{"listed warn", "list_unavailable warn"}},
		{"warnings", config.Log{Access: true, Level: config.Level(zapcore.WarnLevel)}, []string{"listed warn", "list_unavailable warn"}},
		{"errors", config.Log{Access: true, Level: config.Level(zapcore.ErrorLevel)}, nil},
	} {
		var got []string
		for _, line := range lines(t, c.log, fine, refused, gone, broken, noList) {
			got = append(got, fmt.Sprint(line["reason"], " ", line["level"]))
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAccessLog_LeavesNothingAllowedOut(t *testing.T) {
	flood := make([]proxy.Exchange, 5*refusedFirst)
	for i := range flood {
		flood[i] = proxy.Exchange{Verdict: origins.Allowed}
	}
	if n := len(lines(t, everything, flood...)); n != len(flood) {
		t.Errorf("%d lines of %d", n, len(flood))
	}
}

func TestLog_IsTextForPeopleInConsoleFormat(t *testing.T) {
	out := newOutput()
	newAccessLog(newLogger(config.Log{Format: config.Console}, out), true).observe(&proxy.Exchange{Path: "/\x1b[2J\n", Reason: "no_origin"})
	if text := out.String(); strings.Count(text, "\n") != 1 || strings.Contains(text, "\x1b") || !strings.Contains(text, "\tinfo\trequest\t{") {
		t.Errorf("%q", text)
	}
}

func TestLog_BoundsWhatTheServersReport(t *testing.T) {
	out := newOutput()
	linesOf(newLogger(config.Log{}, out), "serving").Print("http: bad \x1b[2J " + strings.Repeat("x", 1<<20))
	text := out.String()
	if len(text) > 5000 || strings.Contains(text, "\x1b") || !strings.Contains(text, `"msg":"serving","problem":"http: bad \\x1b[2J xxx`) {
		t.Errorf("%.200q", text)
	}
}

func BenchmarkAccessLog(b *testing.B) {
	for name, level := range map[string]zapcore.Level{"on": zapcore.InfoLevel, "off": zapcore.WarnLevel} {
		b.Run(name, func(b *testing.B) {
			access := newAccessLog(newLogger(config.Log{Level: config.Level(level)}, discard{}), true)
			x := proxy.Exchange{Tenant: "acme", Verdict: origins.Allowed, Reason: "listed", Method: "GET", Path: "/api/orders",
				Client: netip.MustParseAddr("192.0.2.7"), TraceID: "0af7651916cd43dd8448eb211c80319c", Status: 200}
			b.ReportAllocs()
			for b.Loop() {
				access.observe(&x)
			}
		})
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
