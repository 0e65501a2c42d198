package proxy_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"originwarden/proxy"
)

// For any bytes, in any pieces, both lanes send the same responses, report the same
// exchanges, and send the tenant the same requests.
func FuzzLanes_Agree(f *testing.F) {
	for _, seed := range laneSeeds() {
		f.Add([]byte(seed), []byte{})
		f.Add([]byte(seed), []byte{1, 7, 30})
	}
	l := newLanes(f)
	f.Fuzz(func(t *testing.T, input, cuts []byte) {
		if len(input) < 64<<10 {
			l.compare(t, input, cuts)
		}
	})
}

// The lanes agree about the Host and the target that a tenant gets.
func TestLanes_AgreeWithPrefix(t *testing.T) {
	l := newLanes(t, setPrefix("/base"), takeHostOfUpstream)
	for _, seed := range append(laneSeeds(), request("GET /../x"), request("GET //..;/x"), request("GET /%2e%2e/x", "Origin: "+unlisted)) {
		l.compare(t, []byte(seed), nil)
	}
}

// lanes are two gateways in front of one tenant, one of them without the fast lane.
type lanes struct {
	fast, reference *harness

	mu       sync.Mutex
	received []tenantRequest
}

func newLanes(t testing.TB, changes ...func(*proxy.Config)) *lanes {
	l := &lanes{}
	upstream := startTenant(t, l.record)
	config := func(c *proxy.Config) {
		for i := range c.Tenants {
			c.Tenants[i].Upstream = upstream
			c.Tenants[i].Policy.PublicPaths = []string{"/public/*"}
		}
		c.BodyBytes = 2000
		with(changes...)(c)
	}
	l.fast = newHarness(t, options{lane: "fast", config: config})
	l.reference = newHarness(t, options{lane: "reference", config: config})
	return l
}

// record is the tenant. It forgets requests whose bodies are incomplete: whether
// they arrive at all depends on time.
func (l *lanes) record(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	l.mu.Lock()
	l.received = append(l.received, tenantRequest{r.Method, r.RequestURI, r.Host, r.Header.Clone(), string(body)})
	l.mu.Unlock()
	addCORSHeaders(rw.Header())
	rw.Header().Set("Set-Cookie", "a=b")
	rw.Header().Set("ETag", `"x"`)
	if r.Method == http.MethodPut {
		rw.(http.Flusher).Flush() // in chunks
	}
	fmt.Fprintf(rw, "%s %s %q", r.Method, r.RequestURI, body)
}

// outcome is what became of an input.
type outcome struct {
	Responses []laneResponse
	Exchanges []proxy.Exchange
	Requests  []tenantRequest
}

// laneResponse is a response in a form in which both lanes send the same.
type laneResponse struct {
	Status          int
	Close           bool
	Header, Trailer http.Header
	Body            string
	Whole           bool
}

func (l *lanes) compare(t *testing.T, input, cuts []byte) {
	t.Helper()
	fast, reference := l.send(t, l.fast, input, cuts), l.send(t, l.reference, input, cuts)
	if !reflect.DeepEqual(fast, reference) {
		t.Errorf("%q in pieces %v:\n     fast %+v\nreference %+v", input, cuts, fast, reference)
	}
}

// send sends the input, half-closes the connection, and reads it to its end. By then
// the exchanges were reported.
func (l *lanes) send(t *testing.T, h *harness, input, cuts []byte) (o outcome) {
	t.Helper()
	conn, err := net.Dial("tcp", h.gateway.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	for _, piece := range cut(input, cuts) {
		if _, err := conn.Write(piece); err != nil {
			break // the gateway has closed the connection
		}
		runtime.Gosched()
	}
	conn.(*net.TCPConn).CloseWrite()
	raw, _ := io.ReadAll(conn)
	for len(h.exchanges) > 0 {
		o.Exchanges = append(o.Exchanges, <-h.exchanges)
	}
	o.Responses = readLaneResponses(raw, o.Exchanges)
	for i := range o.Exchanges {
		normalizeExchange(&o.Exchanges[i])
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	o.Requests, l.received = l.received, nil
	for i := range o.Requests {
		normalizeRequest(o.Requests[i].Header)
	}
	return o
}

// cut cuts the input into pieces of the given lengths; the last one is what is left.
func cut(input, lengths []byte) (pieces [][]byte) {
	for _, length := range lengths {
		n := min(int(length)+1, len(input))
		pieces, input = append(pieces, input[:n]), input[n:]
	}
	return append(pieces, input)
}

// readLaneResponses reads the final responses to the requests of the exchanges.
// Those that net/http sends itself follow, and have no exchange.
func readLaneResponses(raw []byte, exchanges []proxy.Exchange) (all []laneResponse) {
	reader := bufio.NewReader(bytes.NewReader(raw))
	for final := 0; ; {
		r := &http.Request{Method: http.MethodGet}
		if final < len(exchanges) {
			r.Method = exchanges[final].Method
		}
		res, err := http.ReadResponse(reader, r)
		if err != nil {
			return all
		}
		if res.StatusCode == http.StatusContinue { // net/http sends it when the body is read
			continue
		}
		body, err := io.ReadAll(res.Body)
		got := laneResponse{res.StatusCode, res.Close, res.Header, res.Trailer, string(body), err == nil}
		if code := (response{res, got.Body}).code(); code != "" {
			got.Body = code
		}
		got.Body, _, _ = strings.Cut(got.Body, ", trace ") // of the API
		if res.StatusCode >= 200 {
			final++
		}
		normalizeResponse(got)
		all = append(all, got)
	}
}

// normalizeResponse removes what differs between responses at any time, and what
// net/http changes. Names are canonical and without order already, and reason phrases
// are not compared: net/http replaces the tenant's.
func normalizeResponse(r laneResponse) {
	r.Header.Del("Date")
	slices.Sort(r.Header["Vary"])
	if r.Status == http.StatusNotModified { // net/http removes what describes a body
		r.Header.Del("Content-Length")
		r.Header.Del("Content-Type")
	}
}

// normalizeRequest removes what differs between gateways, and what net/http changes in
// a request.
func normalizeRequest(header http.Header) {
	header.Del("Traceparent") // has a new span
	header.Del("Cdn-Loop")    // has the mark of the gateway
	// net/http adds Cache-Control: no-cache to a request with Pragma: no-cache alone.
	if pragma := header["Pragma"]; len(pragma) > 0 && pragma[0] == "no-cache" && header["Cache-Control"] == nil {
		header["Cache-Control"] = []string{"no-cache"}
	}
	// httputil marks a request without User-Agent by an empty one, which is not sent.
	agents := slices.DeleteFunc(header["User-Agent"], func(v string) bool { return v == "" })
	if header["User-Agent"] = agents; len(agents) == 0 {
		delete(header, "User-Agent")
	}
}

// normalizeExchange removes times, ids and errors.
func normalizeExchange(x *proxy.Exchange) {
	x.Start, x.Duration, x.ResponseTime, x.GatewayTime, x.UpstreamTime = time.Time{}, 0, 0, 0, 0
	x.TraceID, x.Err = "", nil
}

// laneSeeds are requests that servers have disagreed about, and the usual ones.
func laneSeeds() []string {
	get := request("GET /next", "Origin: "+listed)
	o := "Origin: " + listed
	post := func(body string, lines ...string) string { return request("POST /a", append(lines, o)...) + body + get }
	raw := func(head string) string {
		return strings.ReplaceAll(head, "$H", "Host: acme.example\r\n"+o) + "\r\n\r\n" + get
	}
	seeds := []string{
		get, get + get + get,
		request("HEAD /", o) + get, request("PUT /?a=%zz", o, "Content-Length: 1") + "x" + get,
		request("PATCH /", o) + get, request("DELETE /", o, "Content-Length: 0") + get,
		request("GET /", "Origin: "+unlisted) + get, request("GET /", o, o) + get, request("GET /", "Origin: null") + get,
		request("GET /public/a", "Origin: "+unlisted, "Cookie: a=b", "authorization: c") + get, request("GET /public/%2e", "Origin: "+unlisted, "Cookie: a=b") + get,
		request("OPTIONS /public/a", "Origin: null", "Access-Control-Request-Method: GET") + get,
		request("OPTIONS /", o, "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: a,b") + get,
		request("OPTIONS /", "Origin: "+unlisted, "Access-Control-Request-Method: PUT", "Content-Length: 2") + "xy" + get,
		request("OPTIONS *", o) + get, request("GET *", o), request("GET /api/v1/web-integrations", o) + get,
		request("POST /callback", "Origin: null", "Content-Length: 3") + "abc" + get,
		request("GET /?qlik-web-integration-id=first", o, "Qlik-Web-Integration-Id: second") + get,
		// Lengths.
		post("abc", "Content-Length: 3"), post("abc", "Content-Length: 3", "Content-Length: 3"), post("abc", "Content-Length: 3, 3"),
		post("abc", "Content-Length: 3", "Content-Length: 4"), post("abc", "Content-Length: +3"), post("abc", "Content-Length: -3"),
		post("abc", "Content-Length: 03"), post("abc", "Content-Length: 0x3"), post("abc", "Content-Length: 3_"), post("", "Content-Length:"),
		post("", "Content-Length: 99999999999999999999"), post("", "Content-Length: 9223372036854775807"), post("", "Content-Length: 2001"),
		post("abc", "Content-Length : 3"), post("abc", "Content-Length:\t3\t"), post("abc", "Content-Length: 3 "), post("abc", "Content-Length: 3\x0b"),
		request("POST /", o, "Content-Length: 9") + "abc", request("GET /", o, "Content-Length: 5") + "hello" + get,
		request("POST /", o, "Content-Length: 1999") + strings.Repeat("b", 1999) + get,
		request("POST /", "Origin: "+unlisted, "Content-Length: 300000") + strings.Repeat("b", 3000),
		// Codings.
		post("3\r\nabc\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), post("3\r\nabc\r\n0\r\n\r\n", "Transfer-Encoding: chunked", "Content-Length: 3"),
		post("0\r\n\r\n", "Transfer-Encoding: Chunked"), post("0\r\n\r\n", "Transfer-Encoding: identity"), post("0\r\n\r\n", "Transfer-Encoding: gzip, chunked"),
		post("0\r\n\r\n", "Transfer-Encoding : chunked"), post("0\r\n\r\n", "Transfer-Encoding:\x0bchunked"), post("0\r\n\r\n", "Transfer-Encoding: xchunked"),
		post("0\r\n\r\n", "Transfer-Encoding: chunked", "Transfer-Encoding: x"), post("0\r\nX: y\r\n\r\n", "Transfer-Encoding: chunked", "Trailer: X"),
		post("", "Transfer_Encoding: chunked", "Content_Length: 3"), post("1;a\nx\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
		// Lines.
		raw("GET / HTTP/1.1\n$H"), raw("GET / HTTP/1.1\r\nX: a\n$H"), raw("GET / HTTP/1.1\r\nX: a\r\n folded\r\n$H"), raw("GET / HTTP/1.1\r\nX: a\rb\r\n$H"),
		raw("GET / HTTP/1.1\r\n X: a\r\n$H"), raw("GET / HTTP/1.1\r\nX : a\r\n$H"), raw("GET / HTTP/1.1\r\n: a\r\n$H"), raw("GET / HTTP/1.1\r\nX\r\n$H"),
		raw("GET / HTTP/1.1\r\nX: a\x00b\r\n$H"), raw("GET / HTTP/1.1\r\nX: a\x7fb\r\n$H"), raw("GET / HTTP/1.1\r\nX: \xe4\t\xff\r\n$H"), raw("GET / HTTP/1.1\r\nX\x00: a\r\n$H"),
		raw("GET  / HTTP/1.1\r\n$H"), raw("GET / HTTP/1.1 \r\n$H"), raw(" GET / HTTP/1.1\r\n$H"), raw("GET\t/\tHTTP/1.1\r\n$H"), raw("GET / a HTTP/1.1\r\n$H"),
		raw("\r\nGET / HTTP/1.1\r\n$H"), "\r\n\r\n" + get, "\n" + get, request("POST /", o, "Content-Length: 0") + "\r\n" + get,
		request("POST /", o, "Content-Length: 0") + "\r\n\r\n\r\n" + get, get + "\r\n" + get, "GET / HTTP/1.1\r\nHost: acme", "GET / HT", "GET /", "G", "\r",
		get + "G", get + "GET", get + "GET ", get + "\r\n", get + "\r\n\r\n", post("", "Content-Length: 0") + "GET /",
		request("POST /", o, "Content-Length: 0") + "\r\n", request("POST /", o, "Content-Length: 0") + "\r\n\r\n", request("POST /", o, "Content-Length: 0") + "\r\n\r\nG",
		request("POST /", o, "Content-Length: 0") + "G", request("POST /", o, "Content-Length: 0") + "\nGET / HTTP/1.1", request("GET /", o) + "\r\nGET / HTTP/1.1\r\n\r\n",
		// Versions and methods.
		raw("GET / HTTP/1.0\r\n$H"), raw("GET / HTTP/1.0\r\nConnection: keep-alive\r\n$H"), raw("GET / HTTP/1.2\r\n$H"), raw("GET / HTTP/2.0\r\n$H"), raw("GET / http/1.1\r\n$H"),
		raw("GET /\r\n$H"), raw("CONNECT acme.example:80 HTTP/1.1\r\n$H"), raw("TRACE / HTTP/1.1\r\n$H"), raw("track / HTTP/1.1\r\n$H"), raw("PRI / HTTP/1.1\r\n$H"),
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", raw("get / HTTP/1.1\r\n$H"), raw("G(T / HTTP/1.1\r\n$H"), raw("A_B-C / HTTP/1.1\r\n$H"),
		// Targets.
		raw("GET http://acme.example/a HTTP/1.1\r\n$H"), raw("GET http://empty.example/a HTTP/1.1\r\n$H"), raw("GET //a//b HTTP/1.1\r\n$H"), raw("GET /%zz HTTP/1.1\r\n$H"),
		raw("GET /%2 HTTP/1.1\r\n$H"), raw("GET /%00%2f%2e%2e/;a?b%zz?c#d HTTP/1.1\r\n$H"), raw("GET /a#b?c HTTP/1.1\r\n$H"), raw("GET /a\\b|{}\"<>^` HTTP/1.1\r\n$H"), raw("GET /\xc3\xa4 HTTP/1.1\r\n$H"),
		raw("GET /a\x00b HTTP/1.1\r\n$H"), raw("GET a HTTP/1.1\r\n$H"), raw("GET ?a HTTP/1.1\r\n$H"), raw("GET /? HTTP/1.1\r\n$H"), raw("GET /" + strings.Repeat("u", 1024) + " HTTP/1.1\r\n$H"),
		// Hosts.
		raw("GET / HTTP/1.1\r\n" + o), raw("GET / HTTP/1.1\r\n$H\r\nHost: acme.example"), raw("GET / HTTP/1.1\r\nHost:\r\n" + o), raw("GET / HTTP/1.1\r\nHost: acme.example, empty.example\r\n" + o),
		raw("GET / HTTP/1.1\r\nHost: unknown.example\r\n" + o), raw("GET / HTTP/1.1\r\nHost: ACME.example.:80\r\n" + o), raw("GET / HTTP/1.1\r\nHost: a@acme.example\r\n" + o), raw("GET / HTTP/1.1\r\nHost: acme.example:x\r\n" + o),
		raw("GET / HTTP/1.1\r\nHost: [::1]:8\r\n" + o), raw("GET / HTTP/1.1\r\nhOST:acme.example\r\n" + o), raw("GET / HTTP/1.1\r\nHost: app.example.com\r\n" + o),
	}
	for _, line := range []string{
		"Expect: 100-continue", "Expect: x", "Upgrade: h2c", "Upgrade: websocket", "TE: trailers", "Trailer: X", "Connection: close", "Connection: CLOSE",
		"Connection: keep-alive", "Connection: keep-alive, Origin", "Connection: Content-Length", "Connection: close\r\nConnection: keep-alive", "Connection:", "Connection: x",
		"Connection: upgrade\r\nUpgrade: websocket", "Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__", "Connection: close\r\nClose: x",
		"Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "Proxy-Authorization: Basic x", "Proxy: x", "Forwarded: for=1", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Host: b",
		"X-Real-IP: 1", "X_Forwarded_For: 1", "X.Y: 1", "User-Agent:", "User-Agent: a\r\nUser-Agent:", "Pragma: no-cache", "Pragma: no-cache\r\nCache-Control: max-age=1", "Cookie: a\r\nCookie: b",
		"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: a=b", "traceparent: x\r\ntracestate: a=b", "CDN-Loop: a", "CDN-Loop: originwarden", "X:", "X: \t ", "x-a: 1\r\nX-A: 2",
		"Authorization: Negotiate x", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site", "X: " + strings.Repeat("v", 17<<10), strings.Repeat("X: y\r\n", 120) + "Z: z", "Range: bytes=0-1", "Accept-Encoding: gzip",
	} {
		seeds = append(seeds, request("GET /", o, line)+get, request("POST /", o, line, "Content-Length: 3")+"abc"+get)
	}
	return seeds
}
