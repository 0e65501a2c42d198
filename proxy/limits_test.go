package proxy_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"originwarden/origins"
	"originwarden/proxy"
)

func TestGateway_LimitsBodySize(t *testing.T) {
	limit := func(c *proxy.Config) { c.BodyBytes = 10 }
	chunked := func(size int) string {
		return request("POST /", "Origin: "+listed, "Transfer-Encoding: chunked") + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", size, strings.Repeat("x", size))
	}
	rows := []struct {
		rule, raw string
		status    int
	}{
		{"Content-Length at limit", request("POST /", "Origin: "+listed, "Content-Length: 10") + "0123456789", 200},
		{"Content-Length above limit", request("POST /", "Origin: "+listed, "Content-Length: 11") + "0123456789a", 413},
		{"chunks at limit", chunked(10), 200},
		{"chunks above limit", chunked(11), 413},
		{"chunks far above limit", chunked(100_000), 413},
	}
	for _, row := range rows {
		h := newHarness(t, options{config: limit, tenant: func(rw http.ResponseWriter, r *http.Request) {}})
		got := h.send(row.raw)
		x := h.nextExchange()
		if got.StatusCode != row.status || row.status == 413 != (got.code() == "BODY_TOO_LARGE") || row.status == 413 != (x.Limit == "body_bytes") {
			t.Errorf("%s: status %d, want %d; body %s; exchange %+v", row.rule, got.StatusCode, row.status, got.body, x)
		}
		expectCORS(t, row.rule, got, allowedCORS(listed))
	}
}

func TestGateway_TimesOutStalledBody(t *testing.T) {
	h := newHarness(t, options{config: func(c *proxy.Config) { c.Timeouts.Progress = 50 * time.Millisecond }})
	got := h.send(request("POST /", "Origin: "+listed, "Content-Length: 10") + "half")
	if got.StatusCode != 408 || got.code() != "BODY_TIMEOUT" {
		t.Errorf("status %d, want 408: %s", got.StatusCode, got.body)
	}
	expectCORS(t, "stalled body", got, allowedCORS(listed))
	if x := h.nextExchange(); x.Limit != "body_progress" || x.UpstreamCause != "" {
		t.Errorf("exchange %+v, want limit body_progress", x)
	}
}

// The progress timeout of the request body must not end a longer response.
func TestGateway_BodyTimeoutDoesNotEndResponse(t *testing.T) {
	const progress = 300 * time.Millisecond
	for _, protocol := range protocols() {
		h := newHarness(t, options{protocol: protocol, config: func(c *proxy.Config) { c.Timeouts.Progress = progress }, tenant: func(rw http.ResponseWriter, r *http.Request) {
			timer := time.NewTimer(2 * progress)
			defer timer.Stop()
			switch r.URL.Path {
			case "/hints":
				rw.WriteHeader(http.StatusEarlyHints)
				<-timer.C
				timer.Reset(0)
			case "/whole": // which the gateway does not flush
				rw.Header().Set("Content-Length", "12")
			}
			io.WriteString(rw, "first,")
			http.NewResponseController(rw).Flush()
			select {
			case <-timer.C:
				io.WriteString(rw, "second")
			case <-r.Context().Done():
			}
		}})
		for _, path := range []string{"/", "/whole", "/hints"} { // on one connection
			r := h.newRequest("POST", path)
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader("body")), 4
			res, err := h.gateway.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if string(body) != "first,second" {
				t.Errorf("%s over %s: body %q, error %v", path, protocol, body, err)
			}
		}
	}
}

func TestGateway_EndsResponseThatClientDoesNotRead(t *testing.T) {
	endless := func(size int, flush bool) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			for chunk := make([]byte, size); ; {
				if _, err := rw.Write(chunk); err != nil {
					return
				}
				if flush && http.NewResponseController(rw).Flush() != nil {
					return
				}
			}
		}
	}
	for _, path := range []string{"/", "/api/v1/web-integrations"} {
		h := newHarness(t, options{tenant: endless(1<<20, false), config: func(c *proxy.Config) {
			c.Timeouts.Progress = 100 * time.Millisecond
			c.Tenants[0].API = endless(1<<10, true)
		}})
		conn := h.dial()
		conn.(*net.TCPConn).SetReadBuffer(4096)
		io.WriteString(conn, request("GET "+path, "Origin: "+listed))
		if x := h.nextExchange(); x.Status != 200 || x.Cut == x.API {
			t.Errorf("%s: exchange %+v", path, x)
		}
	}
}

func TestGateway_LimitsRequestsInFlightPerTenant(t *testing.T) {
	arrived, release := make(chan bool), make(chan bool)
	h := newHarness(t, options{config: func(c *proxy.Config) { c.InFlightPerTenant = 2 }, tenant: func(_ http.ResponseWriter, r *http.Request) {
		if r.Host == "acme.example" {
			arrived <- true
			<-release
		}
	}})
	for range 2 {
		conn := h.dial()
		io.WriteString(conn, request("GET /", "Origin: "+listed))
		<-arrived
	}
	for range 3 { // a refused request does not count
		h.send(request("GET /", "Origin: "+listed))
		h.nextExchange()
	}
	got := h.send(request("GET /", "Origin: "+listed))
	if got.StatusCode != 503 || got.code() != "OVERLOADED" || got.Header.Get("Retry-After") == "" {
		t.Errorf("third request: status %d, want 503: %s", got.StatusCode, got.body)
	}
	expectCORS(t, "overloaded", got, allowedCORS(listed))
	if x := h.nextExchange(); x.Limit != "in_flight_per_tenant" {
		t.Errorf("exchange %+v, want limit in_flight_per_tenant", x)
	}
	if got := h.send(request("GET /", "Host: empty.example")); got.StatusCode != 200 {
		t.Errorf("other tenant: status %d, want 200", got.StatusCode)
	}
	if got := h.send(request("OPTIONS /", "Origin: "+listed, "Access-Control-Request-Method: PUT")); got.StatusCode != 204 {
		t.Errorf("preflight: status %d, want 204", got.StatusCode)
	}
	close(release)
	for range 4 {
		h.nextExchange()
	}
	go func() { <-arrived }()
	if got := h.send(request("GET /", "Origin: "+listed)); got.StatusCode != 200 {
		t.Errorf("after the others: status %d, want 200", got.StatusCode)
	}
}

func TestGateway_DoesNotCountTunnelsAsRequestsInFlight(t *testing.T) {
	h := newHarness(t, options{tenant: echo, config: func(c *proxy.Config) { c.InFlightPerTenant = 1 }})
	for i := range 3 {
		expectEcho(t, fmt.Sprint("tunnel ", i), h.openWebSocket(listed, "/"))
	}
}

func TestGateway_CountsRequestsInFlightAfterTunnelsEnd(t *testing.T) {
	arrived, release := make(chan bool), make(chan bool)
	defer close(release)
	h := newHarness(t, options{config: func(c *proxy.Config) { c.InFlightPerTenant = 1 }, tenant: func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			echo(rw, r)
			return
		}
		arrived <- true
		<-release
	}})
	for range 3 {
		h.openWebSocket(listed, "/").CloseNow()
		h.nextExchange()
	}
	io.WriteString(h.dial(), request("GET /", "Origin: "+listed))
	<-arrived
	if got := h.send(request("GET /", "Origin: "+listed)); got.StatusCode != 503 {
		t.Errorf("second request: status %d, want 503", got.StatusCode)
	}
}

func TestGateway_ReportsNearestEntryInDebugMode(t *testing.T) {
	for _, debug := range []bool{true, false} {
		h := newHarness(t, options{config: func(c *proxy.Config) { c.Tenants[0].Debug = debug }})
		for raw, want := range map[string]origins.NearMiss{
			request("GET /", "Origin: http://app.example.com"):                                 {Relation: "other_scheme", Entry: listed},
			request("GET /", "Origin: "+listed, "qlik-web-integration-id: second"):             {Relation: "other_web_integration", Entry: listed},
			request("GET /", "Origin: https://unrelated.test"):                                 {},
			request("GET /", "Origin: null"):                                                   {},
			request("OPTIONS /", "Origin: "+listed+":1", "Access-Control-Request-Method: PUT"): {Relation: "other_port", Entry: listed},
		} {
			got := h.send(raw)
			x := h.nextExchange()
			if !debug {
				want = origins.NearMiss{}
			}
			hint := fmt.Sprintf(`"meta":{"nearest":{"entry":%q,"relation":%q}}`, want.Entry, want.Relation)
			if x.Nearest != want || strings.Contains(got.body, hint) != (want.Entry != "") || strings.Contains(got.body, "nearest") != (want.Entry != "") {
				t.Errorf("debug %v, %q: nearest %+v, body %s", debug, raw, x.Nearest, got.body)
			}
		}
	}
}

// A tenant can send any number of early hints before its response. (Over HTTP/2 the
// server of net/http limits the writes.)
func TestGateway_EndsEarlyHintsThatClientDoesNotRead(t *testing.T) {
	for _, protocol := range []protocol{http1, http1TLS} {
		h := newHarness(t, options{protocol: protocol, config: func(c *proxy.Config) { c.Timeouts.Progress = 100 * time.Millisecond },
			tenant: func(rw http.ResponseWriter, _ *http.Request) {
				conn, _, err := http.NewResponseController(rw).Hijack()
				if err != nil {
					panic(err)
				}
				defer conn.Close()
				for hint := "HTTP/1.1 103 Early Hints\r\nLink: " + strings.Repeat("a", 1<<14) + "\r\n\r\n"; err == nil; {
					_, err = io.WriteString(conn, hint)
				}
			}})
		io.WriteString(h.dial(), request("GET /", "Origin: "+listed))
		if x := h.nextExchange(); x.UpstreamCause != "client" || x.Duration > 5*time.Second {
			t.Errorf("%s: exchange %+v, want upstream cause client within 5s", protocol, x)
		}
	}
}
