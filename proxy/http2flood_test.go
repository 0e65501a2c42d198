package proxy_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"runtime"
	"slices"
	"testing"
	"time"

	h2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// http2Client sends and receives HTTP/2 frames.
type http2Client struct {
	*h2.Framer
	conn *tls.Conn
}

// dialHTTP2 opens an HTTP/2 connection that is closed when the test ends.
func (h *harness) dialHTTP2() http2Client {
	h.t.Helper()
	config := h.gateway.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.NextProtos = []string{"h2"}
	conn, err := tls.Dial("tcp", h.gateway.Listener.Addr().String(), config)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(conn, h2.ClientPreface)
	client := http2Client{h2.NewFramer(conn, conn), conn}
	client.WriteSettings()
	return client
}

// dialHTTP2Discarding is like dialHTTP2, and discards what the gateway sends.
func (h *harness) dialHTTP2Discarding() http2Client {
	h.t.Helper()
	client := h.dialHTTP2()
	go io.Copy(io.Discard, client.conn)
	return client
}

// sendRequest sends a request with the given field names and values. It returns the
// status, or the error code of RST_STREAM.
func (client http2Client) sendRequest(t *testing.T, fields []string) (status string) {
	t.Helper()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for pair := range slices.Chunk(fields, 2) {
		encoder.WriteField(hpack.HeaderField{Name: pair[0], Value: pair[1]})
	}
	client.WriteHeaders(h2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true})
	client.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	for {
		frame, err := client.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		switch frame := frame.(type) {
		case *h2.MetaHeadersFrame:
			status = frame.PseudoValue("status")
		case *h2.RSTStreamFrame:
			return frame.ErrCode.String()
		}
		if frame.Header().StreamID == 1 && frame.Header().Flags.Has(h2.FlagDataEndStream) {
			return status
		}
	}
}

// headerBlock returns the encoded header of a request of a listed origin, with more
// fields.
func headerBlock(more ...hpack.HeaderField) []byte { return headerBlockFor("/slow", more...) }

func headerBlockFor(path string, more ...hpack.HeaderField) []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, f := range append([]hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"},
		{Name: ":authority", Value: "acme.example"}, {Name: ":path", Value: path}, {Name: "origin", Value: listed}}, more...) {
		encoder.WriteField(f)
	}
	return block.Bytes()
}

// Floods of frames that are cheap to send must not exhaust the gateway: it closes the
// connection or limits the work.
func TestGateway_LimitsHTTP2Floods(t *testing.T) {
	const many = 10_000
	open := func(client http2Client, i int) error {
		return client.WriteHeaders(h2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: headerBlock(), EndHeaders: true, EndStream: true})
	}
	for name, flood := range map[string]func(client http2Client, i int) error{
		"streams": open,
		"rapid resets": func(client http2Client, i int) error {
			if err := open(client, i); err != nil {
				return err
			}
			return client.WriteRSTStream(uint32(2*i+1), h2.ErrCodeCancel)
		},
		"settings": func(client http2Client, _ int) error { return client.WriteSettings() },
		"pings":    func(client http2Client, _ int) error { return client.WritePing(false, [8]byte{}) },
		"continuations": func(client http2Client, i int) error {
			if i == 0 {
				return client.WriteHeaders(h2.HeadersFrameParam{StreamID: 1, BlockFragment: headerBlock()})
			}
			return client.WriteContinuation(1, false, headerBlock()[:0])
		},
		"endless header": func(client http2Client, i int) error {
			if i == 0 {
				return client.WriteHeaders(h2.HeadersFrameParam{StreamID: 1, BlockFragment: headerBlock()})
			}
			return client.WriteContinuation(1, false, bytes.Repeat([]byte{0x40, 0x01, 'a', 0x01, 'b'}, 200))
		},
	} {
		release := make(chan bool)
		h := newHarness(t, options{protocol: http2, tenant: func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				<-release
			}
		}})
		go func() {
			for range h.exchanges {
			}
		}()
		before := runtime.NumGoroutine()
		client := h.dialHTTP2Discarding()
		for i := range many {
			if flood(client, i) != nil {
				break // the gateway has closed the connection
			}
		}
		// One connection may have 250 streams open. Each needs some goroutines in the
		// gateway and in the tenant.
		if grown := runtime.NumGoroutine() - before; grown > 250*8 {
			t.Errorf("%s: %d more goroutines, want at most %d", name, grown, 250*8)
		}
		if got := h.send(request("GET /", "Origin: "+listed)); got.StatusCode != 200 {
			t.Errorf("%s: other client got status %d, want 200", name, got.StatusCode)
		}
		client.conn.Close()
		close(release)
	}
}
