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

// loop is a row of gateways, each in front of the next and the last one in front
// of the first.
type loop struct {
	*world
	requests atomic.Int64 // over all gateways
}

func newLoop(t *testing.T, speaks protocol, gateways int) *loop {
	t.Helper()
	first := newWorld(t, options{}) // of whose configuration the others are
	l := &loop{world: &world{t: t, speaks: speaks, lists: first.lists, exchanges: make(chan proxy.Exchange, 1000)}}
	handlers := make([]*proxy.Gateway, gateways)
	servers := make([]*httptest.Server, gateways)
	for i := range servers {
		servers[i] = l.serve(speaks, func(w http.ResponseWriter, r *http.Request) { handlers[i].ServeHTTP(w, r) })
	}
	for i := range handlers {
		next := servers[(i+1)%gateways]
		handlers[i] = l.newGateway(next)
	}
	l.gateway = servers[0]
	return l
}

// serve starts a server that ends a loop which nobody else does.
func (l *loop) serve(speaks protocol, handler http.HandlerFunc) *httptest.Server {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l.requests.Add(1) > 50 {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		handler(w, r)
	}))
	if server.EnableHTTP2 = speaks == http2; speaks == http1 {
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

func TestGateway_EndsALoop(t *testing.T) {
	for _, row := range []struct {
		rule     string
		speaks   protocol
		gateways int
		line     string
		header   string
	}{
		{"to itself", http1, 1, "GET /", "Via: 1.1 edge"},
		{"by TLS", http1TLS, 1, "GET /", "Via: 1.1 edge"},
		{"by HTTP/2", http2, 1, "GET /", "Via: 2.0 edge"},
		{"of a POST", http1, 1, "POST /", "Content-Length: 0"},
		{"of a WebSocket", http1, 1, "GET /", webSocket},
		{"of a WebSocket by TLS", http1TLS, 1, "GET /", webSocket},
		{"whose client has its mark removed", http1, 1, "GET /", "Connection: CDN-Loop"},
		{"with marks of others", http1, 1, "GET /", "CDN-Loop: a.example\r\nCDN-Loop: b.example; hops=2, originwarden"},
		{"of two gateways that point at each other", http1, 2, "GET /", "Via: 1.1 edge"},
		{"of three by HTTP/2", http2, 3, "GET /", "Via: 2.0 edge"},
	} {
		l := newLoop(t, row.speaks, row.gateways)
		got := l.send(request(row.line, row.header, "Origin: "+listed))
		if got.StatusCode != http.StatusLoopDetected || got.code() != "LOOP_DETECTED" {
			t.Errorf("a loop %s: %d %q", row.rule, got.StatusCode, got.body)
		}
		if n := l.requests.Load(); n != int64(row.gateways+1) {
			t.Errorf("a loop %s is %d requests, want %d", row.rule, n, row.gateways+1)
		}
		expectCORS(t, "a loop "+row.rule, got, sharedWith(listed))
		if last := l.observed(); last.UpstreamCause != proxy.CauseLoop || last.Err == nil || last.UpstreamTime != 0 {
			t.Errorf("a loop %s is observed as %q, %v", row.rule, last.UpstreamCause, last.Err)
		}
	}
}

// mark is what a gateway says to a tenant that it has sent a request to it.
var mark = regexp.MustCompile(`^originwarden-[A-Z2-7]{16}$`)

func TestGateway_TellsTheTenantThatItHasForwarded(t *testing.T) {
	for _, row := range []struct {
		rule   string
		header string
		before string
	}{
		{"nobody before it", "Via: 1.1 edge", ""},
		{"somebody before it", "CDN-Loop: cdn.example", "cdn.example, "},
		{"several before it", "CDN-Loop: a\r\nCDN-Loop: b; c=d, e", "a, b; c=d, e, "},
		{"a Connection that names it", "CDN-Loop: a\r\nConnection: CDN-Loop, close", "a, "},
		{"a WebSocket", webSocket, ""},
	} {
		w := newWorld(t, options{})
		w.send(request("GET /", row.header))
		saw := w.tenantSaw()
		if len(saw) != 1 {
			t.Fatalf("%s: the tenant saw %v", row.rule, saw)
		}
		own, begins := strings.CutPrefix(strings.Join(saw[0].Header["Cdn-Loop"], " and "), row.before)
		if !begins || !mark.MatchString(own) {
			t.Errorf("%s: the tenant got %q", row.rule, saw[0].Header["Cdn-Loop"])
		}
		if via := saw[0].Header["Via"]; strings.HasPrefix(row.header, "Via") && !slices.Equal(via, []string{"1.1 edge"}) {
			t.Errorf("%s: Via is %q", row.rule, via)
		}
	}
}

func TestGateway_PassesWhatIsNoLoop(t *testing.T) {
	for _, row := range []struct {
		rule string
		send func(t *testing.T) answer
	}{
		{"a gateway in front of another", func(t *testing.T) answer {
			sidecar := newWorld(t, options{})
			edge := newWorld(t, options{config: func(c *proxy.Config) { c.Tenants[0].Upstream = urlOf(sidecar.gateway) }})
			return edge.send(request("GET /", "Origin: "+listed))
		}},
		{"a tenant that asks another one by the same gateway, with the header that it got", func(t *testing.T) answer {
			var w *world
			w = newWorld(t, options{tenant: func(rw http.ResponseWriter, r *http.Request) {
				if r.Host == "acme.example" {
					again := r.Clone(context.Background())
					again.RequestURI, again.URL, again.Host = "", urlOf(w.gateway), "empty.example"
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
			return w.send(request("GET /", "Origin: "+listed))
		}},
		{"a client that sends the mark of another tenant", func(t *testing.T) answer {
			w := newWorld(t, options{})
			w.send(request("GET /", "Host: empty.example"))
			return w.send(request("GET /", "Origin: "+listed, "CDN-Loop: "+w.tenantSaw()[0].Header.Get("Cdn-Loop")))
		}},
		{"a client that sends a mark that is none", func(t *testing.T) answer {
			return newWorld(t, options{}).send(request("GET /", "Origin: "+listed, "CDN-Loop: originwarden, originwarden-"))
		}},
	} {
		if got := row.send(t); got.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", row.rule, got.StatusCode, got.body)
		}
	}
}

func urlOf(s *httptest.Server) *url.URL {
	u, _ := url.Parse(s.URL)
	return u
}

// Whoever sends the mark has only this request refused.
func TestGateway_RefusesWhatItHasSentBefore(t *testing.T) {
	s := newReconfigured(t, options{})
	s.send(request("GET /"))
	own := "CDN-Loop: a.example, " + s.tenantSaw()[0].Header.Get("Cdn-Loop") + "; hops=1"
	for _, row := range []struct {
		rule   string
		origin string
		header string
		want   int
	}{
		{"what it has sent", listed, own, http.StatusLoopDetected},
		{"of an origin that is not listed", unlisted, own, http.StatusForbidden},
		{"the same without the mark", listed, "CDN-Loop: a.example", http.StatusOK},
	} {
		s.expectLoop(row.rule, request("GET /", row.header, "Origin: "+row.origin), row.want)
	}
	s.reconfigure(unchanged)
	s.expectLoop("what it has sent before a reload", request("GET /", own, "Origin: "+listed), http.StatusLoopDetected)
	if saw := s.tenantSaw(); len(saw) != 1 {
		t.Errorf("the tenant saw %v", saw)
	}
}

func (w *world) expectLoop(rule, raw string, want int) {
	w.t.Helper()
	if got := w.send(raw); got.StatusCode != want {
		w.t.Errorf("%s: %d %s, want %d", rule, got.StatusCode, got.body, want)
	}
}
