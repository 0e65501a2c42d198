package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"originwarden/proxy"
)

// addCORSHeaders adds every CORS header that a tenant could send, also with its
// name in lower case.
func addCORSHeaders(header http.Header) {
	for _, name := range []string{"Allow-Origin", "Allow-Credentials", "Allow-Methods", "Allow-Headers", "Allow-Private-Network", "Expose-Headers", "Max-Age", "Made-Up"} {
		header.Add("Access-Control-"+name, "*")
		header.Add("access-control-"+strings.ToLower(name), "true")
	}
}

func TestGateway_ReplacesCORSHeadersOfTenant(t *testing.T) {
	for _, protocol := range protocols() {
		for _, status := range []int{200, 204, 301, 304, 401, 404, 500} {
			h := newHarness(t, options{protocol: protocol, tenant: func(rw http.ResponseWriter, _ *http.Request) {
				addCORSHeaders(rw.Header())
				rw.Header().Set("ETag", `"1"`)
				rw.WriteHeader(status)
			}})
			for origin, want := range map[string][]string{listed: allowedCORS(listed), public: allowedCORS(public)} {
				for _, method := range []string{"GET", "HEAD"} {
					got := h.send(request(method+" /", "Origin: "+origin))
					if got.StatusCode != status || got.Header.Get("ETag") != `"1"` {
						t.Errorf("%s: status %d, want %d; header %v, want the tenant's ETag", method, got.StatusCode, status, got.Header)
					}
					expectCORS(t, fmt.Sprint(method, ", ", status, " for ", origin, " over ", protocol), got, want)
				}
			}
			expectCORS(t, fmt.Sprint(status, " without origin over ", protocol), h.send(request("GET /")), onlyVary())
		}
	}
}

func TestGateway_OmitsCredentialsAndExposedHeadersIfNotConfigured(t *testing.T) {
	h := newHarness(t, options{config: func(c *proxy.Config) { c.CORS = proxy.CORS{Methods: []string{"PUT"}} }})
	expectCORS(t, "actual request", h.send(request("GET /", "Origin: "+listed)),
		[]string{"Access-Control-Allow-Origin: " + listed, "Vary: Origin"})
	expectCORS(t, "preflight", h.send(request("OPTIONS /", "Origin: "+listed, "Access-Control-Request-Method: PUT")),
		[]string{"Access-Control-Allow-Methods: PUT", "Access-Control-Allow-Origin: " + listed, "Access-Control-Max-Age: 0",
			"Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers"})
}

func TestGateway_MergesVary(t *testing.T) {
	rows := []struct {
		tenant []string
		want   string
	}{
		{nil, "Origin"},
		{[]string{"Accept-Encoding"}, "Accept-Encoding, Origin"},
		{[]string{"origin"}, "origin"},
		{[]string{"Accept-Encoding, ORIGIN,"}, "Accept-Encoding, ORIGIN"},
		{[]string{"Accept", "Cookie, accept"}, "Accept, Cookie, Origin"},
		{[]string{"*"}, "*"},
		{[]string{"Accept", "*"}, "*"},
		{[]string{"X-Origin"}, "X-Origin, Origin"},
	}
	for _, protocol := range protocols() {
		for _, row := range rows {
			h := newHarness(t, options{protocol: protocol, tenant: func(rw http.ResponseWriter, _ *http.Request) { rw.Header()["Vary"] = row.tenant }})
			for _, origin := range []string{"Origin: " + listed, "X-No: origin"} {
				if got := h.send(request("GET /", origin)); !slices.Equal(got.Header["Vary"], []string{row.want}) {
					t.Errorf("%q with %s over %s: Vary %q, want %q", row.tenant, origin, protocol, got.Header["Vary"], row.want)
				}
			}
		}
	}
}

// respondRaw responds to every request with the given bytes and closes the
// connection.
func respondRaw(response string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		io.WriteString(conn, response)
	}
}

func TestGateway_RemovesCORSHeadersFromInformationalResponses(t *testing.T) {
	h := newHarness(t, options{tenant: respondRaw("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nAccess-Control-Allow-Origin: *\r\n\r\n" +
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nAccess-Control-Allow-Origin: *\r\n\r\nok")})
	conn := h.dial()
	io.WriteString(conn, request("GET /", "Origin: "+listed))
	reader := bufio.NewReader(conn)
	hints := h.read(reader, "GET")
	if hints.StatusCode != 103 || hints.Header.Get("Link") == "" || len(hints.cors()) > 0 {
		t.Errorf("status %d, header %v; want 103 with Link and without CORS headers", hints.StatusCode, hints.Header)
	}
	final := h.read(reader, "GET")
	if final.StatusCode != 200 || final.body != "ok" {
		t.Errorf("status %d, body %q; want 200, \"ok\"", final.StatusCode, final.body)
	}
	expectCORS(t, "final response", final, allowedCORS(listed))
}

// HTTP/1.0 has no informational responses: a client would take them for the final
// one (RFC 9110, section 15.2).
func TestGateway_SendsNoEarlyHintsToHTTP10Client(t *testing.T) {
	h := newHarness(t, options{tenant: respondRaw("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")})
	got := h.send("GET / HTTP/1.0\r\nHost: acme.example\r\nOrigin: " + listed + "\r\n\r\n")
	if got.StatusCode != 200 || got.body != "ok" || got.Header.Get("Link") != "" {
		t.Errorf("status %d, body %q, header %v; want only the final response", got.StatusCode, got.body, got.Header)
	}
	expectCORS(t, "response", got, allowedCORS(listed))
}

func TestGateway_RemovesCORSHeadersFromTrailers(t *testing.T) {
	for rule, announced := range map[string]string{
		"unannounced":                  "",
		"all announced":                "Trailer: Access-Control-Allow-Origin, X-Checksum\r\n",
		"only CORS header announced":   "Trailer: access-control-allow-origin\r\n",
		"only other trailer announced": "Trailer: X-Checksum\r\n",
	} {
		h := newHarness(t, options{tenant: respondRaw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + announced + "\r\n2\r\nok\r\n0\r\n" +
			"Access-Control-Allow-Origin: *\r\nX-Checksum: 1\r\nAccess-Control-Expose-Headers: *\r\n\r\n")})
		conn := h.dial()
		io.WriteString(conn, request("GET /", "Origin: "+listed, "TE: trailers", "Connection: close"))
		whole, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		head, rest, _ := strings.Cut(string(whole), "\r\n\r\n")
		if strings.Contains(strings.ToLower(rest), "access-control") || strings.Contains(strings.ToLower(head), "trailer: access") {
			t.Errorf("%s: CORS header in trailer: %s", rule, whole)
		}
		if !strings.Contains(rest, "X-Checksum: 1") {
			t.Errorf("%s: other trailer is missing: %s", rule, whole)
		}
		if strings.Count(head, "Access-Control-Allow-Origin: ") != 1 {
			t.Errorf("%s: want one Access-Control-Allow-Origin: %s", rule, head)
		}
	}
}

func TestGateway_ReportsUpstreamFailures(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	rows := []struct {
		rule   string
		tenant http.HandlerFunc
		config func(*proxy.Config)
		status int
		code   string
		cause  string
	}{
		{"connection refused", nil, func(c *proxy.Config) {
			c.Tenants[0].Upstream = &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
		}, 502, "UPSTREAM_UNREACHABLE", "connect"},
		{"response timeout", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			func(c *proxy.Config) { c.Timeouts.Response = 20 * time.Millisecond }, 504, "UPSTREAM_TIMEOUT", "timeout"},
		{"TLS handshake timeout", nil, func(c *proxy.Config) {
			c.Tenants[0].Upstream, c.Timeouts.Connect = &url.URL{Scheme: "https", Host: silent.Addr().String()}, 50*time.Millisecond
		}, 504, "UPSTREAM_TIMEOUT", "timeout"},
		{"connection closed without response", respondRaw(""), nil, 502, "UPSTREAM_UNREACHABLE", "reset"},
		{"not HTTP", respondRaw("SSH-2.0-OpenSSH\r\n\r\n"), nil, 502, "UPSTREAM_UNREACHABLE", "protocol"},
		{"header too long", respondRaw("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 300<<10) + "\r\n\r\n"), nil, 502, "UPSTREAM_UNREACHABLE", "protocol"},
		{"invalid status code", respondRaw("HTTP/1.1 042 Odd\r\nContent-Length: 0\r\n\r\n"), nil, 502, "UPSTREAM_UNREACHABLE", "protocol"},
		{"status code 000", respondRaw("HTTP/1.1 000\r\nContent-Length: 0\r\n\r\n"), nil, 502, "UPSTREAM_UNREACHABLE", "protocol"},
		{"unrequested upgrade", respondRaw("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"), nil, 502, "UPSTREAM_UNREACHABLE", "protocol"},
	}
	for _, protocol := range protocols() {
		for _, row := range rows {
			rule := fmt.Sprint(row.rule, " over ", protocol)
			h := newHarness(t, options{protocol: protocol, tenant: row.tenant, config: row.config})
			// POST, which the transport does not retry.
			got := h.send(request("POST /", "Origin: "+listed, "Content-Length: 0"))
			if got.StatusCode != row.status || got.code() != row.code {
				t.Errorf("%s: status %d, body %s; want %d, code %s", rule, got.StatusCode, got.body, row.status, row.code)
			}
			expectCORS(t, rule, got, allowedCORS(listed))
			if x := h.nextExchange(); x.UpstreamCause != row.cause || x.Err == nil || x.Reason != "listed" {
				t.Errorf("%s: exchange %+v, want upstream cause %q", rule, x, row.cause)
			}
		}
	}
}

func TestGateway_AbortsResponseWithTruncatedBody(t *testing.T) {
	for rule, truncated := range map[string]string{
		"Content-Length": "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
		"chunked":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
	} {
		for _, protocol := range protocols() {
			h := newHarness(t, options{protocol: protocol, tenant: respondRaw(truncated)})
			res, err := h.gateway.Client().Do(h.newRequest("GET", "/"))
			if err == nil {
				_, err = io.ReadAll(res.Body)
				res.Body.Close()
			}
			if err == nil {
				t.Errorf("%s over %s: client got a complete response, want an error", rule, protocol)
			}
			if x := h.nextExchange(); !x.Cut || x.Status != 200 {
				t.Errorf("%s over %s: exchange %+v, want it cut", rule, protocol, x)
			}
		}
	}
}

// newRequest returns a request of a listed origin for the client of net/http.
func (h *harness) newRequest(method, target string) *http.Request {
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.gateway.URL+target, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	r.Host = "acme.example"
	r.Header.Set("Origin", listed)
	return r
}

func TestGateway_FlushesServerSentEvents(t *testing.T) {
	for _, protocol := range protocols() {
		expectEvents(t, protocol)
	}
}

func expectEvents(t *testing.T, protocol protocol) {
	t.Helper()
	next := make(chan bool)
	h := newHarness(t, options{protocol: protocol, tenant: func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/event-stream")
		for i := 0; <-next; i++ {
			fmt.Fprintf(rw, "data: %d\n\n", i)
			http.NewResponseController(rw).Flush()
		}
	}})
	go func() { next <- true }()
	res, err := h.gateway.Client().Do(h.newRequest("GET", "/"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for i := range 3 {
		for lines.Scan() && lines.Text() == "" {
		}
		if got, want := lines.Text(), fmt.Sprint("data: ", i); got != want {
			t.Fatalf("%s: got %q, want %q", protocol, got, want)
		}
		next <- i < 2
	}
}

func TestGateway_ForwardsTargetAndBodyUnchanged(t *testing.T) {
	for _, protocol := range []protocol{http1, http1TLS} {
		h := newHarness(t, options{protocol: protocol})
		for _, target := range []string{
			"/", "/a//b", "//a", "//a|b", "//x/{y}", "///", "//a:b@c/d?e", "/%2e%2e/a", "/../a", "/a%2Fb", "/a;b", "/a|b", "/a|b%2Fc", `/a"b`, "/a[b]", "/a^", "/ü",
			"/?", "/a?", "/?a;b", "/?%zz", "/?a=%zz&b=1;c", "/?a|b", "/a?b?c", "/a%20b?c+d",
		} {
			got := h.send(request("GET "+target, "Origin: "+listed))
			if saw := h.tenantRequests(); got.StatusCode != 200 || len(saw) != 1 || saw[0].Target != target {
				t.Errorf("%s: status %d, want 200; tenant received %v", target, got.StatusCode, saw)
			}
		}
		body := strings.Repeat("x", 100_000)
		h.tenantRequests()
		h.send(request("PUT /", "Origin: "+listed, fmt.Sprint("Content-Length: ", len(body))) + body)
		if saw := h.tenantRequests(); len(saw) != 1 || saw[0].Body != body {
			t.Error("tenant did not receive the complete body")
		}
	}
}

func TestGateway_SetsForwardingHeaders(t *testing.T) {
	rows := []struct {
		rule    string
		trusted bool
		headers []string
		want    map[string]string // "" is absent
	}{
		{"no header of client", false, nil, map[string]string{
			"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "acme.example", "X-Forwarded-Proto": "http"}},
		{"headers of untrusted client are replaced", false, []string{"X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil", "Forwarded: for=1.2.3.4"},
			map[string]string{"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "acme.example", "X-Forwarded-Proto": "http", "Forwarded": ""}},
		{"headers of trusted proxy are extended", true, []string{"X-Forwarded-For: 1.2.3.4, 5.6.7.8", "X-Forwarded-Proto: wss"},
			map[string]string{"X-Forwarded-For": "1.2.3.4, 5.6.7.8, 127.0.0.1", "X-Forwarded-Proto": "https"}},
		{"several lines of trusted proxy are joined", true, []string{"X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 5.6.7.8"},
			map[string]string{"X-Forwarded-For": "1.2.3.4, 5.6.7.8, 127.0.0.1"}},
		{"Upgrade without Connection is removed", false, []string{"Upgrade: websocket", key}, map[string]string{"Upgrade": "", "Connection": ""}},
		{"Connection does not remove headers of the decision", false, []string{"Connection: Origin, X-Forwarded-For, Cookie", "Cookie: a=b"},
			map[string]string{"Origin": listed, "X-Forwarded-For": "127.0.0.1", "Connection": ""}},
		{"names with underscores are removed", false, []string{"X_Forwarded_For: 1.2.3.4", "A_b: c"}, map[string]string{"X_Forwarded_For": "", "A_b": ""}},
		{"unsupported upgrade is removed", false, []string{"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"},
			map[string]string{"Upgrade": "", "Connection": "", "Http2-Settings": ""}},
		{"User-Agent and Accept-Encoding are not added", false, nil, map[string]string{"User-Agent": "", "Accept-Encoding": ""}},
		{"credentials are forwarded", false, []string{"Authorization: Bearer x", "Cookie: a=b"}, map[string]string{"Authorization": "Bearer x", "Cookie": "a=b"}},
	}
	hopByHop := func(line string) bool {
		return strings.HasPrefix(line, "Connection:") || strings.HasPrefix(line, "Upgrade:")
	}
	for _, protocol := range protocols() {
		for _, row := range rows {
			if protocol == http2 && slices.ContainsFunc(row.headers, hopByHop) {
				continue // HTTP/2 has no such header
			}
			o := options{protocol: protocol}
			if row.trusted {
				o.config = trustLoopback
			}
			h := newHarness(t, o)
			h.send(request("GET /", append(row.headers, "Origin: "+listed)...))
			saw := h.tenantRequests()
			if len(saw) != 1 || saw[0].Host != "acme.example" {
				t.Fatalf("%s over %s: tenant received %v", row.rule, protocol, saw)
			}
			for name, want := range row.want {
				if want == "http" && protocol != http1 {
					want = "https"
				}
				if got := strings.Join(saw[0].Header[name], " and "); got != want {
					t.Errorf("%s over %s: %s is %q, want %q", row.rule, protocol, name, got, want)
				}
			}
		}
	}
}

func TestGateway_FindsClientBehindTrustedProxies(t *testing.T) {
	rows := []struct {
		rule    string
		trusted bool
		lines   []string
		want    string
	}{
		{"untrusted peer", false, []string{"X-Forwarded-For: 1.2.3.4"}, "127.0.0.1"},
		{"no header", true, nil, "127.0.0.1"},
		{"rightmost address", true, []string{"X-Forwarded-For: 9.9.9.9, 1.2.3.4"}, "1.2.3.4"},
		{"rightmost untrusted address", true, []string{"X-Forwarded-For: 9.9.9.9, 1.2.3.4, 127.0.0.9"}, "1.2.3.4"},
		{"several lines", true, []string{"X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 127.0.0.9"}, "1.2.3.4"},
		{"all addresses trusted", true, []string{"X-Forwarded-For: 127.0.0.8, 127.0.0.9"}, "127.0.0.8"},
		{"IPv4 with port", true, []string{"X-Forwarded-For: 1.2.3.4:5678"}, "1.2.3.4"},
		{"IPv6", true, []string{"X-Forwarded-For: 2001:db8::1"}, "2001:db8::1"},
		{"IPv6 with port", true, []string{"X-Forwarded-For: [2001:db8::1]:80"}, "2001:db8::1"},
		{"IPv4-mapped", true, []string{"X-Forwarded-For: 1.2.3.4, ::ffff:127.0.0.9"}, "1.2.3.4"},
		{"IPv6 with zone", true, []string{"X-Forwarded-For: fe80::1%eth0"}, "fe80::1"},
		{"IPv4-mapped with port", true, []string{"X-Forwarded-For: 1.2.3.4, [::ffff:127.0.0.9]:80"}, "1.2.3.4"},
		{"invalid address ends the search", true, []string{"X-Forwarded-For: 1.2.3.4, unknown, 127.0.0.9"}, "127.0.0.9"},
	}
	for _, row := range rows {
		o := options{}
		if row.trusted {
			o.config = trustLoopback
		}
		h := newHarness(t, o)
		h.send(request("GET /", row.lines...))
		if got := h.nextExchange().Client.String(); got != row.want {
			t.Errorf("%s: client %s, want %s", row.rule, got, row.want)
		}
	}
}

func TestGateway_ForwardsHTTP2TargetUnchanged(t *testing.T) {
	h := newHarness(t, options{protocol: http2})
	for _, target := range []string{"/", "/a//b", "/%2e%2e/a", "/../a", "/a%2Fb", "/a;b", "/a|b%2Fc", "/?", "/?a;b", "/?%zz"} {
		got := h.send(request("GET "+target, "Origin: "+listed))
		if saw := h.tenantRequests(); got.StatusCode != 200 || len(saw) != 1 || saw[0].Target != target {
			t.Errorf("%s: status %d, want 200; tenant received %v", target, got.StatusCode, saw)
		}
	}
}

func TestGateway_RemovesCORSHeadersFromHTTP2Responses(t *testing.T) {
	h := newHarness(t, options{protocol: http2, tenant: respondRaw("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nAccess-Control-Allow-Origin: *\r\n\r\n" +
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Access-Control-Allow-Origin, X-Checksum\r\nAccess-Control-Allow-Origin: *\r\n\r\n" +
		"2\r\nok\r\n0\r\nAccess-Control-Allow-Origin: *\r\nX-Checksum: 1\r\nAccess-Control-Max-Age: 1\r\n\r\n")})
	var hints http.Header
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(_ int, header textproto.MIMEHeader) error {
		hints = http.Header(header)
		return nil
	}})
	res, err := h.gateway.Client().Do(h.newRequest("GET", "/").WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || string(body) != "ok" || res.ProtoMajor != 2 {
		t.Errorf("%s response with body %q, error %v", res.Proto, body, err)
	}
	expectCORS(t, "final response", response{Response: res}, allowedCORS(listed))
	if cors := (response{Response: &http.Response{Header: hints}}).cors(); hints.Get("Link") == "" || len(cors) > 0 {
		t.Errorf("early hints %v, want Link and no CORS headers", hints)
	}
	if cors := (response{Response: &http.Response{Header: res.Trailer}}).cors(); res.Trailer.Get("X-Checksum") != "1" || len(cors) > 0 {
		t.Errorf("trailers %v, want X-Checksum and no CORS headers", res.Trailer)
	}
}

// In mode headers the response to a refused request has no CORS headers; in mode
// report the response is not changed.
func TestGateway_FollowsModeInEarlyHintsAndTrailers(t *testing.T) {
	const raw = "HTTP/1.1 103 Early Hints\r\nAccess-Control-Allow-Origin: *\r\nLink: </a>\r\n\r\n" +
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Access-Control-Allow-Origin\r\nAccess-Control-Allow-Origin: *\r\nVary: Accept\r\n\r\n" +
		"2\r\nok\r\n0\r\nAccess-Control-Allow-Origin: *\r\n\r\n"
	for mode, vary := range map[proxy.Mode]string{proxy.Headers: "Vary: Accept, Origin\r\n", proxy.Report: "Vary: Accept\r\n"} {
		for _, origin := range []string{"Origin: " + unlisted, "Origin: null", "Origin: a\r\nOrigin: b"} {
			h := newHarness(t, options{mode: mode, tenant: respondRaw(raw)})
			conn := h.dial()
			io.WriteString(conn, request("GET /", origin, "TE: trailers", "Connection: close"))
			whole, err := io.ReadAll(conn)
			if err != nil {
				t.Fatal(err)
			}
			// The early hints, the header with its Trailer field, and the trailers.
			for i, part := range strings.Split(string(whole), "\r\n\r\n")[:3] {
				if strings.Contains(part, "Access-Control-Allow-Origin") != (mode == proxy.Report) {
					t.Errorf("%v, %s: part %d is %q", mode, origin, i+1, part)
				}
			}
			if !strings.Contains(string(whole), vary) {
				t.Errorf("%v, %s: no %q in %q", mode, origin, vary, whole)
			}
		}
	}
}
