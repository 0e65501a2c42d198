package proxy_test

import (
	"net/http"
	"strings"
	"testing"

	"originwarden/origins"
	"originwarden/proxy"
)

func TestGateway_ReportsRefusedOriginWithHostOfRequest(t *testing.T) {
	rows := []struct {
		rule, origin, host string
		own                bool
	}{
		{"https with default port", "https://own.example", "own.example", true},
		{"http with default port", "http://own.example", "own.example", true},
		{"same port", "http://own.example:8080", "own.example:8080", true},
		{"default port of https in Host", "https://own.example", "own.example:443", true},
		{"default port of http in Host", "http://own.example", "own.example:80", true},
		{"upper-case Host", "https://own.example", "OWN.example", true},
		{"IPv4 address", "http://192.0.2.7:8080", "192.0.2.7:8080", true},
		{"IPv6 address", "http://[2001:db8::7]:8080", "[2001:db8::7]:8080", true},
		{"IPv6 address without port", "https://[2001:db8::7]", "[2001:db8::7]", true},
		{"empty port", "https://own.example", "own.example:", true},
		{"other host", "https://other.example.net", "own.example", false},
		{"subdomain", "https://www.own.example", "own.example", false},
		{"host with same suffix", "https://myown.example", "own.example", false},
		{"other port", "http://own.example:3000", "own.example:8080", false},
		{"port only in origin", "http://own.example:3000", "own.example", false},
		{"default port of other scheme", "http://own.example", "own.example:443", false},
		{"IPv6 port only in origin", "http://[2001:db8::7]:8080", "[2001:db8::7]", false},
		{"other scheme", "app://own.example", "own.example", false},
		{"null", "null", "own.example", false},
		{"public origin", public, "tenant.example", false},
		{"malformed origin", "HTTPS://own.example", "own.example", false},
	}
	for _, mode := range []proxy.Mode{proxy.Enforce, proxy.Headers, proxy.Report} {
		h := newHarness(t, options{mode: mode, config: func(c *proxy.Config) { c.Tenants[0].Hosts = nil }})
		for _, row := range rows {
			got := h.send(request("GET /own.js", "Host: "+row.host, "Origin: "+row.origin))
			if x := h.nextExchange(); x.OwnHost != row.own || row.own && x.Verdict != origins.Refused {
				t.Errorf("%s in mode %s: OwnHost %v, want %v; reason %s", row.rule, mode, x.OwnHost, row.own, x.Reason)
			}
			if hinted := strings.Contains(got.body, "public_origins"); mode == proxy.Enforce && hinted != row.own {
				t.Errorf("%s: hint %v, want %v: %s", row.rule, hinted, row.own, got.body)
			}
			if mode == proxy.Enforce && row.own && (got.StatusCode != http.StatusForbidden || strings.Contains(got.body, "example") || strings.Contains(got.body, "192.")) {
				t.Errorf("%s: status %d, want 403 and no host in the body: %s", row.rule, got.StatusCode, got.body)
			}
		}
	}
}

func TestGateway_ReportsOwnHostForWebIntegrationPreflightAndAPI(t *testing.T) {
	h := newHarness(t, options{})
	got := h.send(request("GET /?qlik-web-integration-id=first", "Origin: https://acme.example"))
	if x := h.nextExchange(); !x.OwnHost || got.code() != "origin_not_in_web_integration" || !strings.Contains(got.body, "public_origins") {
		t.Errorf("web integration: OwnHost %v, body %s", x.OwnHost, got.body)
	}
	got = h.send(request("OPTIONS /", "Origin: https://acme.example", "Access-Control-Request-Method: PUT"))
	if x := h.nextExchange(); !x.OwnHost || !strings.Contains(got.body, "public_origins") {
		t.Errorf("preflight: OwnHost %v, body %s", x.OwnHost, got.body)
	}
	got = h.send(request("GET /api/v1/web-integrations", "Origin: https://acme.example"))
	if x := h.nextExchange(); !x.OwnHost || !strings.Contains(got.body, "public_origins") {
		t.Errorf("API: OwnHost %v, body %s", x.OwnHost, got.body)
	}
}
