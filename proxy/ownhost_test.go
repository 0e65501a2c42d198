package proxy_test

import (
	"net/http"
	"strings"
	"testing"

	"originwarden/origins"
	"originwarden/proxy"
)

func TestGateway_SaysWhenARefusedOriginHasTheHostOfItsRequest(t *testing.T) {
	rows := []struct {
		rule, origin, host string
		own                bool
	}{
		{"https at its default port", "https://own.example", "own.example", true},
		{"http at its default port", "http://own.example", "own.example", true},
		{"the same port", "http://own.example:8080", "own.example:8080", true},
		{"the default port in Host", "https://own.example", "own.example:443", true},
		{"the default port of http in Host", "http://own.example", "own.example:80", true},
		{"another case of Host", "https://own.example", "OWN.example", true},
		{"an address", "http://192.0.2.7:8080", "192.0.2.7:8080", true},
		{"an address of IPv6", "http://[2001:db8::7]:8080", "[2001:db8::7]:8080", true},
		{"an address of IPv6 without a port", "https://[2001:db8::7]", "[2001:db8::7]", true},
		{"an empty port", "https://own.example", "own.example:", true},
		{"another host", "https://other.example.net", "own.example", false},
		{"a host below", "https://www.own.example", "own.example", false},
		{"a host that ends so", "https://myown.example", "own.example", false},
		{"another port", "http://own.example:3000", "own.example:8080", false},
		{"a port where Host has none", "http://own.example:3000", "own.example", false},
		{"the other default port", "http://own.example", "own.example:443", false},
		{"the port of IPv6", "http://[2001:db8::7]:8080", "[2001:db8::7]", false},
		{"another scheme", "app://own.example", "own.example", false},
		{"none at all", "null", "own.example", false},
		{"a public origin", public, "tenant.example", false},
		{"one that is malformed", "HTTPS://own.example", "own.example", false},
	}
	for _, mode := range []proxy.Mode{proxy.Enforce, proxy.Headers, proxy.Report} {
		w := newWorld(t, options{mode: mode, config: func(c *proxy.Config) { c.Tenants[0].Hosts = nil }})
		for _, row := range rows {
			got := w.send(request("GET /own.js", "Host: "+row.host, "Origin: "+row.origin))
			if x := w.observed(); x.OwnHost != row.own || row.own && x.Verdict != origins.Refused {
				t.Errorf("%s in %s: own host is %v, %s", row.rule, mode, x.OwnHost, x.Reason)
			}
			if told := strings.Contains(got.body, "public_origins"); mode == proxy.Enforce && told != row.own {
				t.Errorf("%s: %s", row.rule, got.body)
			}
			if mode == proxy.Enforce && row.own && (got.StatusCode != http.StatusForbidden || strings.Contains(got.body, "example") || strings.Contains(got.body, "192.")) {
				t.Errorf("%s: %d %s", row.rule, got.StatusCode, got.body)
			}
		}
	}
}

func TestGateway_SaysSoOfAWebIntegrationThatDoesNotListIt(t *testing.T) {
	w := newWorld(t, options{})
	got := w.send(request("GET /?qlik-web-integration-id=first", "Origin: https://acme.example"))
	if x := w.observed(); !x.OwnHost || got.code() != "origin_not_in_web_integration" || !strings.Contains(got.body, "public_origins") {
		t.Errorf("%v, %s", x.OwnHost, got.body)
	}
	got = w.send(request("OPTIONS /", "Origin: https://acme.example", "Access-Control-Request-Method: PUT"))
	if x := w.observed(); !x.OwnHost || !strings.Contains(got.body, "public_origins") {
		t.Errorf("a preflight: %v, %s", x.OwnHost, got.body)
	}
	got = w.send(request("GET /api/v1/web-integrations", "Origin: https://acme.example"))
	if x := w.observed(); !x.OwnHost || !strings.Contains(got.body, "public_origins") {
		t.Errorf("at the API: %v, %s", x.OwnHost, got.body)
	}
}
