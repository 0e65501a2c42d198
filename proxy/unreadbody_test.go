package proxy_test

import (
	"bufio"
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

// A response that does not depend on the request body is sent without waiting for it.
func TestGateway_RespondsWithoutWaitingForBody(t *testing.T) {
	t.Parallel()
	unauthorized := func(rw http.ResponseWriter, _ *http.Request) {
		respondRaw("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")(rw, nil)
	}
	preflight := []string{"Origin: " + listed, "Access-Control-Request-Method: PUT"}
	rows := []struct {
		rule, raw string
		status    int
	}{
		{"refused", request("POST /", "Origin: "+unlisted, "Content-Length: 10"), 403},
		{"refused, HTTP/1.0", "POST / HTTP/1.0\r\nHost: acme.example\r\nOrigin: " + unlisted + "\r\nContent-Length: 10\r\n\r\n", 403},
		{"tenant, HTTP/1.0", "POST / HTTP/1.0\r\nHost: acme.example\r\nOrigin: " + listed + "\r\nContent-Length: 1000\r\n\r\nhalf", 401},
		{"refused, chunked", request("POST /", "Origin: "+unlisted, "Transfer-Encoding: chunked"), 403},
		{"unknown host", request("POST /", "Host: unknown.example", "Content-Length: 10") + "half", 421},
		{"preflight", request("OPTIONS /", append(preflight, "Content-Length: 10")...), 204},
		{"OPTIONS *", request("OPTIONS *", "Content-Length: 10"), 204},
		{"OPTIONS *, chunked", request("OPTIONS *", "Transfer-Encoding: chunked"), 204},
		{"API", request("POST /api/v1/web-integrations", "Content-Length: 10"), 200},
		{"API, Expect: 100-continue", request("POST /api/v1/web-integrations", "Content-Length: 10", "Expect: 100-continue"), 200},
		{"tenant", request("POST /", "Origin: "+listed, "Content-Length: 1000") + "half", 401},
		{"tenant, Expect: 100-continue", request("POST /", "Origin: "+listed, "Content-Length: 1000", "Expect: 100-continue"), 401},
	}
	for _, progress := range []time.Duration{0, time.Hour} {
		h := newHarness(t, options{config: func(c *proxy.Config) {
			c.Timeouts.Progress = progress
			c.Tenants[0].Upstream = startTenant(t, unauthorized)
		}})
		for _, row := range rows {
			conn := h.dial()
			io.WriteString(conn, row.raw)
			reader := bufio.NewReader(conn)
			got := h.read(reader, strings.SplitN(row.raw, " ", 2)[0])
			if got.StatusCode == http.StatusContinue { // which the transport may send although the tenant did not
				got = h.read(reader, "POST")
			}
			if got.StatusCode != row.status {
				t.Errorf("%s: status %d, want %d", row.rule, got.StatusCode, row.status)
			}
			if _, err := reader.ReadByte(); err != io.EOF {
				t.Errorf("%s: read %v, want the connection closed", row.rule, err)
			}
		}
	}
}

// The progress timeout must not end a request while the tenant does not read its
// body. The timeout is long enough for a client on a busy machine.
func TestGateway_AllowsTenantToReadBodySlowly(t *testing.T) {
	const progress, size = time.Second, 8 << 20
	for _, protocol := range protocols() {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, options{protocol: protocol, config: func(c *proxy.Config) {
				c.Timeouts.Progress = progress
				c.Tenants[0].Upstream = startTenant(t, func(rw http.ResponseWriter, r *http.Request) {
					pause := time.NewTimer(2 * progress)
					defer pause.Stop()
					<-pause.C
					n, err := io.Copy(io.Discard, r.Body)
					fmt.Fprint(rw, n, err)
				})
			}})
			r := h.newRequest("POST", "/")
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat("x", size))), size
			res, err := h.gateway.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if want := fmt.Sprint(size, " <nil>"); string(body) != want {
				t.Errorf("status %d, body %s; want %s", res.StatusCode, body, want)
			}
		})
	}
}

// net/http sends small responses only after their handler has returned. The timeout
// also applies to a client that sends many requests and reads no response.
func TestGateway_ClosesConnectionOfClientThatReadsNothing(t *testing.T) {
	h := newHarness(t, options{config: func(c *proxy.Config) { c.Timeouts.Progress = 100 * time.Millisecond }})
	go func() {
		for range h.exchanges {
		}
	}()
	conn := h.dial()
	many := strings.Repeat(request("GET /", "Origin: "+unlisted), 100)
	for {
		if _, err := io.WriteString(conn, many); err != nil {
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
				t.Error("gateway did not close the connection")
			}
			return
		}
	}
}

func TestGateway_RefusesTargetWithSpaces(t *testing.T) {
	h := newHarness(t, options{protocol: http2})
	for _, target := range []string{"/a b", "/a HTTP/1.1?x", "/a?b HTTP/1.0", "/a?b c"} {
		r := h.newRequest("GET", "/")
		r.URL.Opaque = target
		res, err := h.gateway.Client().Transport.RoundTrip(r)
		if err != nil {
			t.Fatalf("%q: %v", target, err)
		}
		res.Body.Close()
		if x := h.nextExchange(); res.StatusCode != 400 || x.UpstreamTime != 0 || x.Reason != "bad_request" {
			t.Errorf("%q: status %d, want 400; exchange %+v", target, res.StatusCode, x)
		}
	}
}

func TestGateway_CountsNoBodyForHead(t *testing.T) {
	h := newHarness(t, options{})
	h.send(request("HEAD /", "Origin: "+unlisted))
	if x := h.nextExchange(); x.Sent != 0 || x.Status != 403 {
		t.Errorf("exchange %+v, want 0 bytes sent", x)
	}
}

func TestGateway_RefusesInvalidUpgradeProtocol(t *testing.T) {
	h := newHarness(t, options{})
	for _, protocol := range []string{"web\tsocket", "websocket\t, h2c", "h2\x80c", "a b"} {
		got := h.send(request("GET /", "Connection: Upgrade", "Upgrade: "+protocol))
		if x := h.nextExchange(); got.StatusCode != 400 || got.code() != "UPGRADE_REFUSED" || x.UpstreamTime != 0 || x.Verdict != origins.Refused {
			t.Errorf("%q: status %d, want 400; body %s; exchange %+v", protocol, got.StatusCode, got.body, x)
		}
	}
}
