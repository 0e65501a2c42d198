package proxy_test

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"originwarden/envelope"
	"originwarden/lists"
	"originwarden/lists/liststest"
	"originwarden/origins"
	"originwarden/proxy"
	"originwarden/proxy/downstream"
	"originwarden/proxy/fastlane"
)

const (
	listed   = "https://app.example.com"
	other    = "https://other.example.com" // listed, by another web integration
	unlisted = "https://evil.example"
	public   = "https://tenant.example"

	expose = "ETag, Retry-After"
)

// harness is a gateway and a tenant behind it, each on a real socket.
type harness struct {
	t        testing.TB
	gateway  *httptest.Server
	proxy    *proxy.Gateway
	protocol protocol
	lane     string // see options
	wrap     func(fastlane.Handler) fastlane.Handler
	lists    *lists.Cache
	muted    atomic.Bool // the gateway is not notified of list changes

	exchanges chan proxy.Exchange

	mu       sync.Mutex
	requests []tenantRequest
}

// tenantRequest is a request as the tenant received it.
type tenantRequest struct {
	Method, Target, Host string
	Header               http.Header
	Body                 string
}

// protocol is the protocol between the client and the gateway.
type protocol string

const (
	http1    protocol = "HTTP/1.1"
	http1TLS protocol = "HTTP/1.1 over TLS"
	http2    protocol = "HTTP/2"
)

func protocols() []protocol { return []protocol{http1, http1TLS, http2} }

// options configure a harness.
type options struct {
	protocol     protocol                                // http1 if empty
	lane         string                                  // "fast" or "reference"; TEST_LANE if empty
	tenant       http.HandlerFunc                        // nil responds 200 with a JSON body
	wrap         func(fastlane.Handler) fastlane.Handler // of the fast lane; nil: none
	mode         proxy.Mode
	policy       func(*origins.Policy)
	config       func(*proxy.Config)
	errorLog     *log.Logger // of both lanes; nil is the standard one
	load         liststest.Loader
	maxStaleness time.Duration // of the lists
}

func newHarness(t testing.TB, o options) *harness {
	t.Helper()
	h := &harness{t: t, protocol: o.protocol, lane: cmp.Or(o.lane, os.Getenv("TEST_LANE")), wrap: o.wrap, exchanges: make(chan proxy.Exchange, 1000)}
	tenant := httptest.NewServer(h.recordRequests(o.tenant))
	t.Cleanup(tenant.Close)
	upstream, _ := url.Parse(tenant.URL)
	if o.load == nil {
		o.load = loadTwo
	}
	h.lists = liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 10, Origins: 1000}, MaxStaleness: o.maxStaleness}, o.load)
	cfg := h.config(o, upstream)
	if o.config != nil {
		o.config(&cfg)
	}
	gateway, err := proxy.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	h.proxy = gateway
	h.lists.Subscribe(func(tenant string) {
		if !h.muted.Load() {
			gateway.Tunnels().ListChanged(tenant)
		}
	})
	go gateway.Tunnels().Review(t.Context())
	h.gateway = httptest.NewUnstartedServer(gateway)
	h.gateway.Config.DisableGeneralOptionsHandler = true
	h.gateway.Config.ErrorLog = o.errorLog
	h.gateway.Config.ConnContext = downstream.ConnContext
	h.start(downstream.NewListener(h.gateway.Listener, 0, nil, true, nil))
	t.Cleanup(func() {
		h.gateway.Close()
		gateway.Close()
	})
	return h
}

// start serves h.gateway at a listener, with the fast lane unless the tests are run
// over the reference lane alone.
func (h *harness) start(l net.Listener) {
	var lane fastlane.Handler
	if h.lane != "reference" {
		lane = h.proxy
		if h.wrap != nil {
			lane = h.wrap(lane)
		}
	}
	if h.protocol != http1TLS && h.protocol != http2 {
		h.gateway.Listener = fastlane.NewListener(h.t.Context(), l, nil, lane, fastlane.Settings{ErrorLog: h.gateway.Config.ErrorLog})
		h.gateway.Start()
		return
	}
	certified := httptest.NewUnstartedServer(nil)
	certified.EnableHTTP2 = h.protocol == http2
	certified.StartTLS()
	defer certified.Close()
	config := certified.TLS.Clone()
	h.gateway.Config.TLSConfig = config.Clone() // net/http changes it
	h.gateway.Config.Protocols = fastlane.Protocols(true)
	h.gateway.Listener = fastlane.NewListener(h.t.Context(), l, config, lane, fastlane.Settings{ErrorLog: h.gateway.Config.ErrorLog})
	h.gateway.Start()
	h.gateway.URL = "https" + strings.TrimPrefix(h.gateway.URL, "http")
	client := certified.Client().Transport.(*http.Transport)
	transport := h.gateway.Client().Transport.(*http.Transport)
	transport.TLSClientConfig, transport.ForceAttemptHTTP2 = client.TLSClientConfig, client.ForceAttemptHTTP2
}

// loadTwo returns a list of two web integrations with one origin each for acme, and an
// empty list for other tenants.
func loadTwo(_ context.Context, tenant string) (*origins.List, error) {
	if tenant != "acme" {
		return origins.NewList(1, nil), nil
	}
	return origins.NewList(2, []origins.Part{
		{ID: "first", Revision: 1, Origins: []string{listed}},
		{ID: "second", Revision: 2, Origins: []string{other}},
	}), nil
}

func (h *harness) config(o options, upstream *url.URL) proxy.Config {
	policy := origins.Policy{
		PublicOrigins:    []string{public},
		PostFromAnywhere: []string{"/callback"},
		Methods:          []string{"GET", "HEAD", "POST", "PUT"},
		RequestHeaders:   []string{"*"},
	}
	if o.policy != nil {
		o.policy(&policy)
	}
	api := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Access-Control-Allow-Origin", "*")
		fmt.Fprintf(rw, "the API: %s %s://%s from %s, trace %s", r.Method, r.URL.Scheme, r.URL.Host, r.RemoteAddr, envelope.TraceID(r.Context()))
	})
	return proxy.Config{
		Tenants: []proxy.Tenant{
			{ID: "acme", Hosts: []string{"acme.example"}, Upstream: upstream, Mode: o.mode, Policy: policy, API: api, IsAPIPath: isAPIPath},
			{ID: "empty", Hosts: []string{"empty.example"}, Upstream: upstream, Policy: policy},
		},
		Lists:    h.lists,
		CORS:     proxy.CORS{Credentials: true, Methods: policy.Methods, ExposeHeaders: strings.Split(expose, ", "), MaxAge: 10 * time.Minute},
		URLBytes: 1024,
		Timeouts: proxy.Timeouts{Connect: 3 * time.Second, Response: 10 * time.Second, Idle: time.Minute},
		OnEnd:    func(x *proxy.Exchange) { h.exchanges <- *x },
	}
}

// recordRequests records every request that the tenant receives and passes it to
// handler.
func (h *harness) recordRequests(handler http.HandlerFunc) http.Handler {
	if handler == nil {
		handler = func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "application/json")
			io.WriteString(rw, `{"ok":true}`)
		}
	}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		s := tenantRequest{Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header.Clone()}
		if r.Header.Get("Upgrade") == "" {
			body, _ := io.ReadAll(r.Body)
			s.Body = string(body)
		}
		h.mu.Lock()
		h.requests = append(h.requests, s)
		h.mu.Unlock()
		handler(rw, r)
	})
}

// tenantRequests returns the requests that the tenant received since the last
// call.
func (h *harness) tenantRequests() []tenantRequest {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.requests
	h.requests = nil
	return s
}

// nextExchange returns the next exchange that the gateway reported. It reports one
// when its handler returns, which may be after the client has the response.
func (h *harness) nextExchange() proxy.Exchange {
	h.t.Helper()
	select {
	case x := <-h.exchanges:
		return x
	case <-time.After(20 * time.Second):
		h.t.Fatal("no exchange was reported")
		return proxy.Exchange{}
	}
}

// dial opens a connection to the gateway that is closed when the test ends.
func (h *harness) dial() net.Conn {
	h.t.Helper()
	var conn net.Conn
	var err error
	if address := h.gateway.Listener.Addr().String(); h.protocol == http1TLS {
		conn, err = tls.Dial("tcp", address, h.gateway.Client().Transport.(*http.Transport).TLSClientConfig)
	} else {
		conn, err = net.Dial("tcp", address)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	h.t.Cleanup(func() { conn.Close() })
	return conn
}

// request returns a request with the given header lines. Host is acme.example
// unless they include one.
func request(line string, headers ...string) string {
	if !slices.ContainsFunc(headers, func(h string) bool { return strings.HasPrefix(strings.ToLower(h), "host:") }) {
		headers = append([]string{"Host: acme.example"}, headers...)
	}
	return line + " HTTP/1.1\r\n" + strings.Join(headers, "\r\n") + "\r\n\r\n"
}

// response is a response and its body.
type response struct {
	*http.Response
	body string
}

// send sends the bytes of a request on a new connection and reads one response.
// With HTTP/2 it parses them and sends that request.
func (h *harness) send(raw string) response {
	h.t.Helper()
	if h.protocol == http2 {
		return h.sendHTTP2(raw)
	}
	conn := h.dial()
	go io.WriteString(conn, raw)
	return h.read(bufio.NewReader(conn), strings.SplitN(raw, " ", 2)[0])
}

func (h *harness) sendHTTP2(raw string) response {
	h.t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		h.t.Fatal(err)
	}
	target := r.RequestURI
	r.RequestURI, r.URL.Scheme, r.URL.Host, r.URL.RawQuery = "", "https", h.gateway.Listener.Addr().String(), ""
	r.URL.Opaque, r.URL.ForceQuery = target, false
	if _, set := r.Header["User-Agent"]; !set {
		r.Header["User-Agent"] = nil
	}
	transport := h.gateway.Client().Transport.(*http.Transport)
	transport.DisableCompression = true
	res, err := transport.RoundTrip(r.WithContext(h.t.Context()))
	if err != nil {
		h.t.Fatalf("%q: %v", raw, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.ProtoMajor != 2 {
		h.t.Fatalf("%q: %s response, error %v; want HTTP/2", raw, res.Proto, err)
	}
	return response{res, string(body)}
}

func (h *harness) read(from *bufio.Reader, method string) response {
	h.t.Helper()
	res, err := http.ReadResponse(from, &http.Request{Method: method})
	if err != nil {
		h.t.Fatalf("reading the response: %v", err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatalf("reading the response body: %v", err)
	}
	return response{res, string(body)}
}

// cors returns the Access-Control-* and Vary lines of the response, sorted.
func (a response) cors() []string {
	var lines []string
	for name, values := range a.Header {
		if strings.HasPrefix(name, "Access-Control-") || name == "Vary" {
			for _, value := range values {
				lines = append(lines, name+": "+value)
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// allowedCORS returns the lines that the response to an allowed actual request of
// origin has.
func allowedCORS(origin string) []string {
	return []string{
		"Access-Control-Allow-Credentials: true",
		"Access-Control-Allow-Origin: " + origin,
		"Access-Control-Expose-Headers: " + expose,
		"Vary: Origin",
	}
}

// onlyVary returns the lines that every other response has.
func onlyVary() []string { return []string{"Vary: Origin"} }

// code returns the error code in the envelope of the response, or "".
func (a response) code() string {
	var doc envelope.Document
	if json.Unmarshal([]byte(a.body), &doc) != nil || len(doc.Errors) != 1 || len(doc.TraceID) != 32 {
		return ""
	}
	return doc.Errors[0].Code
}

func expectCORS(t *testing.T, rule string, got response, want []string) {
	t.Helper()
	if !slices.Equal(got.cors(), want) {
		t.Errorf("%s:\n got CORS headers %q\nwant %q", rule, got.cors(), want)
	}
}

// trustLoopback makes the client of the test a trusted proxy.
func trustLoopback(c *proxy.Config) {
	c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
}

// startTenant starts a tenant and returns its URL. Unlike that of a harness, it leaves
// reading the body to the handler.
func startTenant(t testing.TB, handler http.HandlerFunc) *url.URL {
	tenant := httptest.NewServer(handler)
	t.Cleanup(tenant.Close)
	upstream, _ := url.Parse(tenant.URL)
	return upstream
}

// isAPIPath reports whether the API of these tests handles the path.
func isAPIPath(rawPath string) bool {
	const owned = "/api/v1/web-integrations"
	return rawPath == owned || strings.HasPrefix(rawPath, owned+"/")
}
