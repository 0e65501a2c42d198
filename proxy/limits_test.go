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

func TestGateway_LimitsBodies(t *testing.T) {
	limit := func(c *proxy.Config) { c.BodyBytes = 10 }
	chunked := func(size int) string {
		return request("POST /", "Origin: "+listed, "Transfer-Encoding: chunked") + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", size, strings.Repeat("x", size))
	}
	rows := []struct {
		rule, raw string
		status    int
	}{
		{"of the limit", request("POST /", "Origin: "+listed, "Content-Length: 10") + "0123456789", 200},
		{"above it by its own account", request("POST /", "Origin: "+listed, "Content-Length: 11") + "0123456789a", 413},
		{"of the limit in chunks", chunked(10), 200},
		{"above it in chunks", chunked(11), 413},
		{"far above it in chunks", chunked(100_000), 413},
	}
	for _, row := range rows {
		w := newWorld(t, options{config: limit, tenant: func(rw http.ResponseWriter, r *http.Request) {}})
		got := w.send(row.raw)
		x := w.observed()
		if got.StatusCode != row.status || row.status == 413 != (got.code() == "BODY_TOO_LARGE") || row.status == 413 != (x.Limit == "body_bytes") {
			t.Errorf("%s: %d %s, observed %+v", row.rule, got.StatusCode, got.body, x)
		}
		expectCORS(t, row.rule, got, sharedWith(listed))
	}
}

func TestGateway_EndsABodyThatMakesNoProgress(t *testing.T) {
	w := newWorld(t, options{config: func(c *proxy.Config) { c.Timeouts.Progress = 50 * time.Millisecond }})
	got := w.send(request("POST /", "Origin: "+listed, "Content-Length: 10") + "half")
	if got.StatusCode != 408 || got.code() != "BODY_TIMEOUT" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	expectCORS(t, "a stalled body", got, sharedWith(listed))
	if x := w.observed(); x.Limit != "body_progress" || x.UpstreamCause != "" {
		t.Errorf("observed %+v", x)
	}
}

// The deadline of a body must not end the response that takes longer than it.
func TestGateway_ProgressIsNoLimitForAnAnswer(t *testing.T) {
	const progress = 300 * time.Millisecond
	for _, protocol := range protocols() {
		w := newWorld(t, options{protocol: protocol, config: func(c *proxy.Config) { c.Timeouts.Progress = progress }, tenant: func(rw http.ResponseWriter, r *http.Request) {
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
			r := w.newRequest("POST", path)
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader("body")), 4
			res, err := w.gateway.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if string(body) != "first,second" {
				t.Errorf("%s by %s: got %q, %v", path, protocol, body, err)
			}
		}
	}
}

func TestGateway_EndsAnAnswerThatNobodyReads(t *testing.T) {
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
		w := newWorld(t, options{tenant: endless(1<<20, false), config: func(c *proxy.Config) {
			c.Timeouts.Progress = 100 * time.Millisecond
			c.Tenants[0].API = endless(1<<10, true)
		}})
		conn := w.dial()
		conn.(*net.TCPConn).SetReadBuffer(4096)
		io.WriteString(conn, request("GET "+path, "Origin: "+listed))
		if x := w.observed(); x.Status != 200 || x.Cut == x.API {
			t.Errorf("%s: observed %+v", path, x)
		}
	}
}

func TestGateway_OneSlowTenantStarvesNoOther(t *testing.T) {
	arrived, release := make(chan bool), make(chan bool)
	w := newWorld(t, options{config: func(c *proxy.Config) { c.InFlightPerTenant = 2 }, tenant: func(_ http.ResponseWriter, r *http.Request) {
		if r.Host == "acme.example" {
			arrived <- true
			<-release
		}
	}})
	for range 2 {
		conn := w.dial()
		io.WriteString(conn, request("GET /", "Origin: "+listed))
		<-arrived
	}
	for range 3 { // who is refused takes no place
		w.send(request("GET /", "Origin: "+listed))
		w.observed()
	}
	got := w.send(request("GET /", "Origin: "+listed))
	if got.StatusCode != 503 || got.code() != "OVERLOADED" || got.Header.Get("Retry-After") == "" {
		t.Errorf("the third got %d %s", got.StatusCode, got.body)
	}
	expectCORS(t, "overloaded", got, sharedWith(listed))
	if x := w.observed(); x.Limit != "in_flight_per_tenant" {
		t.Errorf("observed %+v", x)
	}
	if got := w.send(request("GET /", "Host: empty.example")); got.StatusCode != 200 {
		t.Errorf("another tenant got %d", got.StatusCode)
	}
	if got := w.send(request("OPTIONS /", "Origin: "+listed, "Access-Control-Request-Method: PUT")); got.StatusCode != 204 {
		t.Errorf("a preflight got %d", got.StatusCode)
	}
	close(release)
	for range 4 {
		w.observed()
	}
	go func() { <-arrived }()
	if got := w.send(request("GET /", "Origin: "+listed)); got.StatusCode != 200 {
		t.Errorf("after the others it got %d", got.StatusCode)
	}
}

func TestGateway_TunnelsAreNoRequestsInFlight(t *testing.T) {
	w := newWorld(t, options{tenant: echo, config: func(c *proxy.Config) { c.InFlightPerTenant = 1 }})
	for i := range 3 {
		expectEcho(t, fmt.Sprint("tunnel ", i), w.open(listed, "/"))
	}
}

func TestGateway_TunnelsThatHaveEndedMakeNoRoom(t *testing.T) {
	arrived, release := make(chan bool), make(chan bool)
	defer close(release)
	w := newWorld(t, options{config: func(c *proxy.Config) { c.InFlightPerTenant = 1 }, tenant: func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			echo(rw, r)
			return
		}
		arrived <- true
		<-release
	}})
	for range 3 {
		w.open(listed, "/").CloseNow()
		w.observed()
	}
	io.WriteString(w.dial(), request("GET /", "Origin: "+listed))
	<-arrived
	if got := w.send(request("GET /", "Origin: "+listed)); got.StatusCode != 503 {
		t.Errorf("the second request got %d", got.StatusCode)
	}
}

func TestGateway_TellsWhoDebugsTheNearestMiss(t *testing.T) {
	for _, debug := range []bool{true, false} {
		w := newWorld(t, options{config: func(c *proxy.Config) { c.Tenants[0].Debug = debug }})
		for raw, want := range map[string]origins.Miss{
			request("GET /", "Origin: http://app.example.com"):                                 {Relation: "other_scheme", Entry: listed},
			request("GET /", "Origin: "+listed, "qlik-web-integration-id: second"):             {Relation: "other_web_integration", Entry: listed},
			request("GET /", "Origin: https://unrelated.test"):                                 {},
			request("GET /", "Origin: null"):                                                   {},
			request("OPTIONS /", "Origin: "+listed+":1", "Access-Control-Request-Method: PUT"): {Relation: "other_port", Entry: listed},
		} {
			got := w.send(raw)
			x := w.observed()
			if !debug {
				want = origins.Miss{}
			}
			hint := fmt.Sprintf(`"meta":{"nearest":{"entry":%q,"relation":%q}}`, want.Entry, want.Relation)
			if x.Nearest != want || strings.Contains(got.body, hint) != (want.Entry != "") || strings.Contains(got.body, "nearest") != (want.Entry != "") {
				t.Errorf("debug %v, %q: %+v, body %s", debug, raw, x.Nearest, got.body)
			}
		}
	}
}

// Hints are written while the tenant's response is awaited, and a tenant can send
// any number of them. (Over HTTP/2 it is the server that limits its writes.)
func TestGateway_EndsHintsThatNobodyReads(t *testing.T) {
	for _, protocol := range []protocol{http1, http1TLS} {
		w := newWorld(t, options{protocol: protocol, config: func(c *proxy.Config) { c.Timeouts.Progress = 100 * time.Millisecond },
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
		io.WriteString(w.dial(), request("GET /", "Origin: "+listed))
		if x := w.observed(); x.UpstreamCause != "client" || x.Duration > 5*time.Second {
			t.Errorf("%s: observed %+v", protocol, x)
		}
	}
}
