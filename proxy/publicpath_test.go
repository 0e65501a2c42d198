package proxy_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"originwarden/origins"
	"originwarden/proxy"
)

// publicPathRow is a row of testdata/public-paths.tsv.
type publicPathRow struct{ reason, line, headers, rule string }

func readPublicPathRows(t *testing.T) (rows []publicPathRow) {
	t.Helper()
	table, err := os.ReadFile("testdata/public-paths.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(cells) != 4 || slices.Contains(cells, "") {
			t.Fatalf("invalid row: %q", line)
		}
		rows = append(rows, publicPathRow{cells[0], cells[1], cells[2], cells[3]})
	}
	if len(rows) < 150 {
		t.Fatalf("%d rows, want at least 150", len(rows))
	}
	return rows
}

func (r publicPathRow) isPreflight() bool {
	return strings.HasPrefix(r.line, "OPTIONS ") && strings.Contains(r.headers, "Access-Control-Request-Method:")
}

// isPossible reports whether a client of the protocol can send the request.
func (r publicPathRow) isPossible(p protocol) bool {
	return p != http2 || r.reason != "unparsed" && !strings.Contains(r.line, " http://") && !strings.Contains(r.line, " //") && !strings.Contains(r.headers, "Upgrade:") && !strings.Contains(r.headers, "Connection:")
}

// credentials are what browsers and proxies send for a user.
func credentials() []string {
	return []string{"Cookie: sid=1", "Authorization: Bearer token", "Proxy-Authorization: Basic dTpw"}
}

func (r publicPathRow) request() string {
	headers := strings.Split(r.headers, " | ")
	if !r.isPreflight() {
		headers = append(headers, credentials()...)
	}
	if method, _, _ := strings.Cut(r.line, " "); method == "POST" || method == "PUT" || method == "PATCH" {
		headers = append(headers, "Content-Length: 0")
	}
	return request(r.line, headers...)
}

// origin returns the value of the row's Origin.
func (r publicPathRow) origin() string {
	_, origin, _ := strings.Cut(r.headers, "Origin: ")
	origin, _, _ = strings.Cut(origin, " | ")
	return origin
}

// status returns the status of a response with the reason.
func (r publicPathRow) status() int {
	switch {
	case r.reason == "origin_repeated" || r.reason == "unparsed":
		return 400
	case origins.Reason(r.reason).Verdict() == origins.Refused:
		return 403
	case r.isPreflight():
		return 204
	}
	return 200
}

// cors returns the lines that a response with the reason has.
func (r publicPathRow) cors() []string {
	switch {
	case r.reason == "unparsed":
		return nil
	case r.status() >= 400 || r.reason == "no_origin" || r.origin() == "null" && r.reason == "same_origin":
		return onlyVary()
	case r.isPreflight():
		return r.preflightCORS()
	case r.reason == "path_public":
		return publicCORS()
	}
	return allowedCORS(r.origin())
}

func (r publicPathRow) preflightCORS() []string {
	lines := []string{"Access-Control-Expose-Headers: " + expose, "Access-Control-Max-Age: 600", "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}
	if r.reason == "path_public" {
		lines = append(lines, "Access-Control-Allow-Methods: GET, HEAD", "Access-Control-Allow-Origin: *")
	} else {
		lines = append(lines, "Access-Control-Allow-Methods: GET, HEAD, POST, PUT", "Access-Control-Allow-Origin: "+r.origin(), "Access-Control-Allow-Credentials: true")
	}
	if _, names, found := strings.Cut(r.headers, "Access-Control-Request-Headers: "); found {
		lines = append(lines, "Access-Control-Allow-Headers: "+strings.ReplaceAll(names, ",", ", "))
	}
	slices.Sort(lines)
	return lines
}

// publicCORS returns the lines that the response to a GET of a public path has.
func publicCORS() []string {
	return []string{"Access-Control-Allow-Origin: *", "Access-Control-Expose-Headers: " + expose, "Vary: Origin"}
}

// withPublicPaths gives the first tenant the public paths of the table.
func withPublicPaths(c *proxy.Config) {
	c.Tenants[0].Policy.PublicPaths = []string{"/.well-known/openid-configuration", "/.well-known/jwks.json", "/assets/*", "/api/*"}
}

// setCookie responds as a tenant that takes the caller for a new user, and answers CORS
// requests itself.
func setCookie(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Link", "</a>; rel=preload")
	rw.Header().Set("Set-Cookie", "sid=early")
	addCORSHeaders(rw.Header())
	rw.WriteHeader(http.StatusEarlyHints)
	rw.Header()["Set-Cookie"] = []string{"sid=2", "b=3"}
	io.WriteString(rw, "content")
}

func TestGateway_ServesPublicPathsToAnyOrigin(t *testing.T) {
	rows := readPublicPathRows(t)
	for _, o := range []options{{lane: "fast"}, {lane: "reference"}, {protocol: http1TLS}, {protocol: http2}} {
		o.config, o.tenant = withPublicPaths, setCookie
		h := newHarness(t, o)
		for _, row := range rows {
			if !row.isPossible(h.protocol) {
				continue
			}
			rule := fmt.Sprintf("%s %s %s: %s with %s", o.lane, o.protocol, row.rule, row.line, row.headers)
			got := h.sendForHints(rule, row.request(), row.reason != "path_public")
			if got.StatusCode != row.status() {
				t.Errorf("%s: status %d, want %d", rule, got.StatusCode, row.status())
			}
			if row.reason != "unparsed" {
				if x := h.nextExchange(); x.Reason != row.reason || x.Verdict != origins.Reason(row.reason).Verdict() {
					t.Errorf("%s: reason %s, want %s", rule, x.Reason, row.reason)
				}
			}
			saw := h.tenantRequests()
			expectCORS(t, rule, got, row.cors())
			if (len(saw) == 1) != (row.status() == 200) {
				t.Errorf("%s: tenant received %v", rule, saw)
			}
			if row.status() == 200 {
				expectCredentials(t, rule, saw, got, row.reason != "path_public")
			}
		}
	}
}

// sendForHints sends a request and reads the final response. If pass, the early hints
// before it have a cookie.
func (h *harness) sendForHints(rule, raw string, pass bool) response {
	h.t.Helper()
	if h.protocol == http2 {
		return h.sendHTTP2(raw)
	}
	conn := h.dial()
	go io.WriteString(conn, raw)
	reader := bufio.NewReader(conn)
	for {
		got := h.read(reader, strings.SplitN(raw, " ", 2)[0])
		if got.StatusCode != http.StatusEarlyHints {
			return got
		}
		if _, has := got.Header["Set-Cookie"]; has != pass || len(got.cors()) > 0 {
			h.t.Errorf("%s: early hints %v, want a cookie: %v", rule, got.Header, pass)
		}
	}
}

// expectCredentials checks whether credentials passed in both directions.
func expectCredentials(t *testing.T, rule string, saw []tenantRequest, got response, pass bool) {
	t.Helper()
	for _, name := range []string{"Cookie", "Authorization"} {
		if len(saw) != 1 || (saw[0].Header[name] != nil) != pass {
			t.Errorf("%s: tenant received %v, want %s: %v", rule, saw, name, pass)
		}
	}
	if len(saw) == 1 && saw[0].Header["Proxy-Authorization"] != nil {
		t.Errorf("%s: tenant received Proxy-Authorization", rule)
	}
	if cookies := got.Header["Set-Cookie"]; pass != slices.Equal(cookies, []string{"sid=2", "b=3"}) || !pass && cookies != nil {
		t.Errorf("%s: Set-Cookie %q, want any: %v", rule, cookies, pass)
	}
}

// Public paths are served while the store is down, also with errors.
func TestGateway_NeedsNoListForPublicPath(t *testing.T) {
	for _, lane := range []string{"fast", "reference"} {
		h := newHarness(t, options{lane: lane, config: withPublicPaths, load: func(context.Context, string) (*origins.List, error) {
			return nil, errors.New("the store is down")
		}})
		got := h.send(request("GET /assets/app.js", "Origin: "+listed))
		if x := h.nextExchange(); got.StatusCode != 200 || x.Reason != "path_public" || x.Err != nil {
			t.Errorf("%s: status %d, reason %s, error %v", lane, got.StatusCode, x.Reason, x.Err)
		}
		expectCORS(t, lane, got, publicCORS())
		if got := h.send(request("GET /admin", "Origin: "+listed)); got.StatusCode != 503 {
			t.Errorf("%s: other path: status %d, want 503", lane, got.StatusCode)
		}
	}
}

func TestGateway_ServesPublicPathsInEveryMode(t *testing.T) {
	const preflight = "Access-Control-Request-Method: GET"
	for _, lane := range []string{"fast", "reference"} {
		for _, mode := range []proxy.Mode{proxy.Enforce, proxy.Headers, proxy.Report} {
			rule := lane + ", " + mode.String()
			h := newHarness(t, options{lane: lane, mode: mode, config: withPublicPaths, tenant: func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header()["Set-Cookie"] = []string{"sid=2", "b=3"}
				rw.Header().Set("Access-Control-Allow-Origin", "https://own.example")
				rw.Header().Set("Access-Control-Allow-Credentials", "true")
			}})
			got := h.send(request("GET /assets/app.js", append(credentials(), "Origin: "+unlisted)...))
			if x := h.nextExchange(); x.Reason != "path_public" || x.Verdict != origins.Allowed || x.Mode != mode {
				t.Errorf("%s: exchange %+v", rule, x)
			}
			expectCredentials(t, rule, h.tenantRequests(), got, mode == proxy.Report)
			if mode == proxy.Report {
				expectCORS(t, rule, got, []string{"Access-Control-Allow-Credentials: true", "Access-Control-Allow-Origin: https://own.example"})
			} else {
				expectCORS(t, rule, got, publicCORS())
			}
			h.send(request("OPTIONS /assets/app.js", "Origin: "+unlisted, preflight))
			if x, saw := h.nextExchange(), h.tenantRequests(); x.Reason != "path_public" || (len(saw) == 1) != (mode == proxy.Report) {
				t.Errorf("%s: preflight: reason %s, tenant received %v", rule, x.Reason, saw)
			}
		}
	}
}

// A page learns why a public path cannot be had, as a listed one does elsewhere.
func TestGateway_LetsAnyOriginReadErrorsOfPublicPath(t *testing.T) {
	for _, lane := range []string{"fast", "reference"} {
		h := newHarness(t, options{lane: lane, config: func(c *proxy.Config) {
			withPublicPaths(c)
			c.Tenants[0].Upstream = &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
		}})
		got := h.send(request("GET /assets/app.js", "Origin: "+unlisted))
		if got.StatusCode != 502 {
			t.Errorf("%s: status %d, want 502", lane, got.StatusCode)
		}
		expectCORS(t, lane, got, publicCORS())
	}
}

// A request for a public path is not sent on a connection that a user has authenticated.
func TestGateway_SendsPublicRequestWithoutAuthenticatedConnection(t *testing.T) {
	for _, lane := range []string{"fast", "reference"} {
		h := newHarness(t, options{lane: lane, config: func(c *proxy.Config) {
			withPublicPaths(c)
			c.Tenants[0].Upstream = newRawTenant(t, authenticateConnections("NTLM")).url
		}})
		alice := h.dial()
		reader := bufio.NewReader(alice)
		for _, step := range []struct{ raw, want string }{
			{request("GET /", "Authorization: NTLM first"), "user "},
			{request("GET /", "Authorization: NTLM alice"), "user alice"},
			{request("GET /"), "user alice"},
			{request("GET /assets/app.js"), "user alice"},
			{request("GET /assets/app.js", "Origin: "+unlisted), "user "},
			{request("GET /assets/app.js", "Origin: "+unlisted, "Authorization: NTLM alice"), "user "},
			{request("GET /"), "user alice"},
		} {
			io.WriteString(alice, step.raw)
			if got := h.read(reader, "GET"); got.body != step.want {
				t.Errorf("%s, %q: body %q, want %q", lane, step.raw, got.body, step.want)
			}
		}
	}
}
