package proxy_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"originwarden/proxy"
)

// ticking answers at once and goes on for n ticks, whatever comes of the body.
func ticking(n int, every time.Duration) func(net.Conn, *bufio.Reader) {
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

// duplex opens a request whose body is open and quiet, and returns its response.
func (w *world) duplex() (*http.Response, error) {
	body, open := io.Pipe()
	w.t.Cleanup(func() { open.Close() })
	go open.Write([]byte("hello"))
	r := w.newRequest("POST", "/")
	r.Body, r.ContentLength = body, -1
	return w.gateway.Client().Do(r)
}

func TestGateway_LetsAQuietBodyBeWhileTheAnswerGoesOn(t *testing.T) {
	const ticks = 8
	for _, protocol := range protocols() {
		w := newWorld(t, options{protocol: protocol, config: func(c *proxy.Config) {
			c.Timeouts.Progress = 200 * time.Millisecond
			c.Tenants[0].Upstream = newRawTenant(t, ticking(ticks, 50*time.Millisecond)).url
		}})
		res, err := w.duplex()
		if err != nil {
			t.Fatalf("%s: %v", protocol, err)
		}
		got, err := io.ReadAll(res.Body)
		res.Body.Close()
		if string(got) != strings.Repeat("tick", ticks) || err != nil {
			t.Errorf("%s: %q, %v", protocol, got, err)
		}
		if x := w.observed(); x.Limit != "" || x.Cut {
			t.Errorf("%s: observed %+v", protocol, x)
		}
	}
}

// What is cut says for which limit.
func TestGateway_NamesTheLimitThatCutAnAnswer(t *testing.T) {
	endless := func(conn net.Conn, from *bufio.Reader) {
		readHead(from)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		for err := error(nil); err == nil; {
			_, err = conn.Write(make([]byte, 64<<10))
		}
	}
	quiet := func(conn net.Conn, from *bufio.Reader) {
		readHead(from)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntick\r\n")
		io.Copy(io.Discard, from) // until it is closed
	}
	for _, protocol := range protocols() {
		for _, row := range []struct {
			rule   string
			tenant func(net.Conn, *bufio.Reader)
		}{
			{"neither direction makes progress", quiet},
			{"the response is not read, while the body is quiet", endless},
		} {
			w := newWorld(t, options{protocol: protocol, config: func(c *proxy.Config) {
				c.Timeouts.Progress = 100 * time.Millisecond
				c.Tenants[0].Upstream = newRawTenant(t, row.tenant).url
			}})
			res, err := w.duplex()
			if err != nil {
				t.Fatalf("%s, %s: %v", row.rule, protocol, err)
			}
			if x := w.observed(); x.Limit != "body_progress" || !x.Cut || x.Status != 200 {
				t.Errorf("%s, %s: observed %+v", row.rule, protocol, x)
			}
			res.Body.Close()
		}
	}
}

// The header does not wait for the body, nor one piece of it for the next.
func TestGateway_PassesOnWhatHasCome(t *testing.T) {
	for _, framing := range []string{"Content-Length: 8", "Transfer-Encoding: chunked", "Connection: close"} {
		pieces := []string{"half", "rest"}
		if strings.HasPrefix(framing, "Transfer") {
			pieces = []string{"4\r\nhalf\r\n4", "\r\nrest\r\n0\r\n\r\n"}
		}
		for _, protocol := range protocols() {
			more := make(chan bool)
			w := newWorld(t, options{protocol: protocol, config: func(c *proxy.Config) {
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
			res, err := w.gateway.Client().Do(w.newRequest("GET", "/").WithContext(ctx)) // which has the header before any of the body
			if err != nil {
				t.Fatalf("%s, %s: %v", framing, protocol, err)
			}
			for _, want := range []string{"half", "rest"} {
				more <- true
				got := make([]byte, 4)
				if _, err := io.ReadFull(res.Body, got); string(got) != want || err != nil {
					t.Errorf("%s, %s: %q, %v", framing, protocol, got, err)
				}
			}
			res.Body.Close()
		}
	}
}

// A client that has ended its sending side still reads.
func TestGateway_AnswersAClientThatHasEndedItsSendingSide(t *testing.T) {
	late := newRawTenant(t, func(conn net.Conn, from *bufio.Reader) {
		for {
			if _, err := readHead(from); err != nil {
				return
			}
			patience := time.NewTimer(100 * time.Millisecond) // for the gateway to see the client's end
			<-patience.C
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
		}
	})
	for _, protocol := range []protocol{http1, http1TLS} {
		w := newWorld(t, options{protocol: protocol, config: func(c *proxy.Config) { c.Tenants[0].Upstream = late.url }})
		conn := w.dial()
		io.WriteString(conn, request("GET /", "Origin: "+listed))
		conn.(interface{ CloseWrite() error }).CloseWrite()
		reader := bufio.NewReader(conn)
		got := w.read(reader, "GET")
		if got.StatusCode != 200 || got.body != "late" {
			t.Errorf("%s: %d %q", protocol, got.StatusCode, got.body)
		}
		if _, err := reader.ReadByte(); err != io.EOF {
			t.Errorf("%s: the connection is kept: %v", protocol, err)
		}
	}
}

// One that is gone takes its request with it.
func TestGateway_CallsOffTheRequestOfAClientThatIsGone(t *testing.T) {
	for rule, leave := range map[string]func(net.Conn){
		"it resets": func(conn net.Conn) {
			conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		},
		"it takes nothing of a stream": func(conn net.Conn) { conn.Close() },
	} {
		w := newWorld(t, options{config: func(c *proxy.Config) {
			c.Tenants[0].Upstream = newRawTenant(t, ticking(1e6, time.Millisecond)).url
		}})
		conn := w.dial()
		io.WriteString(conn, request("GET /", "Origin: "+listed))
		if _, err := readHead(bufio.NewReader(conn)); err != nil {
			t.Fatal(err)
		}
		leave(conn)
		if x := w.observed(); !x.Cut || x.Duration > 10*time.Second {
			t.Errorf("%s: observed %+v", rule, x)
		}
	}
}

func TestGateway_CallsOffTheRequestOfASilentTenantWhenTheClientResets(t *testing.T) {
	asked, ended := make(chan bool), make(chan error, 1)
	w := newWorld(t, options{config: func(c *proxy.Config) {
		c.Tenants[0].Upstream = newRawTenant(t, func(conn net.Conn, from *bufio.Reader) {
			readHead(from)
			asked <- true
			_, err := from.ReadByte()
			ended <- err
		}).url
	}})
	conn := w.dial()
	io.WriteString(conn, request("GET /"))
	<-asked
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
	if err := <-ended; err == nil {
		t.Error("the tenant got more")
	}
	if x := w.observed(); x.UpstreamCause != "client" {
		t.Errorf("observed %+v", fmt.Sprintf("%+v", x))
	}
}
