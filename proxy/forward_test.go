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

// hostile sets every CORS header a tenant could, twice where that is possible.
func hostile(header http.Header) {
	for _, name := range []string{"Allow-Origin", "Allow-Credentials", "Allow-Methods", "Allow-Headers", "Allow-Private-Network", "Expose-Headers", "Max-Age", "Made-Up"} {
		header.Add("Access-Control-"+name, "*")
		header.Add("access-control-"+strings.ToLower(name), "true")
	}
}

func TestGateway_SaysAloneWhatBrowsersMayRead(t *testing.T) {
	for _, protocol := range protocols() {
		for _, status := range []int{200, 204, 301, 304, 401, 404, 500} {
			w := newWorld(t, options{protocol: protocol, tenant: func(rw http.ResponseWriter, _ *http.Request) {
				hostile(rw.Header())
				rw.Header().Set("ETag", `"1"`)
				rw.WriteHeader(status)
			}})
			for origin, want := range map[string][]string{listed: sharedWith(listed), public: sharedWith(public)} {
				for _, method := range []string{"GET", "HEAD"} {
					got := w.send(request(method+" /", "Origin: "+origin))
					if got.StatusCode != status || got.Header.Get("ETag") != `"1"` {
						t.Errorf("%s, %d: got %d, %v", method, status, got.StatusCode, got.Header)
					}
					expectCORS(t, fmt.Sprint(method, ", ", status, " for ", origin, " by ", protocol), got, want)
				}
			}
			expectCORS(t, fmt.Sprint(status, " without an origin by ", protocol), w.send(request("GET /")), unshared())
		}
	}
}

func TestGateway_AsksForNoCredentialsWhereTheOperatorWantsNone(t *testing.T) {
	w := newWorld(t, options{config: func(c *proxy.Config) { c.CORS = proxy.CORS{Methods: []string{"PUT"}} }})
	expectCORS(t, "neither credentials nor exposed headers", w.send(request("GET /", "Origin: "+listed)),
		[]string{"Access-Control-Allow-Origin: " + listed, "Vary: Origin"})
	expectCORS(t, "nor for a preflight", w.send(request("OPTIONS /", "Origin: "+listed, "Access-Control-Request-Method: PUT")),
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
			w := newWorld(t, options{protocol: protocol, tenant: func(rw http.ResponseWriter, _ *http.Request) { rw.Header()["Vary"] = row.tenant }})
			for _, origin := range []string{"Origin: " + listed, "X-No: origin"} {
				if got := w.send(request("GET /", origin)); !slices.Equal(got.Header["Vary"], []string{row.want}) {
					t.Errorf("%q with %s by %s: %q, want %q", row.tenant, origin, protocol, got.Header["Vary"], row.want)
				}
			}
		}
	}
}

// raw answers every request to the tenant with bytes on its connection.
func raw(answer string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		io.WriteString(conn, answer)
	}
}

func TestGateway_TakesCORSHeadersOutOfInformationalAnswers(t *testing.T) {
	w := newWorld(t, options{tenant: raw("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nAccess-Control-Allow-Origin: *\r\n\r\n" +
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nAccess-Control-Allow-Origin: *\r\n\r\nok")})
	conn := w.dial()
	io.WriteString(conn, request("GET /", "Origin: "+listed))
	reader := bufio.NewReader(conn)
	hints := w.read(reader, "GET")
	if hints.StatusCode != 103 || hints.Header.Get("Link") == "" || len(hints.cors()) > 0 {
		t.Errorf("%d with %v", hints.StatusCode, hints.Header)
	}
	final := w.read(reader, "GET")
	if final.StatusCode != 200 || final.body != "ok" {
		t.Errorf("%d %s", final.StatusCode, final.body)
	}
	expectCORS(t, "the final response", final, sharedWith(listed))
}

// They would take it for the response (RFC 9110, section 15.2).
func TestGateway_SendsNoHintsToClientsOfHTTP10(t *testing.T) {
	w := newWorld(t, options{tenant: raw("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")})
	got := w.send("GET / HTTP/1.0\r\nHost: acme.example\r\nOrigin: " + listed + "\r\n\r\n")
	if got.StatusCode != 200 || got.body != "ok" || got.Header.Get("Link") != "" {
		t.Errorf("%d %s, %v", got.StatusCode, got.body, got.Header)
	}
	expectCORS(t, "the response", got, sharedWith(listed))
}

func TestGateway_TakesCORSHeadersOutOfTrailers(t *testing.T) {
	for rule, announced := range map[string]string{
		"unannounced":           "",
		"all announced":         "Trailer: Access-Control-Allow-Origin, X-Checksum\r\n",
		"only CORS announced":   "Trailer: access-control-allow-origin\r\n",
		"only others announced": "Trailer: X-Checksum\r\n",
	} {
		w := newWorld(t, options{tenant: raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + announced + "\r\n2\r\nok\r\n0\r\n" +
			"Access-Control-Allow-Origin: *\r\nX-Checksum: 1\r\nAccess-Control-Expose-Headers: *\r\n\r\n")})
		conn := w.dial()
		io.WriteString(conn, request("GET /", "Origin: "+listed, "TE: trailers", "Connection: close"))
		whole, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		head, rest, _ := strings.Cut(string(whole), "\r\n\r\n")
		if strings.Contains(strings.ToLower(rest), "access-control") || strings.Contains(strings.ToLower(head), "trailer: access") {
			t.Errorf("%s: %s", rule, whole)
		}
		if !strings.Contains(rest, "X-Checksum: 1") {
			t.Errorf("%s: the other trailer is lost: %s", rule, whole)
		}
		if strings.Count(head, "Access-Control-Allow-Origin: ") != 1 {
			t.Errorf("%s: %s", rule, head)
		}
	}
}

func TestGateway_AnswersForATenantThatCannot(t *testing.T) {
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
		{"it is down", nil, func(c *proxy.Config) {
			c.Tenants[0].Upstream = &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
		}, 502, "UPSTREAM_UNREACHABLE", "connect"},
		{"it does not answer in time", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			func(c *proxy.Config) { c.Timeouts.Response = 20 * time.Millisecond }, 504, "UPSTREAM_TIMEOUT", "timeout"},
		{"it does not end its TLS handshake", nil, func(c *proxy.Config) {
			c.Tenants[0].Upstream, c.Timeouts.Connect = &url.URL{Scheme: "https", Host: silent.Addr().String()}, 50*time.Millisecond
		}, 504, "UPSTREAM_TIMEOUT", "timeout"},
		{"it resets", raw(""), nil, 502, "UPSTREAM_UNREACHABLE", "reset"},
		{"it speaks no HTTP", raw("SSH-2.0-OpenSSH\r\n\r\n"), nil, 502, "UPSTREAM_UNREACHABLE", "protocol"},
		{"its header has no end", raw("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 300<<10) + "\r\n\r\n"), nil, 502, "UPSTREAM_UNREACHABLE", "protocol"},
		{"its status is none", raw("HTTP/1.1 042 Odd\r\nContent-Length: 0\r\n\r\n"), nil, 502, "UPSTREAM_UNREACHABLE", "protocol"},
		{"its status is 000", raw("HTTP/1.1 000\r\nContent-Length: 0\r\n\r\n"), nil, 502, "UPSTREAM_UNREACHABLE", "protocol"},
		{"it switches protocols unasked", raw("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"), nil, 502, "UPSTREAM_UNREACHABLE", "protocol"},
	}
	for _, protocol := range protocols() {
		for _, row := range rows {
			rule := fmt.Sprint(row.rule, " by ", protocol)
			w := newWorld(t, options{protocol: protocol, tenant: row.tenant, config: row.config})
			// POST, so that the transport does not try again.
			got := w.send(request("POST /", "Origin: "+listed, "Content-Length: 0"))
			if got.StatusCode != row.status || got.code() != row.code {
				t.Errorf("%s: %d %s, want %d %s", rule, got.StatusCode, got.body, row.status, row.code)
			}
			expectCORS(t, rule, got, sharedWith(listed))
			if x := w.observed(); x.UpstreamCause != row.cause || x.Err == nil || x.Reason != "listed" {
				t.Errorf("%s: observed %+v", rule, x)
			}
		}
	}
}

func TestGateway_ACutBodyIsAnErrorForTheClientToo(t *testing.T) {
	for rule, cut := range map[string]string{
		"a length":  "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
		"in chunks": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
	} {
		for _, protocol := range protocols() {
			w := newWorld(t, options{protocol: protocol, tenant: raw(cut)})
			res, err := w.gateway.Client().Do(w.newRequest("GET", "/"))
			if err == nil {
				_, err = io.ReadAll(res.Body)
				res.Body.Close()
			}
			if err == nil {
				t.Errorf("%s, by %s: the client took half for the whole", rule, protocol)
			}
			if x := w.observed(); !x.Cut || x.Status != 200 {
				t.Errorf("%s, by %s: observed %+v", rule, protocol, x)
			}
		}
	}
}

// newRequest is one by net/http, to the gateway's tenant.
func (w *world) newRequest(method, target string) *http.Request {
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.gateway.URL+target, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Host = "acme.example"
	r.Header.Set("Origin", listed)
	return r
}

func TestGateway_PassesEachEventAtOnce(t *testing.T) {
	for _, protocol := range protocols() {
		expectEvents(t, protocol)
	}
}

func expectEvents(t *testing.T, protocol protocol) {
	t.Helper()
	next := make(chan bool)
	w := newWorld(t, options{protocol: protocol, tenant: func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/event-stream")
		for i := 0; <-next; i++ {
			fmt.Fprintf(rw, "data: %d\n\n", i)
			http.NewResponseController(rw).Flush()
		}
	}})
	go func() { next <- true }()
	res, err := w.gateway.Client().Do(w.newRequest("GET", "/"))
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

func TestGateway_SendsTheClientsBytes(t *testing.T) {
	for _, protocol := range []protocol{http1, http1TLS} {
		w := newWorld(t, options{protocol: protocol})
		for _, target := range []string{
			"/", "/a//b", "//a", "//a|b", "//x/{y}", "///", "//a:b@c/d?e", "/%2e%2e/a", "/../a", "/a%2Fb", "/a;b", "/a|b", "/a|b%2Fc", `/a"b`, "/a[b]", "/a^", "/ü",
			"/?", "/a?", "/?a;b", "/?%zz", "/?a=%zz&b=1;c", "/?a|b", "/a?b?c", "/a%20b?c+d",
		} {
			got := w.send(request("GET "+target, "Origin: "+listed))
			if saw := w.tenantSaw(); got.StatusCode != 200 || len(saw) != 1 || saw[0].Target != target {
				t.Errorf("%s: %d; the tenant saw %v", target, got.StatusCode, saw)
			}
		}
		body := strings.Repeat("x", 100_000)
		w.tenantSaw()
		w.send(request("PUT /", "Origin: "+listed, fmt.Sprint("Content-Length: ", len(body))) + body)
		if saw := w.tenantSaw(); len(saw) != 1 || saw[0].Body != body {
			t.Error("the body did not arrive whole")
		}
	}
}

func TestGateway_TellsTheTenantWhoAsks(t *testing.T) {
	rows := []struct {
		rule    string
		trusted bool
		headers []string
		want    map[string]string // "" is absent
	}{
		{"the client's Host, and our own word", false, nil, map[string]string{
			"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "acme.example", "X-Forwarded-Proto": "http"}},
		{"not what a stranger says", false, []string{"X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil", "Forwarded: for=1.2.3.4"},
			map[string]string{"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "acme.example", "X-Forwarded-Proto": "http", "Forwarded": ""}},
		{"what a trusted proxy says", true, []string{"X-Forwarded-For: 1.2.3.4, 5.6.7.8", "X-Forwarded-Proto: wss"},
			map[string]string{"X-Forwarded-For": "1.2.3.4, 5.6.7.8, 127.0.0.1", "X-Forwarded-Proto": "https"}},
		{"what it says on several lines", true, []string{"X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 5.6.7.8"},
			map[string]string{"X-Forwarded-For": "1.2.3.4, 5.6.7.8, 127.0.0.1"}},
		{"an Upgrade that Connection does not name is for nobody", false, []string{"Upgrade: websocket", key}, map[string]string{"Upgrade": "", "Connection": ""}},
		{"Connection takes nothing from the decision", false, []string{"Connection: Origin, X-Forwarded-For, Cookie", "Cookie: a=b"},
			map[string]string{"Origin": listed, "X-Forwarded-For": "127.0.0.1", "Connection": ""}},
		{"no names with underscores", false, []string{"X_Forwarded_For: 1.2.3.4", "A_b: c"}, map[string]string{"X_Forwarded_For": "", "A_b": ""}},
		{"no upgrade that we do not join", false, []string{"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"},
			map[string]string{"Upgrade": "", "Connection": "", "Http2-Settings": ""}},
		{"no user agent and no compression of ours", false, nil, map[string]string{"User-Agent": "", "Accept-Encoding": ""}},
		{"credentials pass", false, []string{"Authorization: Bearer x", "Cookie: a=b"}, map[string]string{"Authorization": "Bearer x", "Cookie": "a=b"}},
	}
	hopByHop := func(line string) bool {
		return strings.HasPrefix(line, "Connection:") || strings.HasPrefix(line, "Upgrade:")
	}
	for _, protocol := range protocols() {
		for _, row := range rows {
			if protocol == http2 && slices.ContainsFunc(row.headers, hopByHop) {
				continue // which it has not
			}
			o := options{protocol: protocol}
			if row.trusted {
				o.config = trustLoopback
			}
			w := newWorld(t, o)
			w.send(request("GET /", append(row.headers, "Origin: "+listed)...))
			saw := w.tenantSaw()
			if len(saw) != 1 || saw[0].Host != "acme.example" {
				t.Fatalf("%s by %s: the tenant saw %v", row.rule, protocol, saw)
			}
			for name, want := range row.want {
				if want == "http" && protocol != http1 {
					want = "https"
				}
				if got := strings.Join(saw[0].Header[name], " and "); got != want {
					t.Errorf("%s by %s: %s is %q, want %q", row.rule, protocol, name, got, want)
				}
			}
		}
	}
}

func TestGateway_FindsTheClientBehindTrustedProxies(t *testing.T) {
	rows := []struct {
		rule    string
		trusted bool
		lines   []string
		want    string
	}{
		{"the peer, without trust", false, []string{"X-Forwarded-For: 1.2.3.4"}, "127.0.0.1"},
		{"the peer, without a header", true, nil, "127.0.0.1"},
		{"the rightmost", true, []string{"X-Forwarded-For: 9.9.9.9, 1.2.3.4"}, "1.2.3.4"},
		{"the rightmost untrusted", true, []string{"X-Forwarded-For: 9.9.9.9, 1.2.3.4, 127.0.0.9"}, "1.2.3.4"},
		{"over several lines", true, []string{"X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 127.0.0.9"}, "1.2.3.4"},
		{"all trusted", true, []string{"X-Forwarded-For: 127.0.0.8, 127.0.0.9"}, "127.0.0.8"},
		{"with a port", true, []string{"X-Forwarded-For: 1.2.3.4:5678"}, "1.2.3.4"},
		{"IPv6", true, []string{"X-Forwarded-For: 2001:db8::1"}, "2001:db8::1"},
		{"IPv6 with a port", true, []string{"X-Forwarded-For: [2001:db8::1]:80"}, "2001:db8::1"},
		{"IPv4-mapped", true, []string{"X-Forwarded-For: 1.2.3.4, ::ffff:127.0.0.9"}, "1.2.3.4"},
		{"IPv6 of a zone", true, []string{"X-Forwarded-For: fe80::1%eth0"}, "fe80::1"},
		{"IPv4-mapped with a port", true, []string{"X-Forwarded-For: 1.2.3.4, [::ffff:127.0.0.9]:80"}, "1.2.3.4"},
		{"what is no address ends the search", true, []string{"X-Forwarded-For: 1.2.3.4, unknown, 127.0.0.9"}, "127.0.0.9"},
	}
	for _, row := range rows {
		o := options{}
		if row.trusted {
			o.config = trustLoopback
		}
		w := newWorld(t, o)
		w.send(request("GET /", row.lines...))
		if got := w.observed().Client.String(); got != row.want {
			t.Errorf("%s: %s, want %s", row.rule, got, row.want)
		}
	}
}

func TestGateway_SendsTheBytesOfAnHTTP2Request(t *testing.T) {
	w := newWorld(t, options{protocol: http2})
	for _, target := range []string{"/", "/a//b", "/%2e%2e/a", "/../a", "/a%2Fb", "/a;b", "/a|b%2Fc", "/?", "/?a;b", "/?%zz"} {
		got := w.send(request("GET "+target, "Origin: "+listed))
		if saw := w.tenantSaw(); got.StatusCode != 200 || len(saw) != 1 || saw[0].Target != target {
			t.Errorf("%s: %d; the tenant saw %v", target, got.StatusCode, saw)
		}
	}
}

func TestGateway_TakesCORSHeadersOutOfHTTP2Answers(t *testing.T) {
	w := newWorld(t, options{protocol: http2, tenant: raw("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nAccess-Control-Allow-Origin: *\r\n\r\n" +
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Access-Control-Allow-Origin, X-Checksum\r\nAccess-Control-Allow-Origin: *\r\n\r\n" +
		"2\r\nok\r\n0\r\nAccess-Control-Allow-Origin: *\r\nX-Checksum: 1\r\nAccess-Control-Max-Age: 1\r\n\r\n")})
	var hints http.Header
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(_ int, header textproto.MIMEHeader) error {
		hints = http.Header(header)
		return nil
	}})
	res, err := w.gateway.Client().Do(w.newRequest("GET", "/").WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || string(body) != "ok" || res.ProtoMajor != 2 {
		t.Errorf("%s %q, %v", res.Proto, body, err)
	}
	expectCORS(t, "the final response", answer{Response: res}, sharedWith(listed))
	if cors := (answer{Response: &http.Response{Header: hints}}).cors(); hints.Get("Link") == "" || len(cors) > 0 {
		t.Errorf("the hints are %v", hints)
	}
	if cors := (answer{Response: &http.Response{Header: res.Trailer}}).cors(); res.Trailer.Get("X-Checksum") != "1" || len(cors) > 0 {
		t.Errorf("the trailers are %v", res.Trailer)
	}
}

// In mode headers a refused answer is as bare as one that had no CORS headers;
// in mode report nothing of it is touched.
func TestGateway_ObeysItsModeInWhatComesBesideTheHeader(t *testing.T) {
	const answered = "HTTP/1.1 103 Early Hints\r\nAccess-Control-Allow-Origin: *\r\nLink: </a>\r\n\r\n" +
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Access-Control-Allow-Origin\r\nAccess-Control-Allow-Origin: *\r\nVary: Accept\r\n\r\n" +
		"2\r\nok\r\n0\r\nAccess-Control-Allow-Origin: *\r\n\r\n"
	for mode, vary := range map[proxy.Mode]string{proxy.Headers: "Vary: Accept, Origin\r\n", proxy.Report: "Vary: Accept\r\n"} {
		for _, origin := range []string{"Origin: " + unlisted, "Origin: null", "Origin: a\r\nOrigin: b"} {
			w := newWorld(t, options{mode: mode, tenant: raw(answered)})
			conn := w.dial()
			io.WriteString(conn, request("GET /", origin, "TE: trailers", "Connection: close"))
			whole, err := io.ReadAll(conn)
			if err != nil {
				t.Fatal(err)
			}
			// In the hints, the header, the announcement and the trailer.
			for i, part := range strings.Split(string(whole), "\r\n\r\n")[:3] {
				if strings.Contains(part, "Access-Control-Allow-Origin") != (mode == proxy.Report) {
					t.Errorf("%v, %s: part %d is %q", mode, origin, i+1, part)
				}
			}
			if !strings.Contains(string(whole), vary) {
				t.Errorf("%v, %s: there is no %q in %q", mode, origin, vary, whole)
			}
		}
	}
}
