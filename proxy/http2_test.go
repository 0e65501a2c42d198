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

// attacker speaks HTTP/2 by the frame.
type attacker struct {
	*h2.Framer
	conn *tls.Conn
}

// speak opens a connection of HTTP/2 that ends with the test.
func (w *world) speak() attacker {
	w.t.Helper()
	config := w.gateway.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.NextProtos = []string{"h2"}
	conn, err := tls.Dial("tcp", w.gateway.Listener.Addr().String(), config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(conn, h2.ClientPreface)
	a := attacker{h2.NewFramer(conn, conn), conn}
	a.WriteSettings()
	return a
}

// attack is speak for whoever floods, and reads too.
func (w *world) attack() attacker {
	w.t.Helper()
	a := w.speak()
	go io.Copy(io.Discard, a.conn)
	return a
}

// ask sends one request of the given names and values, and returns its status.
func (a attacker) ask(t *testing.T, fields []string) (status string) {
	t.Helper()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for pair := range slices.Chunk(fields, 2) {
		encoder.WriteField(hpack.HeaderField{Name: pair[0], Value: pair[1]})
	}
	a.WriteHeaders(h2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true})
	a.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	for {
		frame, err := a.ReadFrame()
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

// headers is a block for a request of a listed origin, with more fields.
func headers(more ...hpack.HeaderField) []byte { return headersTo("/slow", more...) }

func headersTo(path string, more ...hpack.HeaderField) []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, f := range append([]hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"},
		{Name: ":authority", Value: "acme.example"}, {Name: ":path", Value: path}, {Name: "origin", Value: listed}}, more...) {
		encoder.WriteField(f)
	}
	return block.Bytes()
}

// Floods of frames that cost the sender little are bounded: the connection is
// closed, or what it can cause is.
func TestGateway_OutlivesFloodsOfHTTP2(t *testing.T) {
	const many = 10_000
	open := func(a attacker, i int) error {
		return a.WriteHeaders(h2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: headers(), EndHeaders: true, EndStream: true})
	}
	for name, flood := range map[string]func(a attacker, i int) error{
		"streams": open,
		"rapid resets": func(a attacker, i int) error {
			if err := open(a, i); err != nil {
				return err
			}
			return a.WriteRSTStream(uint32(2*i+1), h2.ErrCodeCancel)
		},
		"settings": func(a attacker, _ int) error { return a.WriteSettings() },
		"pings":    func(a attacker, _ int) error { return a.WritePing(false, [8]byte{}) },
		"continuations": func(a attacker, i int) error {
			if i == 0 {
				return a.WriteHeaders(h2.HeadersFrameParam{StreamID: 1, BlockFragment: headers()})
			}
			return a.WriteContinuation(1, false, headers()[:0])
		},
		"headers without end": func(a attacker, i int) error {
			if i == 0 {
				return a.WriteHeaders(h2.HeadersFrameParam{StreamID: 1, BlockFragment: headers()})
			}
			return a.WriteContinuation(1, false, bytes.Repeat([]byte{0x40, 0x01, 'a', 0x01, 'b'}, 200))
		},
	} {
		release := make(chan bool)
		w := newWorld(t, options{protocol: http2, tenant: func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				<-release
			}
		}})
		go func() {
			for range w.exchanges {
			}
		}()
		before := runtime.NumGoroutine()
		a := w.attack()
		for i := range many {
			if flood(a, i) != nil {
				break // the gateway has closed the connection
			}
		}
		// Some goroutines stand for each of the 250 streams that one connection
		// may have open, on our side and on the tenant's.
		if grown := runtime.NumGoroutine() - before; grown > 250*8 {
			t.Errorf("%s: %d goroutines more", name, grown)
		}
		if got := w.send(request("GET /", "Origin: "+listed)); got.StatusCode != 200 {
			t.Errorf("%s: another client got %d", name, got.StatusCode)
		}
		a.conn.Close()
		close(release)
	}
}
