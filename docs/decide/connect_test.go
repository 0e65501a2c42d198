package decide_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Of these products, only HAProxy has WebSockets over HTTP/2 (RFC 8441). They are not
// taken for a GET of the public path.
func TestDecide_WebSocketsOverHTTP2AreDecided(t *testing.T) {
	t.Parallel()
	d := startDeployment(t, haproxy, publicPaths)
	d.gateway.list(t, "shop", shop)
	for origin, want := range map[string]string{shop: "200 hi", partner: "403", "null": "403", "": "200 hi"} {
		d.application.take()
		if got := d.connectHTTP2(t, origin); got != want {
			t.Errorf("origin %q: %s, want %s", origin, got, want)
		}
		if reached := len(d.application.take()); (reached > 0) != (want != "403") {
			t.Errorf("origin %q: %d requests reached the application", origin, reached)
		}
	}
}

// connectHTTP2 opens a WebSocket and sends a frame with "hi". It returns the status and
// the payload of the echo.
func (d *deployment) connectHTTP2(t *testing.T, origin string) string {
	t.Helper()
	connection, framer := d.startHTTP2(t, encodeConnect(origin), false)
	defer connection.Close()
	status := ""
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		switch f := frame.(type) {
		case *http2.MetaHeadersFrame:
			if status = f.PseudoValue("status"); status != "200" {
				return status
			}
			framer.WriteData(1, false, []byte("\x81\x82\x00\x00\x00\x00hi")) // masked with zeros
		case *http2.DataFrame:
			return fmt.Sprintf("%s %s", status, bytes.TrimPrefix(f.Data(), []byte("\x81\x02")))
		}
	}
}

// startHTTP2 sends a header on a new connection, as stream 1.
func (d *deployment) startHTTP2(t *testing.T, header []byte, endsStream bool) (*tls.Conn, *http2.Framer) {
	t.Helper()
	connection, err := tls.Dial("tcp", d.edge, &tls.Config{InsecureSkipVerify: true, ServerName: host, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	connection.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(connection, http2.ClientPreface)
	framer := http2.NewFramer(connection, connection)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	framer.WriteSettings()
	framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: header, EndHeaders: true, EndStream: endsStream})
	return connection, framer
}

// encodeConnect returns the header of a handshake.
func encodeConnect(origin string) []byte {
	return encodeHeader(":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":authority", host, ":path", "/public/events",
		"sec-websocket-version", "13", "origin", origin)
}

// encodeHeader encodes names, each with its value, unless that is empty.
func encodeHeader(fields ...string) []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for i := 0; i < len(fields); i += 2 {
		if fields[i+1] != "" {
			encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
		}
	}
	return block.Bytes()
}
