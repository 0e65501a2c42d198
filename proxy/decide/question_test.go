package decide_test

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"originwarden/origins"
	"originwarden/proxy"
	"originwarden/proxy/decide"
	"originwarden/proxy/decide/decidetest"
	"originwarden/proxy/request"
)

// required are the fields without which there is no question.
func required() map[decide.Dialect][]string {
	forwarded := []string{"X-Forwarded-Method", "X-Forwarded-Host", "X-Forwarded-Uri", "X-Forwarded-Proto", "X-Forwarded-For"}
	return map[decide.Dialect][]string{
		decide.Nginx:   {"X-Original-Method", "X-Original-Host", "X-Original-URI", "X-Original-Proto", "X-Original-Address"},
		decide.Traefik: forwarded,
		decide.Caddy:   forwarded,
	}
}

// change returns a question in which edit has replaced the line of a field.
func change(raw, name string, edit func(line string) string) string {
	lines := strings.SplitAfter(raw, "\r\n")
	for i, line := range lines {
		if strings.HasPrefix(line, name+": ") {
			lines[i] = edit(line)
		}
	}
	return strings.Join(lines, "")
}

func TestHandler_RefusesQuestionsThatItCannotRead(t *testing.T) {
	for dialect, names := range required() {
		d := startDoor(t, dialect, proxy.Enforce, nil)
		good := question(dialect, get("/", decidetest.Listed))
		for _, name := range names {
			with := func(value string) func(string) string {
				return func(string) string { return name + ": " + value + "\r\n" }
			}
			for rule, edit := range map[string]func(string) string{
				"is missing":  func(string) string { return "" },
				"is empty":    with(""),
				"is repeated": func(line string) string { return line + line },
			} {
				d.expectInvalid(t, change(good, name, edit), http.CanonicalHeaderKey(name)+" "+rule)
			}
		}
		prefix := strings.TrimSuffix(names[0], "Method")
		for _, row := range []struct{ name, value, problem string }{
			{prefix + "Method", "GET, POST", "has several values"},
			{prefix + "Host", "acme.example, evil.example", "has several values"},
			{prefix + "Proto", "https, http", "has several values"},
			{prefix + "Proto", "gopher", "is not http or https"},
			{names[4], "unix:", "is not an address"},
			{names[4], "192.0.2.7,", ""},
		} {
			d.expectInvalid(t, change(good, row.name, func(string) string { return row.name + ": " + row.value + "\r\n" }), row.problem)
		}
		for _, target := range []string{"acme", "http://acme.example/", "?a", "//%zz", "/%", "/a%2"} {
			d.expectInvalid(t, change(good, names[2], func(string) string { return names[2] + ": " + target + "\r\n" }), "the target")
		}
		if got := d.send(t, good); got.verdict() != "allowed, listed" {
			t.Errorf("%v: afterwards: %s", dialect, got.verdict())
		}
	}
}

// expectInvalid checks that a question is answered with 400, and is counted and logged.
func (d *door) expectInvalid(t *testing.T, raw, problem string) {
	t.Helper()
	got := d.send(t, raw)
	if got.StatusCode != 400 || got.code() != "QUESTION_INVALID" || got.verdict() != "refused, question_invalid" || !strings.Contains(got.body, problem) || got.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%q: %d %s %s, want %q", raw, got.StatusCode, got.verdict(), got.body, problem)
	}
	if len(d.Exchanges) > 0 {
		t.Errorf("%q: %s was decided on", raw, d.Next(t).Reason)
	}
	if len(d.invalid) != 1 {
		t.Fatalf("%q: %d invalid questions were observed", raw, len(d.invalid))
	}
	x := <-d.invalid
	if x.Reason != "question_invalid" || x.Verdict != origins.Refused || x.Status != 400 || !x.Asked || x.Tenant != "" || x.Client.String() != "127.0.0.1" || x.Err == nil || !strings.Contains(got.body, x.TraceID) {
		t.Errorf("%q: observed %+v", raw, x)
	}
}

func TestHandler_HasOnePath(t *testing.T) {
	for name, dialect := range dialects() {
		d := startDoor(t, dialect, proxy.Enforce, nil)
		targets := []string{"/", "/decid", "/decided", "/Decide", "//decide", "/%64ecide", "http://acme.example/decide/", "/envoy.service.auth.v3.Authorization/Check"}
		if dialect != decide.Envoy {
			targets = append(targets, "/decide/", "/decide?", "/decide/orders")
		}
		for _, target := range targets {
			raw := question(dialect, get("/", decidetest.Listed))
			_, rest, _ := strings.Cut(raw, " HTTP/1.1")
			got := d.send(t, "GET "+target+" HTTP/1.1"+rest)
			if got.StatusCode != 404 || got.code() != "NOT_FOUND" || got.verdict() != "refused, not_found" {
				t.Errorf("%s, %s: %d %s, %s", name, target, got.StatusCode, got.verdict(), got.body)
			}
		}
	}
	d := startDoor(t, decide.Envoy, proxy.Enforce, nil)
	for _, target := range []string{"/decide", "/decide?a=1"} {
		d.expectInvalid(t, head("GET", target, "Host: acme.example", "Origin: "+decidetest.Listed), "the target is not a path")
	}
}

// What the client has sent in the fields of other dialects decides nothing.
func TestHandler_ReadsNoFieldsOfOtherDialects(t *testing.T) {
	forged := []string{"Originwarden-Verdict: allowed", "Forwarded: host=empty.example", "X-Real-Ip: 203.0.113.1", "X-Original-Url: /public/a", "X-Http-Method-Override: OPTIONS"}
	original := []string{"X-Original-Method: OPTIONS", "X-Original-Host: empty.example", "X-Original-URI: /public/a", "X-Original-Proto: http", "X-Original-Address: 203.0.113.1", "X-Original-Upgrade: websocket", "X-Original-Connection: upgrade"}
	forwarded := []string{"X-Forwarded-Method: OPTIONS", "X-Forwarded-Host: empty.example", "X-Forwarded-Uri: /public/a", "X-Forwarded-Proto: http", "X-Forwarded-For: 203.0.113.1"}
	for name, dialect := range dialects() {
		d := startDoor(t, dialect, proxy.Enforce, nil)
		lines := append(forged, original...)
		switch dialect {
		case decide.Nginx:
			lines = append(forged, forwarded...)
		case decide.Envoy:
			lines = append(lines, forwarded...)
		}
		for origin, want := range map[string]string{decidetest.Listed: "allowed, listed", decidetest.Unlisted: "refused, origin_not_listed"} {
			got := d.ask(t, get("/orders", origin), lines...)
			x := d.Next(t)
			if got.verdict() != want || x.Tenant != "acme" || x.Path != "/orders" || x.Method != "GET" || x.Kind != origins.Actual || x.Client.String() == "203.0.113.1" {
				t.Errorf("%s: %s, want %s; %+v", name, got.verdict(), want, x)
			}
		}
	}
}

// A proxy does not show whether the client has sent Upgrade. What only WebSockets have is
// taken for one, because less is allowed to them.
func TestHandler_TakesUpgradeSeriously(t *testing.T) {
	key := decidetest.Field{Name: "Sec-WebSocket-Key", Value: "AAAAAAAAAAAAAAAAAAAAAA=="}
	version := decidetest.Field{Name: "Sec-WebSocket-Version", Value: "13"}
	upgrade := decidetest.Field{Name: "Upgrade", Value: "websocket"}
	close := decidetest.Field{Name: "Connection", Value: "close"}
	others := []decide.Dialect{decide.Traefik, decide.Caddy, decide.Envoy}
	for _, row := range []struct {
		rule     string
		dialects []decide.Dialect
		request  decidetest.Request
		want     string
	}{
		{"key and version", others, get("/public/a", decidetest.Unlisted, key, version), "refused, origin_not_listed"},
		{"key alone", others, get("/public/a", decidetest.Unlisted, key), "refused, origin_not_listed"},
		{"version alone, as over HTTP/2", others, get("/public/a", decidetest.Unlisted, version), "refused, origin_not_listed"},
		{"version alone, listed origin", others, get("/public/a", decidetest.Listed, version), "allowed, listed"},
		{"version alone, without origin", others, get("/", "", version), "refused, origin_required"},
		{"version, and a key that is none", others, get("/", decidetest.Listed, version, decidetest.Field{Name: "Sec-WebSocket-Key", Value: "AAAA"}), "refused, upgrade_refused"},
		{"version, and an empty key", others, get("/", decidetest.Listed, version, decidetest.Field{Name: "Sec-WebSocket-Key"}), "refused, upgrade_refused"},
		{"version, and two keys", others, get("/", decidetest.Listed, version, key, key), "refused, upgrade_refused"},
		{"version, and another method", others, decidetest.Request{Method: "POST", Target: "/", Host: "acme.example", Header: []decidetest.Field{{Name: "Origin", Value: decidetest.Listed}, version}}, "refused, upgrade_refused"},
		{"upgrade without a key", []decide.Dialect{decide.Nginx}, get("/", decidetest.Listed, version, upgrade), "refused, upgrade_refused"},
		{"key and version, without origin", others, get("/", "", key, version), "refused, origin_required"},
		{"key without an upgrade", []decide.Dialect{decide.Nginx}, get("/public/a", decidetest.Unlisted, key, version), "allowed, path_public"},
		{"upgrade without Connection", []decide.Dialect{decide.Nginx}, get("/public/a", decidetest.Unlisted, key, version, upgrade), "refused, origin_not_listed"},
		{"upgrade that Connection does not name", []decide.Dialect{decide.Nginx}, get("/public/a", decidetest.Unlisted, key, version, upgrade, close), "allowed, path_public"},
		{"two protocols", []decide.Dialect{decide.Nginx}, get("/public/a", decidetest.Unlisted, key, version, upgrade, decidetest.Field{Name: "Upgrade", Value: "h2c"}), "refused, upgrade_refused"},
	} {
		for _, dialect := range row.dialects {
			d := startDoor(t, dialect, proxy.Enforce, func(c *proxy.Config) { c.Tenants[0].Policy.RequireOrigin = origins.RequireWebSocket })
			if got := d.ask(t, row.request); got.verdict() != row.want {
				t.Errorf("%s, %v: %s, want %s", row.rule, dialect, got.verdict(), row.want)
			}
		}
	}
	d := startDoor(t, decide.Nginx, proxy.Enforce, nil)
	for _, line := range []string{"X-Original-Upgrade:", "X-Original-Upgrade: websocket\r\nX-Original-Upgrade: websocket"} {
		d.expectInvalid(t, question(decide.Nginx, get("/", decidetest.Listed), line), "X-Original-Upgrade is ")
	}
}

// Of X-Forwarded-For, the asking proxy has written the last element.
func TestHandler_BelievesTrustedProxiesAboutTheClient(t *testing.T) {
	for _, row := range []struct {
		rule, forwardedFor, client string
		trusted                    bool
	}{
		{"stranger", "198.51.100.9, 192.0.2.7", "192.0.2.7", false},
		{"trusted proxy in front of the asking one", "203.0.113.1, 198.51.100.9, 127.0.0.1", "198.51.100.9", true},
		{"the same, not trusted", "203.0.113.1, 198.51.100.9, 127.0.0.1", "127.0.0.1", false},
		{"one element", "[2001:db8::1]:443", "2001:db8::1", true},
	} {
		for _, dialect := range []decide.Dialect{decide.Traefik, decide.Caddy} {
			d := startDoor(t, dialect, proxy.Enforce, func(c *proxy.Config) {
				if row.trusted {
					trustLoopback(c)
				}
			})
			d.send(t, change(question(dialect, get("/", "")), "X-Forwarded-For", func(string) string { return "X-Forwarded-For: " + row.forwardedFor + "\r\n" }))
			if x := d.Next(t); x.Client.String() != row.client {
				t.Errorf("%s: client %s, want %s", row.rule, x.Client, row.client)
			}
		}
	}
}

// Nginx has settled who the client is.
func TestHandler_BelievesNginxAboutTheClient(t *testing.T) {
	d := startDoor(t, decide.Nginx, proxy.Enforce, trustLoopback)
	raw := question(decide.Nginx, get("/", ""), "X-Forwarded-For: 203.0.113.1")
	d.send(t, change(raw, "X-Original-Address", func(string) string { return "X-Original-Address: 127.0.0.1\r\n" }))
	if x := d.Next(t); x.Client.String() != "127.0.0.1" {
		t.Errorf("client %s, want that of X-Original-Address", x.Client)
	}
}

var errNoDecision = errors.New("no decision is wanted")

// recorder is a Decider that keeps what it was asked.
type recorder struct{ asked *request.Request }

func (d recorder) Decide(_ context.Context, r request.Request) proxy.Answer {
	*d.asked = r
	return proxy.Answer{Exchange: proxy.Exchange{Verdict: origins.Refused, Reason: "x", Err: errNoDecision}, Status: http.StatusForbidden}
}

// FuzzHandler_NeverGuesses sends lines of a header, in each dialect. What is decided on
// has what the only line of each field says; everything else is answered with 400 or 404.
func FuzzHandler_NeverGuesses(f *testing.F) {
	for name, dialect := range dialects() {
		raw := question(dialect, get("/orders?a=1,2", decidetest.Listed, decidetest.Field{Name: "Sec-WebSocket-Key", Value: "AAAA"}))
		f.Add(raw, uint8(dialect))
		f.Add(raw, uint8(dialect)+1)
		f.Add(change(raw, "X-Forwarded-For", func(line string) string { return "X-Forwarded-For: 1.2.3.4, \r\n" }), uint8(dialect))
		f.Add(change(raw, "X-Original-URI", func(line string) string { return line + "X-ORIGINAL-URI: /\r\n" + name + ": \r\n" }), uint8(dialect))
	}
	f.Fuzz(func(t *testing.T, raw string, number uint8) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
		if err != nil {
			return
		}
		r.RemoteAddr = "127.0.0.1:1"
		dialect := decide.Dialect(number % 4)
		var asked request.Request
		h := decide.New(decide.Config{Decider: recorder{&asked}}, dialect)
		w := &statusWriter{discardWriter: discardWriter{http.Header{}}}
		h.ServeHTTP(w, r)
		if asked.Fields == nil {
			if w.status != http.StatusBadRequest && w.status != http.StatusNotFound {
				t.Fatalf("status %d without a decision", w.status)
			}
			return
		}
		if w.status != http.StatusForbidden {
			t.Fatalf("status %d of a refusal", w.status)
		}
		for i, name := range required()[dialect] {
			lines := r.Header.Values(name)
			if len(lines) != 1 || lines[0] == "" {
				t.Fatalf("decided with %s %q", name, lines)
			}
			if i < 3 && lines[0] != []string{asked.Method, asked.Host, asked.URI}[i] {
				t.Fatalf("%s %q became %+v", name, lines, asked)
			}
		}
		if !asked.Peer.IsValid() || asked.Method == "" || asked.Host == "" || asked.URI != "*" && asked.URI[0] != '/' {
			t.Fatalf("decided on %+v", asked)
		}
	})
}

// statusWriter keeps the status of a response.
type statusWriter struct {
	discardWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) { w.status = status }
