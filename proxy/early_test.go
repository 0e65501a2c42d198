package proxy_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"originwarden/proxy"
)

// refusingUploads answers when it has a head, reads no body and closes.
func refusingUploads(conn net.Conn, from *bufio.Reader) {
	if _, err := readHead(from); err == nil {
		io.WriteString(conn, "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
	}
}

// uploaded is how a client ended that sends a large body and reads the response
// when it has sent it.
func (w *world) uploaded(size int, chunked bool) string {
	if w.speaks == http2 {
		r := w.newRequest("POST", "/")
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(make([]byte, size))), int64(size)
		if chunked {
			r.ContentLength = -1
		}
		res, err := w.gateway.Client().Do(r)
		if err != nil {
			return err.Error()
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		return fmt.Sprint(res.StatusCode, string(body), err)
	}
	conn := w.dial()
	framing, body := fmt.Sprint("Content-Length: ", size), strings.Repeat("x", size)
	if chunked {
		framing, body = "Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", size, body)
	}
	if _, err := io.WriteString(conn, request("POST /", framing)+body); err != nil {
		return err.Error()
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err.Error()
	}
	got, err := io.ReadAll(res.Body)
	return fmt.Sprint(res.StatusCode, string(got), err)
}

// RFC 9112, section 9.5: a client watches for a response while it sends, and a
// proxy is one.
func TestGateway_BringsAnAnswerThatComesBeforeTheRequestsEnd(t *testing.T) {
	const clients = 15
	for _, protocol := range protocols() {
		for _, chunked := range []bool{false, true} {
			w := newWorld(t, options{protocol: protocol, config: func(c *proxy.Config) {
				c.Timeouts.Progress = time.Minute
				c.Tenants[0].Upstream = newRawTenant(t, refusingUploads).url
			}})
			got := make([]string, clients)
			var uploads sync.WaitGroup
			for i := range got {
				uploads.Go(func() { got[i] = w.uploaded(2<<20, chunked) })
			}
			uploads.Wait()
			for _, answer := range got {
				if answer != "413big<nil>" {
					t.Errorf("%s, chunked %v: %s", protocol, chunked, answer)
				}
			}
		}
	}
}

// Nor is a response of the gateway itself lost to whoever sends first and reads
// later.
func TestGateway_IsHeardByAClientThatIsSending(t *testing.T) {
	w := newWorld(t, options{config: func(c *proxy.Config) { c.BodyBytes = 1 << 20 }})
	for _, chunked := range []bool{false, true} {
		if got := w.uploaded(16<<20, chunked); !strings.HasPrefix(got, "413") || !strings.Contains(got, "BODY_TOO_LARGE") {
			t.Errorf("chunked %v: %s", chunked, got)
		}
	}
}

// A tenant that answers 413 at once spares the client its body, if the client
// waits to be asked.
func TestGateway_AsksForNoBodyThatTheTenantRefuses(t *testing.T) {
	w := newWorld(t, options{config: func(c *proxy.Config) {
		c.Tenants[0].Upstream = newRawTenant(t, refusingUploads).url
	}})
	if got := w.sendRaw(request("POST /", "Content-Length: 1000", "Expect: 100-continue")); !strings.Contains(got[0], " 413 ") {
		t.Errorf("the first response is %q", got[0])
	}
}

func TestGateway_AsksForABodyWhenTheTenantDoes(t *testing.T) {
	w := newWorld(t, options{config: func(c *proxy.Config) {
		c.Tenants[0].Upstream = newRawTenant(t, func(conn net.Conn, from *bufio.Reader) {
			readHead(from)
			io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n")
			body := make([]byte, 4)
			io.ReadFull(from, body)
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n%s", body)
		}).url
	}})
	conn := w.dial()
	io.WriteString(conn, request("POST /", "Content-Length: 4", "Expect: 100-continue"))
	reader := bufio.NewReader(conn)
	if got := w.read(reader, "POST"); got.StatusCode != 100 {
		t.Fatalf("first %d", got.StatusCode)
	}
	io.WriteString(conn, "body")
	if got := w.read(reader, "POST"); got.StatusCode != 200 || got.body != "body" {
		t.Errorf("then %d %q", got.StatusCode, got.body)
	}
}
