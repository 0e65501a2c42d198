package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"

	"originwarden/origins"
	"originwarden/proxy"
)

// takingTheRest makes the second tenant take every host that is one.
func takingTheRest(c *proxy.Config) { c.Tenants[1].Hosts = nil }

func TestGateway_RefusesTargetsThatAreNoPathOfAHost(t *testing.T) {
	rows := []struct{ rule, line string }{
		{"a URL without a root", "GET x:callback"},
		{"a URL without an authority", "GET http:/api/v1/web-integrations"},
		{"a URL without a host", "GET http:///a"},
		{"a URL with user info", "GET http://app.example.com@acme.example/a"},
		{"a URL of another scheme", "GET ftp://acme.example/a"},
		{"an asterisk of GET", "GET *"},
		{"an asterisk of POST", "POST *"},
	}
	for _, mode := range []proxy.Mode{proxy.Enforce, proxy.Headers, proxy.Report} {
		w := newWorld(t, options{mode: mode})
		for _, row := range rows {
			rule := fmt.Sprint(row.rule, " in mode ", mode)
			got := w.send(request(row.line, "Origin: "+listed, "Content-Length: 0"))
			if saw := w.tenantSaw(); got.StatusCode != 400 || got.code() != "BAD_REQUEST" || len(saw) > 0 {
				t.Errorf("%s: %d %s; the tenant saw %v", rule, got.StatusCode, got.body, saw)
			}
			expectCORS(t, rule, got, unshared())
		}
	}
}

func TestGateway_TakesAbsoluteTargetsAsTheirPaths(t *testing.T) {
	for line, want := range map[string]string{
		"GET http://acme.example/a?b":    "/a?b",
		"GET HTTP://ACME.example:80//a":  "//a",
		"GET https://acme.example?b=/c":  "/?b=/c",
		"OPTIONS http://acme.example":    "/",
		"GET http://acme.example/a://b/": "/a://b/",
	} {
		w := newWorld(t, options{})
		got := w.send(request(line, "Host: empty.example", "Origin: "+listed))
		saw := w.tenantSaw()
		if got.StatusCode != 200 || len(saw) != 1 || saw[0].Target != want || !strings.HasPrefix(strings.ToLower(saw[0].Host), "acme.example") {
			t.Errorf("%s: %d; the tenant saw %+v", line, got.StatusCode, saw)
		}
		if x := w.observed(); x.Tenant != "acme" || x.Reason != "listed" {
			t.Errorf("%s: observed %+v", line, x)
		}
	}
}

func TestGateway_KnowsNoTenantOfWhatIsNoHost(t *testing.T) {
	for host, want := range map[string]int{
		"acme.example:":     200,
		"acme.example.:1":   200,
		"[::1]":             200,
		"192.0.2.1:80":      200,
		"acme.example:x":    421,
		"acme.example:1:2":  421,
		"acme.example:-1":   421,
		"[acme.example]":    421,
		"[acme.example]:80": 421,
		"acme.example]":     421,
		"[acme.example":     421,
		"[::1]80":           421,
		"[::1%25lo]":        421,
		"::1":               421,
		"[::1":              421,
		"[]":                421,
		"[192.0.2.1]":       421,
		":80":               421,
		".":                 421,
	} {
		w := newWorld(t, options{config: takingTheRest})
		got := w.send(request("GET /", "Host: "+host))
		if saw := w.tenantSaw(); got.StatusCode != want || len(saw) == 1 != (want == 200) {
			t.Errorf("%s: %d %s; the tenant saw %v", host, got.StatusCode, got.body, saw)
		}
	}
}

// HTTP/2 can hold what no request line can, and two hosts.
func TestGateway_RefusesRequestsThatOnlyHTTP2CanHold(t *testing.T) {
	rows := []struct {
		rule   string
		fields []string
		status string
	}{
		{"nothing strange", []string{":method", "GET", ":authority", "acme.example", ":path", "/"}, "200"},
		{"a host beside the authority", []string{":method", "GET", ":authority", "acme.example", ":path", "/", "host", "acme.example"}, "200"},
		{"a host instead of the authority", []string{":method", "GET", ":path", "/", "host", "acme.example"}, "200"},
		{"another host than the authority", []string{":method", "GET", ":authority", "acme.example", ":path", "/", "host", "empty.example"}, "400"},
		{"two hosts", []string{":method", "GET", ":path", "/", "host", "acme.example", "host", "empty.example"}, "400"},
		{"no host", []string{":method", "GET", ":path", "/"}, "421"},
		{"an authority with a space", []string{":method", "GET", ":authority", "a b", ":path", "/"}, "421"},
		{"an authority with a path", []string{":method", "GET", ":authority", "acme.example/a", ":path", "/"}, "421"},
		{"a method with spaces", []string{":method", "GET /a HTTP/1.1", ":authority", "acme.example", ":path", "/"}, "400"},
		{"a method with a byte of no token", []string{":method", "GET,POST", ":authority", "acme.example", ":path", "/"}, "400"},
		{"an absolute path", []string{":method", "GET", ":authority", "acme.example", ":path", "http://acme.example/"}, "400"},
		{"an asterisk", []string{":method", "GET", ":authority", "acme.example", ":path", "*"}, "400"},
		{"an upgrade", []string{":method", "GET", ":authority", "acme.example", ":path", "/", "connection", "upgrade", "upgrade", "websocket"}, "400"},
		{"an encoding of transfer", []string{":method", "GET", ":authority", "acme.example", ":path", "/", "transfer-encoding", "chunked"}, "400"},
		{"CONNECT", []string{":method", "CONNECT", ":authority", "acme.example:80"}, "405"},
	}
	w := newWorld(t, options{protocol: http2, config: takingTheRest})
	for _, row := range rows {
		if strings.Join(row.fields[:2], "") != ":methodCONNECT" {
			row.fields = append(row.fields[:2:2], append([]string{":scheme", "https"}, row.fields[2:]...)...)
		}
		status := w.speak().ask(t, append(row.fields, "origin", public))
		if saw := w.tenantSaw(); status != row.status || len(saw) == 1 != (row.status == "200") {
			t.Errorf("%s: %q; the tenant saw %v", row.rule, status, saw)
		}
		for len(w.exchanges) > 0 {
			if x := w.observed(); x.UpstreamCause != "" || x.Verdict == origins.Allowed != (row.status == "200") {
				t.Errorf("%s: observed %+v", row.rule, x)
			}
		}
	}
}

// net/http ignores Transfer-Encoding there, whose chunks would be the next
// request (RFC 9112, section 6.1).
func TestGateway_EndsAConnectionOfHTTP10WithItsAnswer(t *testing.T) {
	hidden := "GET /hidden HTTP/1.0\r\nHost: acme.example\r\nOrigin: " + listed + "\r\n\r\n"
	for _, origin := range []string{listed, unlisted} {
		w := newWorld(t, options{})
		conn := w.dial()
		io.WriteString(conn, "POST / HTTP/1.0\r\nHost: acme.example\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\nOrigin: "+origin+"\r\n\r\n"+hidden)
		reader := bufio.NewReader(conn)
		w.read(reader, "POST")
		if next, err := reader.ReadByte(); err != io.EOF {
			t.Errorf("%s: the next byte is %q, %v", origin, next, err)
		}
		for _, s := range w.tenantSaw() {
			if s.Target == "/hidden" {
				t.Errorf("%s: the tenant saw %+v", origin, s)
			}
		}
	}
}

// Framing on which two readers could disagree does not hide a request.
func TestGateway_HidesNoRequestInAnother(t *testing.T) {
	hidden := request("GET /hidden", "Origin: "+listed)
	rows := []struct{ rule, raw string }{
		{"two lengths", request("POST /", "Origin: "+listed, "Content-Length: 0", fmt.Sprint("Content-Length: ", len(hidden)))},
		{"a length with a sign", request("POST /", "Origin: "+listed, "Content-Length: +0")},
		{"a list of lengths", request("POST /", "Origin: "+listed, "Content-Length: 0, 0")},
		{"two encodings", request("POST /", "Origin: "+listed, "Transfer-Encoding: chunked", "Transfer-Encoding: identity")},
		{"an unknown encoding", request("POST /", "Origin: "+listed, "Transfer-Encoding: xchunked")},
		{"an encoding behind a control", request("POST /", "Origin: "+listed, "Transfer-Encoding: \x0bchunked")},
		{"a name before a space", request("POST /", "Origin: "+listed, "Content-Length : 0")},
		{"a line end of CR alone", request("POST /", "X: a\rContent-Length: 0", "Origin: "+listed)},
		{"a folded host", request("POST /", "Host: acme.example\r\n .evil.example", "Origin: "+listed)},
		{"an extension that ends in LF", request("POST /", "Origin: "+listed, "Transfer-Encoding: chunked") + "1;a\nx\r\n0\r\n\r\n"},
		{"a chunk that is longer than it says", request("POST /", "Origin: "+listed, "Transfer-Encoding: chunked") + "1\r\nxyz\r\n0\r\n\r\n"},
	}
	for _, row := range rows {
		w := newWorld(t, options{})
		conn := w.dial()
		io.WriteString(conn, row.raw+hidden)
		reader := bufio.NewReader(conn)
		if got := w.read(reader, "POST"); got.StatusCode/100 != 4 && got.StatusCode != 501 {
			t.Errorf("%s: %d", row.rule, got.StatusCode)
		}
		if next, err := reader.ReadByte(); err == nil {
			t.Errorf("%s: the next byte is %q", row.rule, next)
		}
		for _, s := range w.tenantSaw() {
			if s.Target == "/hidden" {
				t.Errorf("%s: the tenant saw %+v", row.rule, s)
			}
		}
	}
}

// Of length and chunks, the chunks count (RFC 9112, section 6.3), and the
// tenant gets no length beside them.
func TestGateway_SendsOneFraming(t *testing.T) {
	w := newWorld(t, options{})
	w.send(request("POST /", "Origin: "+listed, "Content-Length: 3", "Transfer-Encoding: chunked", "Connection: Content-Length") + "5\r\nwhole\r\n0\r\n\r\n")
	if saw := w.tenantSaw(); len(saw) != 1 || saw[0].Body != "whole" || saw[0].Header["Content-Length"] != nil {
		t.Errorf("the tenant saw %+v", saw)
	}
}

// The bytes of Origin are compared as they are on the line, without the white
// space around them.
func TestGateway_ReadsOriginAsItStandsOnItsLine(t *testing.T) {
	rows := []struct {
		rule, line string
		status     int
	}{
		{"in another case of its name", "oRiGiN: " + listed, 200},
		{"between spaces and tabs", "Origin: \t" + listed + " \t", 200},
		{"under two cases of its name", "origin: " + listed + "\r\nORIGIN: " + listed, 400},
		{"with a comma", "Origin: " + listed + ",", 403},
		{"two in one line", "Origin: " + listed + " " + listed, 403},
		{"folded", "Origin: " + listed + "\r\n .evil.example", 403},
		{"in Latin-1", "Origin: https://\xe4pp.example.com", 403},
		{"with NUL", "Origin: " + listed + "\x00", 400},
		{"with a control", "Origin: " + listed + "\x01", 400},
		{"on a folded line of another name", "X: a\r\n Origin: " + listed + "\r\nOrigin: " + unlisted, 403},
	}
	for _, row := range rows {
		w := newWorld(t, options{})
		got := w.send(request("GET /", row.line))
		if saw := w.tenantSaw(); got.StatusCode != row.status || len(saw) == 1 != (row.status == 200) {
			t.Errorf("%s: %d %s; the tenant saw %v", row.rule, got.StatusCode, got.body, saw)
		}
	}
}
