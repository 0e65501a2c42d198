package proxy_test

import (
	"bufio"
	"io"
	"net"
	"slices"
	"testing"

	"originwarden/proxy"
)

// Field names are case-insensitive, but not for every peer.
func TestGateway_SpellsFieldNamesAsPeersExpect(t *testing.T) {
	seen := make(chan []string, 1)
	h := newHarness(t, options{config: func(c *proxy.Config) {
		c.Tenants[0].Upstream = newRawTenant(t, func(conn net.Conn, from *bufio.Reader) {
			lines, _ := readHead(from)
			seen <- lines
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nETag: \"x\"\r\nWWW-Authenticate: Basic\r\nx-lower: 1\r\nX-MiXed: 2\r\nX-Mixed: 3\r\nSet-Cookie: a\r\nset-cookie: b\r\ncontent-length: 0\r\n\r\n")
		}).url
	}})
	got := h.sendRaw(request("GET /", "dnt: 1", "te: trailers", "Sec-Ch-Ua: x", "if-none-match: y", "soapaction: z", "X-Own: 1"))
	for _, name := range []string{"DNT", "TE", "Sec-CH-UA", "If-None-Match", "SOAPAction", "X-Own"} {
		if lines := <-seen; fieldValue(lines, name) == "" {
			t.Errorf("tenant received no %s: %q", name, lines)
			seen <- lines
		} else {
			seen <- lines
		}
	}
	if want := []string{"Content-Length", "ETag", "Set-Cookie", "Set-Cookie", "Vary", "WWW-Authenticate", "X-MiXed", "X-MiXed", "x-lower"}; !slices.Equal(fieldNames(got), want) {
		t.Errorf("client received %q, want %q", fieldNames(got), want)
	}
}

// Some clients and servers compare field names byte for byte with RFC 6455.
func TestGateway_SpellsHandshakeAsRFC6455(t *testing.T) {
	for rule, row := range map[string]struct{ request, response []string }{
		"as in RFC 6455": {[]string{"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: a", "Sec-WebSocket-Extensions: b"},
			[]string{"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "Sec-WebSocket-Protocol: a", "Sec-WebSocket-Extensions: b"}},
		"other case": {[]string{"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-version: 13", "sec-websocket-protocol: a", "sec-websocket-extensions: b"},
			[]string{"Sec-Websocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "sec-websocket-protocol: a", "SEC-WEBSOCKET-EXTENSIONS: b"}},
	} {
		seen := make(chan []string, 1)
		h := newHarness(t, options{config: func(c *proxy.Config) {
			c.Tenants[0].Upstream = newRawTenant(t, func(conn net.Conn, from *bufio.Reader) {
				lines, _ := readHead(from)
				seen <- lines
				io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+row.response[0]+"\r\n"+row.response[1]+"\r\n"+row.response[2]+"\r\n\r\n")
			}).url
		}})
		got := h.sendRaw(request("GET /", append(row.request, "Connection: Upgrade", "Upgrade: websocket")...))
		lines := <-seen
		for _, name := range []string{"Key", "Version", "Protocol", "Extensions"} {
			if fieldValue(lines, "Sec-WebSocket-"+name) == "" {
				t.Errorf("%s: tenant received no Sec-WebSocket-%s: %q", rule, name, lines)
			}
		}
		for _, name := range []string{"Accept", "Protocol", "Extensions"} {
			if fieldValue(got, "Sec-WebSocket-"+name) == "" {
				t.Errorf("%s: client received no Sec-WebSocket-%s: %q", rule, name, got)
			}
		}
	}
}

func TestGateway_SpellsFieldNamesOfItsResponses(t *testing.T) {
	h := newHarness(t, options{})
	if got := h.sendRaw(request("GET /", "Origin: "+unlisted)); fieldValue(got, "Cache-Control") != "no-store" || fieldValue(got, "Date") == "" {
		t.Errorf("response %q, want Cache-Control: no-store and Date", got)
	}
}
