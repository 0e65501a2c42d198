package proxy_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"originwarden/origins"
	"originwarden/proxy"
)

// The client's bytes follow the prefix as they are.
func TestGateway_PutsPrefixBeforeRawTarget(t *testing.T) {
	for _, kind := range []string{"http", "https", "h2c"} {
		upstream := with(newUpstream(t, kind, describe), setPrefix("/base/v1"))
		h := newHarness(t, options{config: upstream})
		for _, row := range []struct{ target, want string }{
			{"/", "/base/v1/"},
			{"/x", "/base/v1/x"},
			{"/x/", "/base/v1/x/"},
			{"//x", "/base/v1//x"},
			{"//evil.example/x", "/base/v1//evil.example/x"},
			{"/base/v1/x", "/base/v1/base/v1/x"},
			{"/a/../b", "/base/v1/a/../b"},
			{"/a/./%2e/b//", "/base/v1/a/./%2e/b//"},
			{"/%2F;x=1,2?a=%zz&b;c", "/base/v1/%2F;x=1,2?a=%zz&b;c"},
			{"/?", "/base/v1/?"},
			{"/?next=/../x", "/base/v1/?next=/../x"},
			{"/%41%c3%BC", "/base/v1/%41%c3%BC"},
			{"/a:b@c!$&'()*+,;=~", "/base/v1/a:b@c!$&'()*+,;=~"},
			{"http://acme.example", "/base/v1/"},
			{"http://acme.example?x", "/base/v1/?x"},
			{"http://acme.example//x", "/base/v1//x"},
		} {
			got := h.send(request("GET " + row.target))
			if want := " GET " + row.want + " Host=acme.example "; got.StatusCode != 200 || !strings.Contains(got.body, want) {
				t.Errorf("%s: %s: status %d, the tenant got %s; want%s", kind, row.target, got.StatusCode, got.body, want)
			}
			if x := h.nextExchange(); !strings.HasPrefix(row.target, "http") && x.Path != strings.SplitN(row.target, "?", 2)[0] {
				t.Errorf("%s: the exchange has the path %s", row.target, x.Path)
			}
		}
	}
}

// A path that may lead out of the prefix is refused, in every mode.
func TestGateway_RefusesPathThatMayLeavePrefix(t *testing.T) {
	for _, mode := range []proxy.Mode{proxy.Enforce, proxy.Headers, proxy.Report} {
		h := newHarness(t, options{mode: mode, config: setPrefix("/base")})
		for _, target := range []string{
			"/..", "/../", "/../x", "/a/../../x", "/./../x", "//../x", "/a//../../x", "/.././x",
			"/%2e%2e/x", "/%2E./x", "/..%2fx", "/..%2Fx", "/a/..%2f..%2fx", "/%2e%2e%2fx", `/..\x`, `/a\..\..\x`, "/..%5cx", "/%5c../x",
			"/..;/x", "/..;a=b/x", "/a/..;x/..;y/z", "/;/../x", "/a/%2f../../x", "/..%3bx/y", "/a;x%2f..%2f../y",
			"/..%20/x", "/.../x", "/../x?y", "http://acme.example/../x",
		} {
			got := h.send(request("GET "+target, "Origin: "+listed))
			x := h.nextExchange()
			if saw := h.tenantRequests(); got.StatusCode != 400 || got.code() != "BAD_REQUEST" || x.Verdict != origins.Refused || len(saw) > 0 {
				t.Errorf("%v: %s: status %d, %s; want 400, and no request to the tenant: %v", mode, target, got.StatusCode, got.body, saw)
			}
		}
		for _, target := range []string{"/a/..", "/a/../", "/a/b/../../c", "/a/%2e%2e/c", "/..a/b", "/a..b", "/%2e/x", "/a%2fb/../c", "/x?/../..", "/a;b/../c", "/x%20/../y"} {
			if got := h.send(request("GET "+target, "Origin: "+listed)); got.StatusCode != 200 {
				t.Errorf("%v: %s: status %d, want 200", mode, target, got.StatusCode)
			}
			h.nextExchange()
		}
		h.tenantRequests()
	}
	h := newHarness(t, options{})
	if got := h.send(request("GET /../x")); got.StatusCode != 200 || h.tenantRequests()[0].Target != "/../x" {
		t.Errorf("without a prefix: status %d, want the path passed on", got.StatusCode)
	}
}

// The prefix is not part of what the gateway decides on, or answers itself.
func TestGateway_DecidesOnPathWithoutPrefix(t *testing.T) {
	for _, protocol := range protocols() {
		h := newHarness(t, options{protocol: protocol, config: setPrefix("/base")})
		for _, row := range []struct {
			rule, raw, sees string // what the tenant gets, or ""
			status          int
		}{
			{"exempt path", request("POST /callback", "Origin: null", "Content-Length: 0"), "POST /base/callback", 200},
			{"path that is exempt with its prefix", request("POST /base/callback", "Origin: null", "Content-Length: 0"), "", 403},
			{"the API", request("GET /api/v1/web-integrations"), "", 200},
			{"preflight", request("OPTIONS /x", "Origin: "+listed, "Access-Control-Request-Method: PUT"), "", 204},
			{"OPTIONS without Origin", request("OPTIONS /x"), "OPTIONS /base/x", 200},
		} {
			got := h.send(row.raw)
			sees := ""
			for _, r := range h.tenantRequests() {
				sees += r.Method + " " + r.Target
			}
			if got.StatusCode != row.status || sees != row.sees {
				t.Errorf("%s over %s: status %d, the tenant got %q; want %d, %q", row.rule, protocol, got.StatusCode, sees, row.status, row.sees)
			}
		}
	}
	h := newHarness(t, options{config: setPrefix("/base")})
	if got := h.send(request("OPTIONS *")); got.StatusCode != 204 || len(h.tenantRequests()) > 0 {
		t.Errorf("OPTIONS *: status %d, want the gateway's own 204", got.StatusCode)
	}
}

// Nothing in a response is rewritten: the tenant has to know its public paths.
func TestGateway_LeavesLocationAndCookiesWithPrefix(t *testing.T) {
	respond := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://"+r.Host+r.RequestURI)
		w.Header().Set("Set-Cookie", "a=b; Path=/base; Domain=up.example")
		w.WriteHeader(http.StatusFound)
	}
	for _, protocol := range protocols() {
		h := newHarness(t, options{protocol: protocol, tenant: respond, config: with(setPrefix("/base"), takeHostOfUpstream)})
		got := h.send(request("GET /x"))
		want := "http://" + h.tenantRequests()[0].Host + "/base/x"
		if got.Header.Get("Location") != want || got.Header.Get("Set-Cookie") != "a=b; Path=/base; Domain=up.example" {
			t.Errorf("%s: Location %q, Set-Cookie %q; want %q, and the tenant's", protocol, got.Header.Get("Location"), got.Header.Get("Set-Cookie"), want)
		}
	}
}

func takeHostOfUpstream(c *proxy.Config) { c.Tenants[0].HostOfUpstream = true }

// X-Forwarded-Host is the client's, whichever Host the tenant gets. The client's selects
// the tenant.
func TestGateway_SendsConfiguredHost(t *testing.T) {
	for _, kind := range upstreamKinds() {
		for _, protocol := range protocols() {
			upstream := newUpstream(t, kind, describe)
			var cfg proxy.Config
			for _, ofUpstream := range []bool{false, true} {
				h := newHarness(t, options{protocol: protocol, config: with(upstream, func(c *proxy.Config) {
					c.Tenants[0].HostOfUpstream = ofUpstream
					cfg = *c
				})})
				want := "acme.example:8443"
				if ofUpstream {
					want = map[bool]string{true: "localhost", false: cfg.Tenants[0].Upstream.Host}[kind == "unix"]
				}
				got := h.send(request("GET /", "Host: acme.example:8443", "X-Forwarded-Host: evil.example"))
				if want := fmt.Sprintf(" Host=%s Forwarded=acme.example:8443 ", want); !strings.Contains(got.body, want) {
					t.Errorf("%s from %s: the tenant got %s, want%s", kind, protocol, got.body, want)
				}
			}
		}
	}
	h := newHarness(t, options{config: takeHostOfUpstream})
	if got := h.send(request("GET /", "Host: unknown.example")); got.StatusCode != 421 || len(h.tenantRequests()) > 0 {
		t.Errorf("unknown host: status %d, want 421", got.StatusCode)
	}
}
