package proxy_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"originwarden/proxy"
)

// loop is a chain of gateways in which each forwards to the next, and the last to
// the first.
type loop struct {
	*harness
	requests atomic.Int64 // over all gateways
}

func newLoop(t *testing.T, protocol protocol, gateways int) *loop {
	t.Helper()
	first := newHarness(t, options{}) // the others share its configuration
	l := &loop{harness: &harness{t: t, protocol: protocol, lists: first.lists, exchanges: make(chan proxy.Exchange, 1000)}}
	handlers := make([]*proxy.Gateway, gateways)
	servers := make([]*httptest.Server, gateways)
	for i := range servers {
		servers[i] = l.serve(protocol, func(w http.ResponseWriter, r *http.Request) { handlers[i].ServeHTTP(w, r) })
	}
	for i := range handlers {
		next := servers[(i+1)%gateways]
		handlers[i] = l.newGateway(next)
	}
	l.gateway = servers[0]
	return l
}

// serve starts a server that ends the loop after 50 requests, in case no gateway does.
func (l *loop) serve(protocol protocol, handler http.HandlerFunc) *httptest.Server {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l.requests.Add(1) > 50 {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		handler(w, r)
	}))
	if server.EnableHTTP2 = protocol == http2; protocol == http1 {
		server.Start()
	} else {
		server.StartTLS()
	}
	l.t.Cleanup(server.Close)
	return server
}

func (l *loop) newGateway(next *httptest.Server) *proxy.Gateway {
	l.t.Helper()
	upstream, _ := url.Parse(next.URL)
	cfg := l.config(options{}, upstream)
	if upstream.Scheme == "https" {
		for i := range cfg.Tenants {
			cfg.Tenants[i].UpstreamTLS = &tls.Config{RootCAs: next.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
		}
	}
	gateway, err := proxy.New(cfg)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(gateway.Close)
	return gateway
}

const webSocket = "Connection: Upgrade\r\nUpgrade: websocket\r\n" + key

func TestGateway_DetectsLoop(t *testing.T) {
	for _, row := range []struct {
		rule     string
		protocol protocol
		gateways int
		line     string
		header   string
	}{
		{"one gateway", http1, 1, "GET /", "Via: 1.1 edge"},
		{"TLS", http1TLS, 1, "GET /", "Via: 1.1 edge"},
		{"HTTP/2", http2, 1, "GET /", "Via: 2.0 edge"},
		{"POST", http1, 1, "POST /", "Content-Length: 0"},
		{"WebSocket", http1, 1, "GET /", webSocket},
		{"WebSocket over TLS", http1TLS, 1, "GET /", webSocket},
		{"CDN-Loop named in Connection", http1, 1, "GET /", "Connection: CDN-Loop"},
		{"CDN-Loop of others", http1, 1, "GET /", "CDN-Loop: a.example\r\nCDN-Loop: b.example; hops=2, originwarden"},
		{"two gateways", http1, 2, "GET /", "Via: 1.1 edge"},
		{"three gateways over HTTP/2", http2, 3, "GET /", "Via: 2.0 edge"},
	} {
		l := newLoop(t, row.protocol, row.gateways)
		got := l.send(request(row.line, row.header, "Origin: "+listed))
		if got.StatusCode != http.StatusLoopDetected || got.code() != "LOOP_DETECTED" {
			t.Errorf("%s: status %d, want 508: %q", row.rule, got.StatusCode, got.body)
		}
		if n := l.requests.Load(); n != int64(row.gateways+1) {
			t.Errorf("%s: %d requests, want %d", row.rule, n, row.gateways+1)
		}
		expectCORS(t, row.rule, got, allowedCORS(listed))
		if last := l.nextExchange(); last.UpstreamCause != proxy.CauseLoop || last.Err == nil || last.UpstreamTime != 0 {
			t.Errorf("%s: exchange has upstream cause %q, error %v", row.rule, last.UpstreamCause, last.Err)
		}
	}
}

// loopMark matches what the gateway adds to CDN-Loop.
var loopMark = regexp.MustCompile(`^originwarden-[A-Z2-7]{16}$`)

func TestGateway_AddsMarkToCDNLoop(t *testing.T) {
	for _, row := range []struct {
		rule   string
		header string
		before string
	}{
		{"no CDN-Loop", "Via: 1.1 edge", ""},
		{"one CDN-Loop line", "CDN-Loop: cdn.example", "cdn.example, "},
		{"several CDN-Loop lines", "CDN-Loop: a\r\nCDN-Loop: b; c=d, e", "a, b; c=d, e, "},
		{"CDN-Loop named in Connection", "CDN-Loop: a\r\nConnection: CDN-Loop, close", "a, "},
		{"WebSocket", webSocket, ""},
	} {
		h := newHarness(t, options{})
		h.send(request("GET /", row.header))
		saw := h.tenantRequests()
		if len(saw) != 1 {
			t.Fatalf("%s: tenant received %v", row.rule, saw)
		}
		own, begins := strings.CutPrefix(strings.Join(saw[0].Header["Cdn-Loop"], " and "), row.before)
		if !begins || !loopMark.MatchString(own) {
			t.Errorf("%s: tenant received CDN-Loop %q", row.rule, saw[0].Header["Cdn-Loop"])
		}
		if via := saw[0].Header["Via"]; strings.HasPrefix(row.header, "Via") && !slices.Equal(via, []string{"1.1 edge"}) {
			t.Errorf("%s: Via is %q, want it unchanged", row.rule, via)
		}
	}
}

func TestGateway_ForwardsRequestsWithoutLoop(t *testing.T) {
	for _, row := range []struct {
		rule string
		send func(t *testing.T) response
	}{
		{"two gateways in a row", func(t *testing.T) response {
			sidecar := newHarness(t, options{})
			edge := newHarness(t, options{config: func(c *proxy.Config) { c.Tenants[0].Upstream = urlOf(sidecar.gateway) }})
			return edge.send(request("GET /", "Origin: "+listed))
		}},
		{"tenant forwards request to other tenant through same gateway", func(t *testing.T) response {
			var h *harness
			h = newHarness(t, options{tenant: func(rw http.ResponseWriter, r *http.Request) {
				if r.Host == "acme.example" {
					again := r.Clone(context.Background())
					again.RequestURI, again.URL, again.Host = "", urlOf(h.gateway), "empty.example"
					again.Header.Del("Origin")
					res, err := http.DefaultTransport.RoundTrip(again)
					if err != nil {
						t.Error(err)
						return
					}
					defer res.Body.Close()
					rw.WriteHeader(res.StatusCode)
				}
			}})
			return h.send(request("GET /", "Origin: "+listed))
		}},
		{"mark of other tenant", func(t *testing.T) response {
			h := newHarness(t, options{})
			h.send(request("GET /", "Host: empty.example"))
			return h.send(request("GET /", "Origin: "+listed, "CDN-Loop: "+h.tenantRequests()[0].Header.Get("Cdn-Loop")))
		}},
		{"invalid mark", func(t *testing.T) response {
			return newHarness(t, options{}).send(request("GET /", "Origin: "+listed, "CDN-Loop: originwarden, originwarden-"))
		}},
	} {
		if got := row.send(t); got.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d, want 200: %s", row.rule, got.StatusCode, got.body)
		}
	}
}

func urlOf(s *httptest.Server) *url.URL {
	u, _ := url.Parse(s.URL)
	return u
}

// A client that copies the mark gets only its own request refused.
func TestGateway_RefusesRequestWithItsMark(t *testing.T) {
	s := newReconfigurable(t, options{})
	s.send(request("GET /"))
	own := "CDN-Loop: a.example, " + s.tenantRequests()[0].Header.Get("Cdn-Loop") + "; hops=1"
	for _, row := range []struct {
		rule   string
		origin string
		header string
		want   int
	}{
		{"mark", listed, own, http.StatusLoopDetected},
		{"mark and unlisted origin", unlisted, own, http.StatusForbidden},
		{"no mark", listed, "CDN-Loop: a.example", http.StatusOK},
	} {
		s.expectStatus(row.rule, request("GET /", row.header, "Origin: "+row.origin), row.want)
	}
	s.reconfigure(unchanged)
	s.expectStatus("mark from before Reconfigure", request("GET /", own, "Origin: "+listed), http.StatusLoopDetected)
	if saw := s.tenantRequests(); len(saw) != 1 {
		t.Errorf("tenant received %v, want one request", saw)
	}
}

func (h *harness) expectStatus(rule, raw string, want int) {
	h.t.Helper()
	if got := h.send(raw); got.StatusCode != want {
		h.t.Errorf("%s: status %d, body %s; want %d", rule, got.StatusCode, got.body, want)
	}
}
