package proxy_test

import (
	"fmt"
	"strings"
	"testing"

	"originwarden/proxy"
)

func TestGateway_ForwardsSchemeOfClient(t *testing.T) {
	rows := []struct {
		rule      string
		protocol  protocol
		untrusted bool
		lines     []string
		want      string
	}{
		{"listener without TLS", http1, false, nil, "http"},
		{"listener with TLS", http1TLS, false, nil, "https"},
		{"listener with HTTP/2", http2, false, nil, "https"},
		{"trusted proxy", http1, false, []string{"X-Forwarded-Proto: https"}, "https"},
		{"trusted proxy over TLS", http1TLS, false, []string{"X-Forwarded-Proto: http"}, "http"},
		{"untrusted client", http1, true, []string{"X-Forwarded-Proto: https"}, "http"},
		{"untrusted client over TLS", http1TLS, true, []string{"X-Forwarded-Proto: http"}, "https"},
		{"upper case", http1, false, []string{"X-Forwarded-Proto: HTTPS"}, "https"},
		{"wss", http1, false, []string{"X-Forwarded-Proto: wss"}, "https"},
		{"ws over TLS", http1TLS, false, []string{"X-Forwarded-Proto: ws"}, "http"},
		{"rightmost value is used", http1, false, []string{"X-Forwarded-Proto: http, https"}, "https"},
		{"leftmost value is ignored", http1, false, []string{"X-Forwarded-Proto: https,http"}, "http"},
		{"last line is used", http1, false, []string{"X-Forwarded-Proto: http", "X-Forwarded-Proto: https"}, "https"},
		{"rightmost value of last line", http1, false, []string{"X-Forwarded-Proto: http", "X-Forwarded-Proto: http , WSS "}, "https"},
		{"unknown rightmost value", http1, false, []string{"X-Forwarded-Proto: https, gopher"}, "http"},
		{"empty rightmost value", http1, false, []string{"X-Forwarded-Proto: https,"}, "http"},
		{"unknown value over TLS", http1TLS, false, []string{"X-Forwarded-Proto: gopher"}, "https"},
		{"empty value over TLS", http1TLS, false, []string{"X-Forwarded-Proto:"}, "https"},
	}
	for _, row := range rows {
		h := newHarness(t, options{protocol: row.protocol, config: func(c *proxy.Config) {
			if !row.untrusted {
				trustLoopback(c)
			}
		}})
		h.send(request("GET /", append(row.lines, "Origin: "+listed)...))
		saw := h.tenantRequests()
		if len(saw) != 1 || strings.Join(saw[0].Header["X-Forwarded-Proto"], " and ") != row.want {
			t.Errorf("%s: tenant received %v, want X-Forwarded-Proto %s", row.rule, saw, row.want)
		}
		if got := h.send(request("GET /api/v1/web-integrations", row.lines...)); !strings.Contains(got.body, fmt.Sprint(" ", row.want, "://acme.example ")) {
			t.Errorf("%s: API response %q, want scheme %s", row.rule, got.body, row.want)
		}
	}
}
