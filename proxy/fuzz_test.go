package proxy_test

import (
	"bufio"
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"originwarden/origins"
)

// For any input, the gateway does not panic, the tenant receives no request of a
// refused origin, and no response has two Access-Control-Allow-Origin lines or one
// for an origin that is not allowed.
func FuzzGateway_EnforcesDecision(f *testing.F) {
	for _, seed := range []string{
		request("GET /", "Origin: "+listed),
		request("GET /", "Origin: "+unlisted),
		request("GET /", "Origin: "+listed, "Origin: "+unlisted),
		request("OPTIONS /", "Origin: "+listed, "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: a,b"),
		request("POST /callback", "Origin: null", "Content-Length: 3") + "abc",
		request("POST /", "Origin: "+unlisted, "Transfer-Encoding: chunked") + "3\r\nabc\r\n0\r\n\r\n" + request("GET /", "Origin: "+listed),
		request("POST /", "Origin: null", "Sec-Fetch-Site: same-origin", "Content-Length: 0"),
		request("GET http://acme.example/?qlik-web-integration-id=first", "Connection: Origin, Host", "Origin: "+listed),
		handshake("/", "Origin: "+listed) + "\x81\x82\x00\x00\x00\x00hi",
		handshake("/", "Origin: "+unlisted),
		request("OPTIONS *", "Origin: "+listed),
		"CONNECT acme.example:80 HTTP/1.1\r\nHost: acme.example:80\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET / HTTP/1.0\r\nOrigin: " + unlisted + "\n\n",
	} {
		f.Add([]byte(seed))
	}
	h := newFuzzHarness(f)
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) > 16<<10 {
			return
		}
		responses := h.sendInput(t, input)
		for _, s := range h.tenantRequests() {
			if !mayReachTenant(s) {
				t.Fatalf("%q: tenant received %+v", input, s)
			}
		}
		reader := bufio.NewReader(bytes.NewReader(responses))
		for {
			res, err := http.ReadResponse(reader, nil)
			if err != nil {
				return
			}
			allowed := res.Header["Access-Control-Allow-Origin"]
			if len(allowed) > 1 || len(allowed) == 1 && !slices.Contains([]string{listed, other, public}, allowed[0]) {
				t.Fatalf("%q: Access-Control-Allow-Origin: %q", input, allowed)
			}
			if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode == 101 {
				return
			}
		}
	})
}

// mayReachTenant reports whether the gateway may forward the request.
func mayReachTenant(s tenantRequest) bool {
	switch origin := s.Header["Origin"]; {
	case len(origin) == 0:
		return true
	case len(origin) > 1:
		return false
	case slices.Contains([]string{listed, other, public}, origin[0]):
		return true
	case origin[0] == "null" && slices.Equal(s.Header["Sec-Fetch-Site"], []string{"same-origin"}):
		return true
	default:
		path, _, _ := strings.Cut(s.Target, "?")
		return s.Method == "POST" && path == "/callback" && (origin[0] == "null" || origins.WellFormed(origin[0]))
	}
}

// fuzzHarness is a harness whose clients write once and read to the end.
type fuzzHarness struct {
	*harness
	panicked *panicLog
}

// panicLog is an error log of net/http that notices handlers that panic.
type panicLog struct{ logged atomic.Bool }

func (p *panicLog) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("panic")) {
		p.logged.Store(true)
	}
	return len(line), nil
}

func newFuzzHarness(f *testing.F) fuzzHarness {
	h := newHarness(f, options{tenant: func(rw http.ResponseWriter, r *http.Request) {
		addCORSHeaders(rw.Header())
		if r.Header.Get("Upgrade") != "" {
			acceptUpgrade("Connection: Upgrade\r\nUpgrade: websocket\r\n")(rw, r)
		}
	}})
	panicked := &panicLog{}
	h.gateway.Config.ErrorLog = log.New(panicked, "", 0)
	return fuzzHarness{h, panicked}
}

func (h fuzzHarness) sendInput(t *testing.T, input []byte) []byte {
	conn, err := net.Dial("tcp", h.gateway.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(input); err != nil {
		t.Fatal(err)
	}
	// net/http cancels a request when the client half-closes its connection. So do that
	// only when there are no more responses.
	conn.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
	responses, _ := io.ReadAll(conn)
	conn.(*net.TCPConn).CloseWrite()
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	rest, _ := io.ReadAll(conn)
	responses = append(responses, rest...)
	for len(h.exchanges) > 0 {
		<-h.exchanges
	}
	if h.panicked.logged.Load() {
		t.Fatalf("%q: a handler panicked", input)
	}
	return responses
}
