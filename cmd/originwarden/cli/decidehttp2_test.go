package cli

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// http2Client sends requests to the address for questions over HTTP/2 without TLS.
type http2Client struct {
	http.Transport
	address string
	dialed  atomic.Int32 // connections
}

func newHTTP2Client(t *testing.T, r *runningCommand) *http2Client {
	c := &http2Client{address: r.decide, Transport: http.Transport{Protocols: new(http.Protocols)}}
	c.Protocols.SetUnencryptedHTTP2(true)
	c.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c.dialed.Add(1)
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func (c *http2Client) ask(t *testing.T, method, path, body string, fields ...string) *http.Response {
	t.Helper()
	request, err := http.NewRequest(method, "http://"+c.address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		request.Header.Set(name, value)
	}
	response, err := c.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response
}

func TestDecide_SpeaksHTTP2WithoutTLS(t *testing.T) {
	r := startGateway(t, t.TempDir(), tenantConfig("http://127.0.0.1:1", decideNginx))
	response := newHTTP2Client(t, r).ask(t, "GET", "/decide", "", nginxFields()...)
	if response.ProtoMajor != 2 || response.StatusCode != 200 || response.Header.Get("Originwarden-Reason") != "no_origin" {
		t.Errorf("%s %s %v", response.Proto, response.Status, response.Header)
	}
}

// A connection that began with a call has no answers over HTTP, and the log says so.
func TestDecide_ReportsQuestionsOnConnectionsOfGRPC(t *testing.T) {
	r := startGateway(t, t.TempDir(), tenantConfig("http://127.0.0.1:1", decideNginx))
	c := newHTTP2Client(t, r)
	if response := c.ask(t, "POST", "/grpc.health.v1.Health/Check", strings.Repeat("\x00", 5), "Content-Type: application/grpc", "Te: trailers"); response.StatusCode != 200 {
		t.Errorf("call: %s", response.Status)
	}
	if response := c.ask(t, "GET", "/decide", "", nginxFields()...); response.StatusCode != 415 {
		t.Errorf("question: %s", response.Status)
	}
	r.await(t, r.stderr, `"level":"warn".*"msg":"serving","problem":"a request from 127\.0\.0\.1:[0-9]+ is no call of gRPC, and got an HTTP error, because a connection that begins with a call serves nothing else"`)
}

// Without a limit, a connection that is idle stays, also when the time for heads is over.
func TestDecide_KeepsIdleConnections(t *testing.T) {
	r := startGateway(t, t.TempDir(), tenantConfig("http://127.0.0.1:1", decideNginx+"timeouts: {read_header: 200ms, idle: 0s}\n"))
	c := newHTTP2Client(t, r)
	c.ask(t, "GET", "/decide", "", nginxFields()...)
	<-time.After(600 * time.Millisecond)
	c.ask(t, "GET", "/decide", "", nginxFields()...)
	if n := c.dialed.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}
