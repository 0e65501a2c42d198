package proxy_test

import (
	"slices"
	"testing"
	"time"

	"originwarden/proxy"
)

// Each tenant says to browsers what its own CORS says, also after a change, and the
// others what Config.CORS says.
func TestGateway_AppliesCORSOfTenant(t *testing.T) {
	own := &proxy.CORS{Methods: []string{"GET", "PURGE"}, ExposeHeaders: []string{"X-Own"}, MaxAge: time.Minute}
	rows := []struct {
		rule, raw  string
		acme, none []string // with own, and without
	}{
		{rule: "actual request", raw: request("GET /", "Origin: "+listed),
			acme: []string{"Access-Control-Allow-Origin: " + listed, "Access-Control-Expose-Headers: X-Own", "Vary: Origin"},
			none: allowedCORS(listed)},
		{rule: "preflight", raw: request("OPTIONS /", "Origin: "+listed, "Access-Control-Request-Method: GET"),
			acme: []string{"Access-Control-Allow-Methods: GET, PURGE", "Access-Control-Allow-Origin: " + listed, "Access-Control-Expose-Headers: X-Own", "Access-Control-Max-Age: 60",
				"Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers"},
			none: []string{"Access-Control-Allow-Credentials: true", "Access-Control-Allow-Methods: GET, HEAD, POST, PUT", "Access-Control-Allow-Origin: " + listed,
				"Access-Control-Expose-Headers: " + expose, "Access-Control-Max-Age: 600",
				"Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}},
		{rule: "refusal", raw: request("GET /", "Origin: "+unlisted), acme: onlyVary(), none: onlyVary()},
		{rule: "tenant without its own", raw: request("GET /", "Host: empty.example", "Origin: "+public), acme: allowedCORS(public), none: allowedCORS(public)},
		{rule: "unknown host", raw: request("GET /", "Host: unknown.example", "Origin: "+listed), acme: onlyVary(), none: onlyVary()},
	}
	for _, lane := range []string{"fast", "reference"} {
		h := newReconfigurable(t, options{lane: lane})
		for _, step := range []*proxy.CORS{nil, own, nil, own} {
			h.reconfigure(func(c *proxy.Config) { c.Tenants[0].CORS = step })
			for _, row := range rows {
				want := row.none
				if step != nil {
					want = row.acme
				}
				got := h.send(row.raw).cors()
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Errorf("%s, %s, own %v: got %q, want %q", lane, row.rule, step != nil, got, want)
				}
			}
		}
	}
}
