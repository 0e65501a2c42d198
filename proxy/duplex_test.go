package proxy_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"originwarden/proxy"
)

// sendTicks responds at once and sends n chunks, without reading the body.
func sendTicks(n int, every time.Duration) func(net.Conn, *bufio.Reader) {
	return func(conn net.Conn, from *bufio.Reader) {
		if _, err := readHead(from); err != nil {
			return
		}
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for range n {
			io.WriteString(conn, "4\r\ntick\r\n")
			<-ticker.C
		}
		io.WriteString(conn, "0\r\n\r\n")
	}
}

// postOpenBody sends a request whose body stalls after its first bytes, and returns
// the response.
func (h *harness) postOpenBody() (*http.Response, error) {
	body, open := io.Pipe()
	h.t.Cleanup(func() { open.Close() })
	go open.Write([]byte("hello"))
	r := h.newRequest("POST", "/")
	r.Body, r.ContentLength = body, -1
	return h.gateway.Client().Do(r)
}

func TestGateway_KeepsStalledBodyWhileResponseProgresses(t *testing.T) {
	const ticks = 8
	for _, protocol := range protocols() {
		h := newHarness(t, options{protocol: protocol, config: func(c *proxy.Config) {
			c.Timeouts.Progress = 200 * time.Millisecond
			c.Tenants[0].Upstream = newRawTenant(t, sendTicks(ticks, 50*time.Millisecond)).url
		}})
		res, err := h.postOpenBody()
		if err != nil {
			t.Fatalf("%s: %v", protocol, err)
		}
		got, err := io.ReadAll(res.Body)
		res.Body.Close()
		if string(got) != strings.Repeat("tick", ticks) || err != nil {
			t.Errorf("%s: body %q, error %v", protocol, got, err)
		}
		if x := h.nextExchange(); x.Limit != "" || x.Cut {
			t.Errorf("%s: exchange %+v, want no limit", protocol, x)
		}
	}
}

func TestGateway_ReportsLimitThatCutResponse(t *testing.T) {
	endless := func(conn net.Conn, from *bufio.Reader) {
		readHead(from)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		for err := error(nil); err == nil; {
			_, err = conn.Write(make([]byte, 64<<10))
		}
	}
	stalled := func(conn net.Conn, from *bufio.Reader) {
		readHead(from)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntick\r\n")
		io.Copy(io.Discard, from) // until the gateway closes it
	}
	for _, protocol := range protocols() {
		for _, row := range []struct {
			rule   string
			tenant func(net.Conn, *bufio.Reader)
		}{
			{"no progress in either direction", stalled},
			{"client does not read and body stalls", endless},
		} {
			h := newHarness(t, options{protocol: protocol, config: func(c *proxy.Config) {
				c.Timeouts.Progress = 400 * time.Millisecond
				c.Tenants[0].Upstream = newRawTenant(t, row.tenant).url
			}})
			res, err := h.postOpenBody()
			if err != nil {
				t.Fatalf("%s, %s: %v", row.rule, protocol, err)
			}
			if x := h.nextExchange(); x.Limit != "body_progress" || !x.Cut || x.Status != 200 {
				t.Errorf("%s, %s: exchange %+v, want limit body_progress", row.rule, protocol, x)
			}
			res.Body.Close()
		}
	}
}

// The gateway sends the header before the body arrives, and each part of the body
// as it arrives.
func TestGateway_StreamsResponse(t *testing.T) {
	for _, framing := range []string{"Content-Length: 8", "Transfer-Encoding: chunked", "Connection: close"} {
		pieces := []string{"half", "rest"}
		if strings.HasPrefix(framing, "Transfer") {
			pieces = []string{"4\r\nhalf\r\n4", "\r\nrest\r\n0\r\n\r\n"}
		}
		for _, protocol := range protocols() {
			more := make(chan bool)
			h := newHarness(t, options{protocol: protocol, config: func(c *proxy.Config) {
				c.Tenants[0].Upstream = newRawTenant(t, func(conn net.Conn, from *bufio.Reader) {
					readHead(from)
					io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"+framing+"\r\n\r\n")
					for _, piece := range pieces {
						<-more
						io.WriteString(conn, piece)
					}
				}).url
			}})
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			res, err := h.gateway.Client().Do(h.newRequest("GET", "/").WithContext(ctx)) // returns before the tenant sends the body
			if err != nil {
				t.Fatalf("%s, %s: %v", framing, protocol, err)
			}
			for _, want := range []string{"half", "rest"} {
				more <- true
				got := make([]byte, 4)
				if _, err := io.ReadFull(res.Body, got); string(got) != want || err != nil {
					t.Errorf("%s, %s: body %q, error %v; want %q", framing, protocol, got, err, want)
				}
			}
			res.Body.Close()
		}
	}
}

// A client that half-closes its connection still reads.
func TestGateway_RespondsToHalfClosedClient(t *testing.T) {
	late := newRawTenant(t, func(conn net.Conn, from *bufio.Reader) {
		for {
			if _, err := readHead(from); err != nil {
				return
			}
			delay := time.NewTimer(100 * time.Millisecond) // until the gateway has read the client's FIN
			<-delay.C
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
		}
	})
	for _, protocol := range []protocol{http1, http1TLS} {
		h := newHarness(t, options{protocol: protocol, config: func(c *proxy.Config) { c.Tenants[0].Upstream = late.url }})
		conn := h.dial()
		io.WriteString(conn, request("GET /", "Origin: "+listed))
		conn.(interface{ CloseWrite() error }).CloseWrite()
		reader := bufio.NewReader(conn)
		got := h.read(reader, "GET")
		if got.StatusCode != 200 || got.body != "late" {
			t.Errorf("%s: status %d, body %q; want 200, \"late\"", protocol, got.StatusCode, got.body)
		}
		if _, err := reader.ReadByte(); err != io.EOF {
			t.Errorf("%s: read %v, want the connection closed", protocol, err)
		}
	}
}

func TestGateway_CancelsRequestWhenClientDisconnects(t *testing.T) {
	for rule, disconnect := range map[string]func(net.Conn){
		"reset": func(conn net.Conn) {
			conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		},
		"close while response is sent": func(conn net.Conn) { conn.Close() },
	} {
		h := newHarness(t, options{config: func(c *proxy.Config) {
			c.Tenants[0].Upstream = newRawTenant(t, sendTicks(1e6, time.Millisecond)).url
		}})
		conn := h.dial()
		io.WriteString(conn, request("GET /", "Origin: "+listed))
		if _, err := readHead(bufio.NewReader(conn)); err != nil {
			t.Fatal(err)
		}
		disconnect(conn)
		if x := h.nextExchange(); !x.Cut || x.Duration > 10*time.Second {
			t.Errorf("%s: exchange %+v, want it cut within 10s", rule, x)
		}
	}
}

func TestGateway_CancelsRequestToSilentTenantWhenClientResets(t *testing.T) {
	t.Parallel()
	received, ended := make(chan bool), make(chan error, 1)
	h := newHarness(t, options{config: func(c *proxy.Config) {
		c.Tenants[0].Upstream = newRawTenant(t, func(conn net.Conn, from *bufio.Reader) {
			readHead(from)
			received <- true
			_, err := from.ReadByte()
			ended <- err
		}).url
	}})
	conn := h.dial()
	io.WriteString(conn, request("GET /"))
	<-received
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
	if err := <-ended; err == nil {
		t.Error("tenant received more bytes, want the connection closed")
	}
	if x := h.nextExchange(); x.UpstreamCause != "client" {
		t.Errorf("exchange %+v, want upstream cause client", x)
	}
}
