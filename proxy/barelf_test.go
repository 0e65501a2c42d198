package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"testing"
)

// A head with a line that ends in LF alone is answered when it is complete, and that
// of a client that speaks TLS at once: neither waits for a CR that never comes.
func TestGateway_AnswersHeadWithBareLF(t *testing.T) {
	const clientHello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x0a\x00\x04"
	for _, row := range []struct {
		rule, head string
		status     int
	}{
		{"TLS", clientHello, 400},
		{"LF after each line", "GET / HTTP/1.1\nHost: acme.example\n\n", 200},
		{"LF after the last line", "GET / HTTP/1.1\r\nHost: acme.example\n\n", 200},
		{"LF after an empty line", "GET / HTTP/1.1\r\nHost: acme.example\r\n\n", 200},
	} {
		for _, before := range []string{"", request("GET /"), request("POST /", "Content-Length: 0")} {
			rule := fmt.Sprintf("%s after %q", row.rule, before)
			h := newHarness(t, options{})
			conn := h.dial()
			reader := bufio.NewReader(conn)
			if before != "" {
				io.WriteString(conn, before)
				h.read(reader, "GET")
			}
			io.WriteString(conn, row.head)
			if got := h.read(reader, "GET"); got.StatusCode != row.status {
				t.Errorf("%s: status %d, want %d", rule, got.StatusCode, row.status)
			}
		}
	}
}
