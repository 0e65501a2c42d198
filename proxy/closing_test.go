package proxy_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"originwarden/proxy"
)

// After CloseConnections, every response over HTTP/1.1 ends its connection, the
// gateway's own too.
func TestCloseConnections_EndsEachConnectionWithItsNextResponse(t *testing.T) {
	responses := map[string]string{
		"forwarded":    request("GET /", "Origin: "+listed),
		"refused":      request("GET /", "Origin: "+unlisted),
		"preflight":    request("OPTIONS /", "Origin: "+listed, "Access-Control-Request-Method: PUT"),
		"of the API":   request("GET /api/v1/web-integrations"),
		"unknown host": request("GET /", "Host: unknown.example"),
	}
	for _, speaks := range protocols() {
		w := newWorld(t, options{protocol: speaks})
		for name, raw := range responses {
			if got := w.send(raw); got.Close {
				t.Errorf("%s, %s: the connection ends before CloseConnections", speaks, name)
			}
		}
		w.proxy.CloseConnections()
		for name, raw := range responses {
			if got := w.send(raw); got.Close != (speaks != http2) {
				t.Errorf("%s, %s: the connection ends: %t", speaks, name, got.Close)
			}
		}
	}
}

// Only a refusal shows the nearest entry: not a failure of the tenant, for an
// origin that the mode lets pass.
func TestGateway_ShowsTheNearestEntryInRefusalsAlone(t *testing.T) {
	const near = "https://app.example.com:8443"
	for mode, want := range map[proxy.Mode]int{proxy.Enforce: http.StatusForbidden, proxy.Headers: http.StatusBadGateway, proxy.Report: http.StatusBadGateway} {
		w := newWorld(t, options{mode: mode, config: func(c *proxy.Config) {
			c.Tenants[0].Debug = true
			c.Tenants[0].Upstream = &url.URL{Scheme: "http", Host: "127.0.0.1:1"} // nobody listens
		}})
		got := w.send(request("GET /", "Origin: "+near))
		if got.StatusCode != want || strings.Contains(got.body, `"nearest"`) != (mode == proxy.Enforce) {
			t.Errorf("%s: %d %s", mode, got.StatusCode, got.body)
		}
		if x := w.observed(); x.Nearest.Entry != listed {
			t.Errorf("%s: the nearest entry is %q", mode, x.Nearest.Entry)
		}
	}
}
