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

// What is answered without its body does not wait for it, whoever answers.
func TestGateway_AnswersWithoutABodyThatNeverComes(t *testing.T) {
	early := func(rw http.ResponseWriter, _ *http.Request) {
		raw("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")(rw, nil)
	}
	asks := []string{"Origin: " + listed, "Access-Control-Request-Method: PUT"}
	rows := []struct {
		rule, raw string
		status    int
	}{
		{"refused", request("POST /", "Origin: "+unlisted, "Content-Length: 10"), 403},
		{"refused, of HTTP/1.0", "POST / HTTP/1.0\r\nHost: acme.example\r\nOrigin: " + unlisted + "\r\nContent-Length: 10\r\n\r\n", 403},
		{"the tenant, of HTTP/1.0", "POST / HTTP/1.0\r\nHost: acme.example\r\nOrigin: " + listed + "\r\nContent-Length: 1000\r\n\r\nhalf", 401},
		{"refused, in chunks", request("POST /", "Origin: "+unlisted, "Transfer-Encoding: chunked"), 403},
		{"of nobody", request("POST /", "Host: unknown.example", "Content-Length: 10") + "half", 421},
		{"a preflight", request("OPTIONS /", append(asks, "Content-Length: 10")...), 204},
		{"the server's options", request("OPTIONS *", "Content-Length: 10"), 204},
		{"the server's options, in chunks", request("OPTIONS *", "Transfer-Encoding: chunked"), 204},
		{"the API", request("POST /api/v1/web-integrations", "Content-Length: 10"), 200},
		{"the API, which was asked first", request("POST /api/v1/web-integrations", "Content-Length: 10", "Expect: 100-continue"), 200},
		{"the tenant", request("POST /", "Origin: "+listed, "Content-Length: 1000") + "half", 401},
		{"the tenant, which was asked first", request("POST /", "Origin: "+listed, "Content-Length: 1000", "Expect: 100-continue"), 401},
	}
	for _, progress := range []time.Duration{0, time.Hour} {
		w := newWorld(t, options{config: func(c *proxy.Config) {
			c.Timeouts.Progress = progress
			c.Tenants[0].Upstream = tenantThatReadsNoBody(t, early)
		}})
		for _, row := range rows {
			conn := w.dial()
			io.WriteString(conn, row.raw)
			reader := bufio.NewReader(conn)
			got := w.read(reader, strings.SplitN(row.raw, " ", 2)[0])
			if got.StatusCode == http.StatusContinue { // the transport may ask for a body that the tenant did not
				got = w.read(reader, "POST")
			}
			if got.StatusCode != row.status {
				t.Errorf("%s: %d", row.rule, got.StatusCode)
			}
			if _, err := reader.ReadByte(); err != io.EOF {
				t.Errorf("%s: the connection is kept: %v", row.rule, err)
			}
		}
	}
}

// A deadline for the body is none for a tenant that takes its time to read it.
// The deadline is long enough for a client on a machine that is busy.
func TestGateway_LetsATenantReadABodySlowly(t *testing.T) {
	const progress, size = time.Second, 8 << 20
	for _, protocol := range protocols() {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{protocol: protocol, config: func(c *proxy.Config) {
				c.Timeouts.Progress = progress
				c.Tenants[0].Upstream = tenantThatReadsNoBody(t, func(rw http.ResponseWriter, r *http.Request) {
					pause := time.NewTimer(2 * progress)
					defer pause.Stop()
					<-pause.C
					n, err := io.Copy(io.Discard, r.Body)
					fmt.Fprint(rw, n, err)
				})
			}})
			r := w.newRequest("POST", "/")
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat("x", size))), size
			res, err := w.gateway.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if want := fmt.Sprint(size, " <nil>"); string(body) != want {
				t.Errorf("%d %s, want %s", res.StatusCode, body, want)
			}
		})
	}
}

// net/http sends small answers when their handler has returned. A client that
// asks for many and reads none is limited all the same.
func TestGateway_EndsAConnectionWhoseAnswersNobodyReads(t *testing.T) {
	w := newWorld(t, options{config: func(c *proxy.Config) { c.Timeouts.Progress = 100 * time.Millisecond }})
	go func() {
		for range w.exchanges {
		}
	}()
	conn := w.dial()
	many := strings.Repeat(request("GET /", "Origin: "+unlisted), 100)
	for {
		if _, err := io.WriteString(conn, many); err != nil {
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
				t.Error("the gateway waits for its reader")
			}
			return
		}
	}
}

func TestGateway_RefusesATargetThatNoRequestLineCanHold(t *testing.T) {
	w := newWorld(t, options{protocol: http2})
	for _, target := range []string{"/a b", "/a HTTP/1.1?x", "/a?b HTTP/1.0", "/a?b c"} {
		r := w.newRequest("GET", "/")
		r.URL.Opaque = target
		res, err := w.gateway.Client().Transport.RoundTrip(r)
		if err != nil {
			t.Fatalf("%q: %v", target, err)
		}
		res.Body.Close()
		if x := w.observed(); res.StatusCode != 400 || x.UpstreamTime != 0 || x.Reason != "bad_request" {
			t.Errorf("%q: %d, observed %+v", target, res.StatusCode, x)
		}
	}
}

func TestGateway_CountsNoBodyOfAHead(t *testing.T) {
	w := newWorld(t, options{})
	w.send(request("HEAD /", "Origin: "+unlisted))
	if x := w.observed(); x.Sent != 0 || x.Status != 403 {
		t.Errorf("observed %+v", x)
	}
}

func TestGateway_RefusesUpgradesThatAreNoProtocol(t *testing.T) {
	w := newWorld(t, options{})
	for _, protocol := range []string{"web\tsocket", "websocket\t, h2c", "h2\x80c", "a b"} {
		got := w.send(request("GET /", "Connection: Upgrade", "Upgrade: "+protocol))
		if x := w.observed(); got.StatusCode != 400 || got.code() != "UPGRADE_REFUSED" || x.UpstreamTime != 0 || x.Verdict != origins.Refused {
			t.Errorf("%q: %d %s, observed %+v", protocol, got.StatusCode, got.body, x)
		}
	}
}
