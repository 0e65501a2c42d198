package proxy_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"originwarden/proxy"
)

// After CloseConnections, every HTTP/1.1 response closes its connection, including the
// gateway's own responses.
func TestCloseConnections_ClosesConnectionAfterNextResponse(t *testing.T) {
	requests := map[string]string{
		"forwarded":    request("GET /", "Origin: "+listed),
		"refused":      request("GET /", "Origin: "+unlisted),
		"preflight":    request("OPTIONS /", "Origin: "+listed, "Access-Control-Request-Method: PUT"),
		"API":          request("GET /api/v1/web-integrations"),
		"unknown host": request("GET /", "Host: unknown.example"),
	}
	for _, protocol := range protocols() {
		h := newHarness(t, options{protocol: protocol})
		for name, raw := range requests {
			if got := h.send(raw); got.Close {
				t.Errorf("%s, %s: connection closed before CloseConnections", protocol, name)
			}
		}
		h.proxy.CloseConnections()
		for name, raw := range requests {
			if got := h.send(raw); got.Close != (protocol != http2) {
				t.Errorf("%s, %s: connection closed: %t, want %t", protocol, name, got.Close, protocol != http2)
			}
		}
	}
}

// Only refusals contain the nearest entry. An upstream failure does not, although the
// mode allows an unlisted origin.
func TestGateway_ShowsNearestEntryOnlyInRefusals(t *testing.T) {
	const near = "https://app.example.com:8443"
	for mode, want := range map[proxy.Mode]int{proxy.Enforce: http.StatusForbidden, proxy.Headers: http.StatusBadGateway, proxy.Report: http.StatusBadGateway} {
		h := newHarness(t, options{mode: mode, config: func(c *proxy.Config) {
			c.Tenants[0].Debug = true
			c.Tenants[0].Upstream = &url.URL{Scheme: "http", Host: "127.0.0.1:1"} // nothing listens there
		}})
		got := h.send(request("GET /", "Origin: "+near))
		if got.StatusCode != want || strings.Contains(got.body, `"nearest"`) != (mode == proxy.Enforce) {
			t.Errorf("%s: status %d, want %d: %s", mode, got.StatusCode, want, got.body)
		}
		if x := h.nextExchange(); x.Nearest.Entry != listed {
			t.Errorf("%s: nearest entry %q, want %q", mode, x.Nearest.Entry, listed)
		}
	}
}
