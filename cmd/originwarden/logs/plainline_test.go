package logs_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"originwarden/api"
	"originwarden/cmd/originwarden/logs"
	"originwarden/origins"
	"originwarden/proxy"
)

// lineOf returns the line of an exchange with a fixed time. The true one is the end of
// the exchange, or when zap has written the line.
func lineOf(t *testing.T, x proxy.Exchange) string {
	t.Helper()
	out := newOutput()
	before := time.Now()
	logs.NewAccessLog(logs.New(allRequests, out), true).Observe(&x)
	line := out.String()
	start, rest, _ := strings.Cut(line, `"ts":"`)
	text, rest, _ := strings.Cut(rest, `"`)
	at, err := time.Parse("2006-01-02T15:04:05.000000Z", text)
	if ended := x.Start.Add(x.Duration); err != nil || at.Before(before.Truncate(time.Microsecond)) && !at.Equal(ended.Truncate(time.Microsecond)) {
		t.Fatalf("time %q, %v, want %v or now: %s", text, err, ended, line)
	}
	return start + `"ts":"TIME"` + rest
}

// FuzzAccessLog_WritesLinesOfZap compares the lines that are written without zap with
// zap's. An exchange that something is attached to is written by zap.
func FuzzAccessLog_WritesLinesOfZap(f *testing.F) {
	f.Add("acme", "GET", "/api/orders", "https://app.example", "listed", int64(1500), int64(0), 200, uint8(0), "192.0.2.7")
	f.Add("", "", "", "", "", int64(0), int64(1e9), -1, uint8(1), "::1")
	f.Add("t", "PATCH", `/"\`, "null", "origin_not_listed", int64(1), int64(1e9+1), 1<<40, uint8(2), "fe80::1%eth0")
	f.Add("t", "GET", "/\n", "https://ä", "\x7f", int64(999999999), int64(100000000), 404, uint8(5), "::ffff:192.0.2.7")
	f.Add("t", strings.Repeat("M", 33), strings.Repeat("/", 1025), strings.Repeat("o", 400), "", int64(86400e9), int64(-1), 0, uint8(7), "")
	f.Add("t", "GET", "/asked", "https://app.example", "listed", int64(1500), int64(0), 200, uint8(64), "192.0.2.7")
	f.Add("t", "GET", "/asked", "", "no_origin", int64(1500), int64(0), 200, uint8(65), "192.0.2.7")
	f.Add("t", "GET", "<>&\u2028", "'", "`", int64(86399999999999), int64(123456789), 0, uint8(8), "10.0.0.1")
	f.Fuzz(func(t *testing.T, tenant, method, path, origin, reason string, duration, upstream int64, status int, modes uint8, client string) {
		x := proxy.Exchange{
			Tenant: tenant, Method: method, Path: path, Origin: origin, Reason: reason, TraceID: "0af7651916cd43dd8448eb211c80319c",
			Start: time.Unix(1700000000, 12345).Add(time.Duration(status)), Duration: time.Duration(duration), UpstreamTime: time.Duration(upstream),
			Status: status, Sent: duration, Received: upstream, Verdict: origins.Allowed, Kind: origins.Kind(modes % 3), Mode: proxy.Mode(modes / 3 % 3),
			Asked: modes%128 >= 64,
		}
		x.Client, _ = netip.ParseAddr(client)
		if modes >= 128 {
			x.Verdict = origins.Refused
		}
		ours := lineOf(t, x)
		x.Attached = new(api.Outcome)
		if zaps := lineOf(t, x); ours != zaps {
			t.Errorf("got  %s\nwant %s", ours, zaps)
		}
		if !json.Valid([]byte(ours)) {
			t.Errorf("no JSON: %s", ours)
		}
	})
}
