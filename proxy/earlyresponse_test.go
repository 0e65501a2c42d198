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

// rejectUpload responds 413 after the request head, without reading the body, and
// closes the connection.
func rejectUpload(conn net.Conn, from *bufio.Reader) {
	if _, err := readHead(from); err == nil {
		io.WriteString(conn, "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
	}
}

// uploadThenRead sends a body of the given size, then reads the response. It returns
// the status, body and error as one string.
func (h *harness) uploadThenRead(size int, chunked bool) string {
	if h.protocol == http2 {
		r := h.newRequest("POST", "/")
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(make([]byte, size))), int64(size)
		if chunked {
			r.ContentLength = -1
		}
		res, err := h.gateway.Client().Do(r)
		if err != nil {
			return err.Error()
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		return fmt.Sprint(res.StatusCode, string(body), err)
	}
	conn := h.dial()
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

// A client, and so a proxy, monitors the connection for a response while it sends
// the request (RFC 9112, section 9.5).
func TestGateway_ForwardsResponseBeforeEndOfRequest(t *testing.T) {
	t.Parallel()
	const clients = 15
	for _, protocol := range protocols() {
		for _, chunked := range []bool{false, true} {
			h := newHarness(t, options{protocol: protocol, config: func(c *proxy.Config) {
				c.Timeouts.Progress = time.Minute
				c.Tenants[0].Upstream = newRawTenant(t, rejectUpload).url
			}})
			got := make([]string, clients)
			var uploads sync.WaitGroup
			for i := range got {
				uploads.Go(func() { got[i] = h.uploadThenRead(2<<20, chunked) })
			}
			uploads.Wait()
			for _, result := range got {
				if result != "413big<nil>" {
					t.Errorf("%s, chunked %v: got %s, want 413", protocol, chunked, result)
				}
			}
		}
	}
}

// The gateway's own responses also reach a client that reads only after it has sent
// its body.
func TestGateway_RefusesBodyOfClientThatReadsLater(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{config: func(c *proxy.Config) { c.BodyBytes = 1 << 20 }})
	for _, chunked := range []bool{false, true} {
		if got := h.uploadThenRead(16<<20, chunked); !strings.HasPrefix(got, "413") || !strings.Contains(got, "BODY_TOO_LARGE") {
			t.Errorf("chunked %v: got %s, want 413 BODY_TOO_LARGE", chunked, got)
		}
	}
}

// A client that expects 100-continue does not send a body that the tenant rejects.
func TestGateway_SendsNo100ContinueIfTenantRejects(t *testing.T) {
	h := newHarness(t, options{config: func(c *proxy.Config) {
		c.Tenants[0].Upstream = newRawTenant(t, rejectUpload).url
	}})
	if got := h.sendRaw(request("POST /", "Content-Length: 1000", "Expect: 100-continue")); !strings.Contains(got[0], " 413 ") {
		t.Errorf("first response %q, want 413", got[0])
	}
}

func TestGateway_Forwards100Continue(t *testing.T) {
	h := newHarness(t, options{config: func(c *proxy.Config) {
		c.Tenants[0].Upstream = newRawTenant(t, func(conn net.Conn, from *bufio.Reader) {
			readHead(from)
			io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n")
			body := make([]byte, 4)
			io.ReadFull(from, body)
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n%s", body)
		}).url
	}})
	conn := h.dial()
	io.WriteString(conn, request("POST /", "Content-Length: 4", "Expect: 100-continue"))
	reader := bufio.NewReader(conn)
	if got := h.read(reader, "POST"); got.StatusCode != 100 {
		t.Fatalf("first response: status %d, want 100", got.StatusCode)
	}
	io.WriteString(conn, "body")
	if got := h.read(reader, "POST"); got.StatusCode != 200 || got.body != "body" {
		t.Errorf("final response: status %d, body %q; want 200, \"body\"", got.StatusCode, got.body)
	}
}
