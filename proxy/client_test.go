package proxy_test

import (
	"fmt"
	"strings"
	"testing"

	"originwarden/proxy"
)

func TestGateway_TellsTheSchemeThatTheClientUsed(t *testing.T) {
	rows := []struct {
		rule      string
		protocol  protocol
		untrusted bool
		lines     []string
		want      string
	}{
		{"the listener's", http1, false, nil, "http"},
		{"the listener's by TLS", http1TLS, false, nil, "https"},
		{"the listener's by HTTP/2", http2, false, nil, "https"},
		{"a trusted proxy's", http1, false, []string{"X-Forwarded-Proto: https"}, "https"},
		{"a trusted proxy's by TLS", http1TLS, false, []string{"X-Forwarded-Proto: http"}, "http"},
		{"nobody else's", http1, true, []string{"X-Forwarded-Proto: https"}, "http"},
		{"nobody else's by TLS", http1TLS, true, []string{"X-Forwarded-Proto: http"}, "https"},
		{"in any case", http1, false, []string{"X-Forwarded-Proto: HTTPS"}, "https"},
		{"of a WebSocket", http1, false, []string{"X-Forwarded-Proto: wss"}, "https"},
		{"of a WebSocket without TLS", http1TLS, false, []string{"X-Forwarded-Proto: ws"}, "http"},
		{"the rightmost of several", http1, false, []string{"X-Forwarded-Proto: http, https"}, "https"},
		{"not the leftmost", http1, false, []string{"X-Forwarded-Proto: https,http"}, "http"},
		{"the last of several lines", http1, false, []string{"X-Forwarded-Proto: http", "X-Forwarded-Proto: https"}, "https"},
		{"the rightmost of the last line", http1, false, []string{"X-Forwarded-Proto: http", "X-Forwarded-Proto: http , WSS "}, "https"},
		{"not what is left of one that is none", http1, false, []string{"X-Forwarded-Proto: https, gopher"}, "http"},
		{"not what is left of an empty one", http1, false, []string{"X-Forwarded-Proto: https,"}, "http"},
		{"not what is none", http1TLS, false, []string{"X-Forwarded-Proto: gopher"}, "https"},
		{"not an empty one", http1TLS, false, []string{"X-Forwarded-Proto:"}, "https"},
	}
	for _, row := range rows {
		w := newWorld(t, options{protocol: row.protocol, config: func(c *proxy.Config) {
			if !row.untrusted {
				trustLoopback(c)
			}
		}})
		w.send(request("GET /", append(row.lines, "Origin: "+listed)...))
		saw := w.tenantSaw()
		if len(saw) != 1 || strings.Join(saw[0].Header["X-Forwarded-Proto"], " and ") != row.want {
			t.Errorf("%s: the tenant saw %v, want %s", row.rule, saw, row.want)
		}
		if got := w.send(request("GET /api/v1/web-integrations", row.lines...)); !strings.Contains(got.body, fmt.Sprint(" ", row.want, "://acme.example ")) {
			t.Errorf("%s: the API saw %s, want %s", row.rule, got.body, row.want)
		}
	}
}
