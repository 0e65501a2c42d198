package proxy_test

import (
	"bufio"
	"io"
	"net"
	"slices"
	"testing"

	"originwarden/proxy"
)

// Names are compared in any case, but not by every peer.
func TestGateway_SpellsNamesAsPeersKnowThem(t *testing.T) {
	seen := make(chan []string, 1)
	w := newWorld(t, options{config: func(c *proxy.Config) {
		c.Tenants[0].Upstream = newRawTenant(t, func(conn net.Conn, from *bufio.Reader) {
			lines, _ := readHead(from)
			seen <- lines
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nETag: \"x\"\r\nWWW-Authenticate: Basic\r\nx-lower: 1\r\nX-MiXed: 2\r\nX-Mixed: 3\r\nSet-Cookie: a\r\nset-cookie: b\r\ncontent-length: 0\r\n\r\n")
		}).url
	}})
	got := w.sendRaw(request("GET /", "dnt: 1", "te: trailers", "Sec-Ch-Ua: x", "if-none-match: y", "soapaction: z", "X-Own: 1"))
	for _, name := range []string{"DNT", "TE", "Sec-CH-UA", "If-None-Match", "SOAPAction", "X-Own"} {
		if lines := <-seen; fieldOf(lines, name) == "" {
			t.Errorf("the tenant gets no %s: %q", name, lines)
			seen <- lines
		} else {
			seen <- lines
		}
	}
	if want := []string{"Content-Length", "ETag", "Set-Cookie", "Set-Cookie", "Vary", "WWW-Authenticate", "X-MiXed", "X-MiXed", "x-lower"}; !slices.Equal(namesOf(got), want) {
		t.Errorf("the client gets %q, want %q", namesOf(got), want)
	}
}

// RFC 6455 spells them so, and some clients and servers compare bytes.
func TestGateway_SpellsAHandshakeAsItsStandard(t *testing.T) {
	for rule, row := range map[string]struct{ asks, answers []string }{
		"as the standard": {[]string{"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: a", "Sec-WebSocket-Extensions: b"},
			[]string{"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "Sec-WebSocket-Protocol: a", "Sec-WebSocket-Extensions: b"}},
		"in another case": {[]string{"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-version: 13", "sec-websocket-protocol: a", "sec-websocket-extensions: b"},
			[]string{"Sec-Websocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "sec-websocket-protocol: a", "SEC-WEBSOCKET-EXTENSIONS: b"}},
	} {
		seen := make(chan []string, 1)
		w := newWorld(t, options{config: func(c *proxy.Config) {
			c.Tenants[0].Upstream = newRawTenant(t, func(conn net.Conn, from *bufio.Reader) {
				lines, _ := readHead(from)
				seen <- lines
				io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+row.answers[0]+"\r\n"+row.answers[1]+"\r\n"+row.answers[2]+"\r\n\r\n")
			}).url
		}})
		got := w.sendRaw(request("GET /", append(row.asks, "Connection: Upgrade", "Upgrade: websocket")...))
		lines := <-seen
		for _, name := range []string{"Key", "Version", "Protocol", "Extensions"} {
			if fieldOf(lines, "Sec-WebSocket-"+name) == "" {
				t.Errorf("%s: the tenant gets no Sec-WebSocket-%s: %q", rule, name, lines)
			}
		}
		for _, name := range []string{"Accept", "Protocol", "Extensions"} {
			if fieldOf(got, "Sec-WebSocket-"+name) == "" {
				t.Errorf("%s: the client gets no Sec-WebSocket-%s: %q", rule, name, got)
			}
		}
	}
}

// What the gateway says itself has the names of the standards too.
func TestGateway_SpellsItsOwnAnswers(t *testing.T) {
	w := newWorld(t, options{})
	if got := w.sendRaw(request("GET /", "Origin: "+unlisted)); fieldOf(got, "Cache-Control") != "no-store" || fieldOf(got, "Date") == "" {
		t.Errorf("%q", got)
	}
}
