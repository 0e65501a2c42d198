package proxy_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
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
)

const (
	listed   = "https://app.example.com"
	other    = "https://other.example.com" // listed, by another web integration
	unlisted = "https://evil.example"
	public   = "https://tenant.example"

	expose = "ETag, Retry-After"
)

// world is a gateway on a real socket in front of a tenant on another one.
type world struct {
	t       testing.TB
	gateway *httptest.Server
	proxy   *proxy.Gateway
	speaks  protocol
	lists   *lists.Cache
	quiet   atomic.Bool // the gateway is not told of changes

	exchanges chan proxy.Exchange

	mu   sync.Mutex
	seen []seen
}

// seen is a request as the tenant got it.
type seen struct {
	Method, Target, Host string
	Header               http.Header
	Body                 string
}

// protocol is what a client of the gateway speaks.
type protocol string

const (
	http1    protocol = "HTTP/1.1"
	http1TLS protocol = "HTTP/1.1 on TLS"
	http2    protocol = "HTTP/2"
)

func protocols() []protocol { return []protocol{http1, http1TLS, http2} }

// options change what newWorld would build.
type options struct {
	protocol protocol         // "" is http1
	tenant   http.HandlerFunc // nil answers 200 with a JSON body
	mode     proxy.Mode
	policy   func(*origins.Policy)
	config   func(*proxy.Config)
	load     liststest.Loader
	// maxStaleness is that of the lists.
	maxStaleness time.Duration
}

func newWorld(t testing.TB, o options) *world {
	t.Helper()
	w := &world{t: t, speaks: o.protocol, exchanges: make(chan proxy.Exchange, 1000)}
	tenant := httptest.NewServer(w.recording(o.tenant))
	t.Cleanup(tenant.Close)
	upstream, _ := url.Parse(tenant.URL)
	if o.load == nil {
		o.load = loadTwo
	}
	w.lists = liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 10, Origins: 1000}, MaxStaleness: o.maxStaleness}, o.load)
	cfg := w.config(o, upstream)
	if o.config != nil {
		o.config(&cfg)
	}
	gateway, err := proxy.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.proxy = gateway
	w.lists.Subscribe(func(tenant string) {
		if !w.quiet.Load() {
			gateway.ListChanged(tenant)
		}
	})
	go gateway.Review(t.Context())
	w.gateway = httptest.NewUnstartedServer(gateway)
	w.gateway.Config.DisableGeneralOptionsHandler = true
	w.gateway.Config.ConnContext = downstream.ConnContext
	w.gateway.Listener = downstream.NewListener(w.gateway.Listener, 0, nil, true, nil)
	switch o.protocol {
	case http1TLS:
		w.gateway.StartTLS()
	case http2:
		w.gateway.EnableHTTP2 = true
		w.gateway.StartTLS()
	default:
		w.gateway.Start()
	}
	t.Cleanup(func() {
		w.gateway.Close()
		gateway.Close()
	})
	return w
}

// loadTwo lists one origin in each of two web integrations.
func loadTwo(_ context.Context, tenant string) (*origins.List, error) {
	if tenant != "acme" {
		return origins.NewList(1, nil), nil
	}
	return origins.NewList(2, []origins.Part{
		{ID: "first", Revision: 1, Origins: []string{listed}},
		{ID: "second", Revision: 2, Origins: []string{other}},
	}), nil
}

func (w *world) config(o options, upstream *url.URL) proxy.Config {
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
			{ID: "acme", Hosts: []string{"acme.example"}, Upstream: upstream, Mode: o.mode, Policy: policy, API: api, IsAPIPath: ownsLists},
			{ID: "empty", Hosts: []string{"empty.example"}, Upstream: upstream, Policy: policy},
		},
		Lists:    w.lists,
		CORS:     proxy.CORS{Credentials: true, Methods: policy.Methods, ExposeHeaders: strings.Split(expose, ", "), MaxAge: 10 * time.Minute},
		URLBytes: 1024,
		Timeouts: proxy.Timeouts{Connect: 3 * time.Second, Response: 10 * time.Second, Idle: time.Minute},
		OnEnd:    func(_ context.Context, x *proxy.Exchange) { w.exchanges <- *x },
	}
}

// recording keeps what the tenant gets before handler answers it.
func (w *world) recording(handler http.HandlerFunc) http.Handler {
	if handler == nil {
		handler = func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "application/json")
			io.WriteString(rw, `{"ok":true}`)
		}
	}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		s := seen{Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header.Clone()}
		if r.Header.Get("Upgrade") == "" {
			body, _ := io.ReadAll(r.Body)
			s.Body = string(body)
		}
		w.mu.Lock()
		w.seen = append(w.seen, s)
		w.mu.Unlock()
		handler(rw, r)
	})
}

// tenantSaw returns what the tenant got since the last call.
func (w *world) tenantSaw() []seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.seen
	w.seen = nil
	return s
}

// observed returns the next exchange that was reported. That is when the
// gateway's handler returns, which may be after the response has arrived.
func (w *world) observed() proxy.Exchange {
	w.t.Helper()
	select {
	case x := <-w.exchanges:
		return x
	case <-time.After(20 * time.Second):
		w.t.Fatal("no exchange was observed")
		return proxy.Exchange{}
	}
}

// dial opens a connection to the gateway that ends with the test.
func (w *world) dial() net.Conn {
	w.t.Helper()
	var conn net.Conn
	var err error
	if address := w.gateway.Listener.Addr().String(); w.speaks == http1TLS {
		conn, err = tls.Dial("tcp", address, w.gateway.Client().Transport.(*http.Transport).TLSClientConfig)
	} else {
		conn, err = net.Dial("tcp", address)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	w.t.Cleanup(func() { conn.Close() })
	return conn
}

// request writes a request with the given header lines, to a host unless they
// have one.
func request(line string, headers ...string) string {
	if !slices.ContainsFunc(headers, func(h string) bool { return strings.HasPrefix(strings.ToLower(h), "host:") }) {
		headers = append([]string{"Host: acme.example"}, headers...)
	}
	return line + " HTTP/1.1\r\n" + strings.Join(headers, "\r\n") + "\r\n\r\n"
}

// answer is a response with its body.
type answer struct {
	*http.Response
	body string
}

// send sends the bytes of a request on a new connection and reads one response.
// To a gateway of HTTP/2 it sends the request that they are.
func (w *world) send(raw string) answer {
	w.t.Helper()
	if w.speaks == http2 {
		return w.sendHTTP2(raw)
	}
	conn := w.dial()
	go io.WriteString(conn, raw)
	return w.read(bufio.NewReader(conn), strings.SplitN(raw, " ", 2)[0])
}

func (w *world) sendHTTP2(raw string) answer {
	w.t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		w.t.Fatal(err)
	}
	target := r.RequestURI
	r.RequestURI, r.URL.Scheme, r.URL.Host, r.URL.RawQuery = "", "https", w.gateway.Listener.Addr().String(), ""
	r.URL.Opaque, r.URL.ForceQuery = target, false
	if _, set := r.Header["User-Agent"]; !set {
		r.Header["User-Agent"] = nil
	}
	transport := w.gateway.Client().Transport.(*http.Transport)
	transport.DisableCompression = true
	res, err := transport.RoundTrip(r.WithContext(w.t.Context()))
	if err != nil {
		w.t.Fatalf("%q: %v", raw, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.ProtoMajor != 2 {
		w.t.Fatalf("%q: %s, %v", raw, res.Proto, err)
	}
	return answer{res, string(body)}
}

func (w *world) read(from *bufio.Reader, method string) answer {
	w.t.Helper()
	res, err := http.ReadResponse(from, &http.Request{Method: method})
	if err != nil {
		w.t.Fatalf("reading the response: %v", err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatalf("reading the response's body: %v", err)
	}
	return answer{res, string(body)}
}

// cors are all Access-Control-* and Vary lines of a response, sorted.
func (a answer) cors() []string {
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

// sharedWith are the lines of an allowed actual request of origin.
func sharedWith(origin string) []string {
	return []string{
		"Access-Control-Allow-Credentials: true",
		"Access-Control-Allow-Origin: " + origin,
		"Access-Control-Expose-Headers: " + expose,
		"Vary: Origin",
	}
}

// unshared are the lines of every other answer.
func unshared() []string { return []string{"Vary: Origin"} }

// code is the code of a response in the envelope, or "".
func (a answer) code() string {
	var doc envelope.Document
	if json.Unmarshal([]byte(a.body), &doc) != nil || len(doc.Errors) != 1 || len(doc.TraceID) != 32 {
		return ""
	}
	return doc.Errors[0].Code
}

func expectCORS(t *testing.T, rule string, got answer, want []string) {
	t.Helper()
	if !slices.Equal(got.cors(), want) {
		t.Errorf("%s:\n got %q\nwant %q", rule, got.cors(), want)
	}
}

// trustLoopback makes the test itself a trusted proxy.
func trustLoopback(c *proxy.Config) {
	c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
}

// tenantThatReadsNoBody is a tenant that leaves the body to its handler.
func tenantThatReadsNoBody(t testing.TB, handler http.HandlerFunc) *url.URL {
	tenant := httptest.NewServer(handler)
	t.Cleanup(tenant.Close)
	upstream, _ := url.Parse(tenant.URL)
	return upstream
}

// ownsLists is what the API of these tests owns.
func ownsLists(rawPath string) bool {
	const owned = "/api/v1/web-integrations"
	return rawPath == owned || strings.HasPrefix(rawPath, owned+"/")
}
