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

// makeSecondTenantDefault makes the second tenant the one for all other hosts.
func makeSecondTenantDefault(c *proxy.Config) { c.Tenants[1].Hosts = nil }

func TestGateway_RefusesInvalidTargets(t *testing.T) {
	rows := []struct{ rule, line string }{
		{"opaque URL", "GET x:callback"},
		{"URL without authority", "GET http:/api/v1/web-integrations"},
		{"URL without host", "GET http:///a"},
		{"URL with userinfo", "GET http://app.example.com@acme.example/a"},
		{"URL with scheme ftp", "GET ftp://acme.example/a"},
		{"GET *", "GET *"},
		{"POST *", "POST *"},
	}
	for _, mode := range []proxy.Mode{proxy.Enforce, proxy.Headers, proxy.Report} {
		h := newHarness(t, options{mode: mode})
		for _, row := range rows {
			rule := fmt.Sprint(row.rule, " in mode ", mode)
			got := h.send(request(row.line, "Origin: "+listed, "Content-Length: 0"))
			if saw := h.tenantRequests(); got.StatusCode != 400 || got.code() != "BAD_REQUEST" || len(saw) > 0 {
				t.Errorf("%s: status %d, want 400; body %s; tenant received %v", rule, got.StatusCode, got.body, saw)
			}
			expectCORS(t, rule, got, onlyVary())
		}
	}
}

func TestGateway_ForwardsPathOfAbsoluteTarget(t *testing.T) {
	for line, want := range map[string]string{
		"GET http://acme.example/a?b":    "/a?b",
		"GET HTTP://ACME.example:80//a":  "//a",
		"GET https://acme.example?b=/c":  "/?b=/c",
		"OPTIONS http://acme.example":    "/",
		"GET http://acme.example/a://b/": "/a://b/",
	} {
		h := newHarness(t, options{})
		got := h.send(request(line, "Host: empty.example", "Origin: "+listed))
		saw := h.tenantRequests()
		if got.StatusCode != 200 || len(saw) != 1 || saw[0].Target != want || !strings.HasPrefix(strings.ToLower(saw[0].Host), "acme.example") {
			t.Errorf("%s: status %d, tenant received %+v; want 200, target %s", line, got.StatusCode, saw, want)
		}
		if x := h.nextExchange(); x.Tenant != "acme" || x.Reason != "listed" {
			t.Errorf("%s: exchange %+v, want tenant acme, reason listed", line, x)
		}
	}
}

func TestGateway_RefusesInvalidHost(t *testing.T) {
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
		h := newHarness(t, options{config: makeSecondTenantDefault})
		got := h.send(request("GET /", "Host: "+host))
		if saw := h.tenantRequests(); got.StatusCode != want || len(saw) == 1 != (want == 200) {
			t.Errorf("%s: status %d, want %d; body %s; tenant received %v", host, got.StatusCode, want, got.body, saw)
		}
	}
}

// HTTP/2 fields can contain what an HTTP/1.1 request line cannot, and two hosts.
func TestGateway_RefusesMalformedHTTP2Requests(t *testing.T) {
	rows := []struct {
		rule   string
		fields []string
		status string
	}{
		{"valid request", []string{":method", "GET", ":authority", "acme.example", ":path", "/"}, "200"},
		{"host and equal authority", []string{":method", "GET", ":authority", "acme.example", ":path", "/", "host", "acme.example"}, "200"},
		{"host without authority", []string{":method", "GET", ":path", "/", "host", "acme.example"}, "200"},
		{"host that differs from authority", []string{":method", "GET", ":authority", "acme.example", ":path", "/", "host", "empty.example"}, "400"},
		{"two hosts without authority", []string{":method", "GET", ":path", "/", "host", "acme.example", "host", "empty.example"}, "400"},
		{"no host", []string{":method", "GET", ":path", "/"}, "421"},
		{"authority with space", []string{":method", "GET", ":authority", "a b", ":path", "/"}, "421"},
		{"authority with path", []string{":method", "GET", ":authority", "acme.example/a", ":path", "/"}, "421"},
		{"method with spaces", []string{":method", "GET /a HTTP/1.1", ":authority", "acme.example", ":path", "/"}, "400"},
		{"method that is not a token", []string{":method", "GET,POST", ":authority", "acme.example", ":path", "/"}, "400"},
		{"absolute URL as path", []string{":method", "GET", ":authority", "acme.example", ":path", "http://acme.example/"}, "400"},
		{"asterisk", []string{":method", "GET", ":authority", "acme.example", ":path", "*"}, "400"},
		{"upgrade", []string{":method", "GET", ":authority", "acme.example", ":path", "/", "connection", "upgrade", "upgrade", "websocket"}, "400"},
		{"transfer-encoding", []string{":method", "GET", ":authority", "acme.example", ":path", "/", "transfer-encoding", "chunked"}, "400"},
		{"CONNECT", []string{":method", "CONNECT", ":authority", "acme.example:80"}, "405"},
	}
	h := newHarness(t, options{protocol: http2, config: makeSecondTenantDefault})
	for _, row := range rows {
		if strings.Join(row.fields[:2], "") != ":methodCONNECT" {
			row.fields = append(row.fields[:2:2], append([]string{":scheme", "https"}, row.fields[2:]...)...)
		}
		status := h.dialHTTP2().sendRequest(t, append(row.fields, "origin", public))
		if saw := h.tenantRequests(); status != row.status || len(saw) == 1 != (row.status == "200") {
			t.Errorf("%s: status %s, want %s; tenant received %v", row.rule, status, row.status, saw)
		}
		for len(h.exchanges) > 0 {
			if x := h.nextExchange(); x.UpstreamCause != "" || x.Verdict == origins.Allowed != (row.status == "200") {
				t.Errorf("%s: exchange %+v", row.rule, x)
			}
		}
	}
}

// net/http ignores Transfer-Encoding in HTTP/1.0, so that the chunks would be read
// as the next request (RFC 9112, section 6.1).
func TestGateway_ClosesHTTP10ConnectionAfterTransferEncoding(t *testing.T) {
	hidden := "GET /hidden HTTP/1.0\r\nHost: acme.example\r\nOrigin: " + listed + "\r\n\r\n"
	for _, origin := range []string{listed, unlisted} {
		h := newHarness(t, options{})
		conn := h.dial()
		io.WriteString(conn, "POST / HTTP/1.0\r\nHost: acme.example\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\nOrigin: "+origin+"\r\n\r\n"+hidden)
		reader := bufio.NewReader(conn)
		h.read(reader, "POST")
		if next, err := reader.ReadByte(); err != io.EOF {
			t.Errorf("%s: next byte %q, error %v; want EOF", origin, next, err)
		}
		for _, s := range h.tenantRequests() {
			if s.Target == "/hidden" {
				t.Errorf("%s: tenant received %+v", origin, s)
			}
		}
	}
}

// Ambiguous or invalid framing must not smuggle a request.
func TestGateway_RefusesAmbiguousFraming(t *testing.T) {
	hidden := request("GET /hidden", "Origin: "+listed)
	rows := []struct{ rule, raw string }{
		{"two lengths", request("POST /", "Origin: "+listed, "Content-Length: 0", fmt.Sprint("Content-Length: ", len(hidden)))},
		{"length with sign", request("POST /", "Origin: "+listed, "Content-Length: +0")},
		{"list of lengths", request("POST /", "Origin: "+listed, "Content-Length: 0, 0")},
		{"two transfer encodings", request("POST /", "Origin: "+listed, "Transfer-Encoding: chunked", "Transfer-Encoding: identity")},
		{"unknown transfer encoding", request("POST /", "Origin: "+listed, "Transfer-Encoding: xchunked")},
		{"transfer encoding after control character", request("POST /", "Origin: "+listed, "Transfer-Encoding: \x0bchunked")},
		{"space before colon", request("POST /", "Origin: "+listed, "Content-Length : 0")},
		{"bare CR", request("POST /", "X: a\rContent-Length: 0", "Origin: "+listed)},
		{"folded Host", request("POST /", "Host: acme.example\r\n .evil.example", "Origin: "+listed)},
		{"chunk extension with bare LF", request("POST /", "Origin: "+listed, "Transfer-Encoding: chunked") + "1;a\nx\r\n0\r\n\r\n"},
		{"chunk longer than its size", request("POST /", "Origin: "+listed, "Transfer-Encoding: chunked") + "1\r\nxyz\r\n0\r\n\r\n"},
	}
	for _, row := range rows {
		h := newHarness(t, options{})
		conn := h.dial()
		io.WriteString(conn, row.raw+hidden)
		reader := bufio.NewReader(conn)
		if got := h.read(reader, "POST"); got.StatusCode/100 != 4 && got.StatusCode != 501 {
			t.Errorf("%s: status %d, want 4xx or 501", row.rule, got.StatusCode)
		}
		if next, err := reader.ReadByte(); err == nil {
			t.Errorf("%s: next byte %q, want the connection closed", row.rule, next)
		}
		for _, s := range h.tenantRequests() {
			if s.Target == "/hidden" {
				t.Errorf("%s: tenant received %+v", row.rule, s)
			}
		}
	}
}

// Transfer-Encoding overrides Content-Length (RFC 9112, section 6.3). The tenant
// receives only one of them.
func TestGateway_ForwardsOneFraming(t *testing.T) {
	h := newHarness(t, options{})
	h.send(request("POST /", "Origin: "+listed, "Content-Length: 3", "Transfer-Encoding: chunked", "Connection: Content-Length") + "5\r\nwhole\r\n0\r\n\r\n")
	if saw := h.tenantRequests(); len(saw) != 1 || saw[0].Body != "whole" || saw[0].Header["Content-Length"] != nil {
		t.Errorf("tenant received %+v, want body \"whole\" without Content-Length", saw)
	}
}

// The value of Origin is compared byte for byte, without surrounding white space.
func TestGateway_ComparesOriginByteForByte(t *testing.T) {
	rows := []struct {
		rule, line string
		status     int
	}{
		{"mixed-case name", "oRiGiN: " + listed, 200},
		{"surrounding spaces and tabs", "Origin: \t" + listed + " \t", 200},
		{"repeated in different case", "origin: " + listed + "\r\nORIGIN: " + listed, 400},
		{"trailing comma", "Origin: " + listed + ",", 403},
		{"two in one line", "Origin: " + listed + " " + listed, 403},
		{"folded line", "Origin: " + listed + "\r\n .evil.example", 403},
		{"Latin-1", "Origin: https://\xe4pp.example.com", 403},
		{"NUL", "Origin: " + listed + "\x00", 400},
		{"control character", "Origin: " + listed + "\x01", 400},
		{"folded line of other field", "X: a\r\n Origin: " + listed + "\r\nOrigin: " + unlisted, 403},
	}
	for _, row := range rows {
		h := newHarness(t, options{})
		got := h.send(request("GET /", row.line))
		if saw := h.tenantRequests(); got.StatusCode != row.status || len(saw) == 1 != (row.status == 200) {
			t.Errorf("%s: status %d, want %d; body %s; tenant received %v", row.rule, got.StatusCode, row.status, got.body, saw)
		}
	}
}
