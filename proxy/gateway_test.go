package proxy_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"originwarden/lists"
	"originwarden/lists/liststest"
	"originwarden/origins"
	"originwarden/proxy"
)

// percentEncode returns s with every byte percent-encoded.
func percentEncode(s string) (e string) {
	for i := range len(s) {
		e += fmt.Sprintf("%%%02x", s[i])
	}
	return e
}

func TestGateway_DecidesActualRequests(t *testing.T) {
	rows := []struct {
		rule    string
		raw     string
		status  int
		cors    []string
		code    string // error code of a refusal
		reason  string
		forward bool
	}{
		{"listed origin", request("GET /a", "Origin: "+listed), 200, allowedCORS(listed), "", "listed", true},
		{"listed origin with unusual method", request("PURGE /a", "Origin: "+listed), 200, allowedCORS(listed), "", "listed", true},
		{"OPTIONS without Access-Control-Request-Method", request("OPTIONS /a", "Origin: "+listed), 200, allowedCORS(listed), "", "listed", true},
		{"OPTIONS without origin", request("OPTIONS /a", "Access-Control-Request-Method: PUT"), 200, onlyVary(), "", "no_origin", true},
		{"GET with Access-Control-Request-Method", request("GET /a", "Origin: "+listed, "Access-Control-Request-Method: TRACE"), 200, allowedCORS(listed), "", "listed", true},
		{"HEAD", request("HEAD /a", "Origin: "+listed), 200, allowedCORS(listed), "", "listed", true},
		{"no origin", request("GET /a"), 200, onlyVary(), "", "no_origin", true},
		{"public origin is same-origin", request("GET /a", "Origin: "+public), 200, allowedCORS(public), "", "same_origin", true},
		{"null origin of same-origin form", request("POST /a", "Origin: null", "Sec-Fetch-Site: same-origin", "Content-Length: 0"), 200, onlyVary(), "", "same_origin", true},
		{"POST to exempt path", request("POST /callback", "Origin: null", "Content-Length: 0"), 200, onlyVary(), "", "path_exempt", true},
		{"unlisted origin", request("GET /a", "Origin: "+unlisted), 403, onlyVary(), "origin_not_listed", "origin_not_listed", false},
		{"unlisted origin of OPTIONS without preflight headers", request("OPTIONS /a", "Origin: "+unlisted), 403, onlyVary(), "origin_not_listed", "origin_not_listed", false},
		{"opaque origin", request("GET /a", "Origin: null"), 403, onlyVary(), "origin_opaque", "origin_opaque", false},
		{"malformed origin", request("GET /a", "Origin: "+listed+"/"), 403, onlyVary(), "origin_malformed", "origin_malformed", false},
		{"empty origin", request("GET /a", "Origin:"), 403, onlyVary(), "origin_malformed", "origin_malformed", false},
		{"repeated origin", request("GET /a", "Origin: "+listed, "Origin: "+listed), 400, onlyVary(), "origin_repeated", "origin_repeated", false},
		{"two origins in one line", request("GET /a", "Origin: "+listed+", "+listed), 403, onlyVary(), "origin_malformed", "origin_malformed", false},
		{"web integration in header", request("GET /a", "Origin: "+listed, "qlik-web-integration-id: first"), 200, allowedCORS(listed), "", "listed", true},
		{"other web integration in header", request("GET /a", "Origin: "+listed, "qlik-web-integration-id: second"), 403, onlyVary(), "origin_not_in_web_integration", "origin_not_in_web_integration", false},
		{"unknown web integration in header", request("GET /a", "Origin: "+listed, "qlik-web-integration-id: third"), 403, onlyVary(), "web_integration_unknown", "web_integration_unknown", false},
		{"empty web integration in header", request("GET /a", "Origin: "+listed, "qlik-web-integration-id:"), 403, onlyVary(), "web_integration_unknown", "web_integration_unknown", false},
		{"web integration in query", request("GET /a?x=1&qlik-web-integration-id=first", "Origin: "+listed), 200, allowedCORS(listed), "", "listed", true},
		{"percent-encoded web integration in query", request("GET /a?qlik%2Dweb-integration-id=%66irst", "Origin: "+listed), 200, allowedCORS(listed), "", "listed", true},
		{"other web integration in query", request("GET /a?qlik-web-integration-id=second", "Origin: "+listed), 403, onlyVary(), "origin_not_in_web_integration", "origin_not_in_web_integration", false},
		{"empty web integration in query", request("GET /a?qlik-web-integration-id", "Origin: "+listed), 403, onlyVary(), "web_integration_unknown", "web_integration_unknown", false},
		{"invalid percent-encoding in query", request("GET /a?qlik-web-integration-id=first%zz", "Origin: "+listed), 403, onlyVary(), "web_integration_unknown", "web_integration_unknown", false},
		{"same web integration in header and query", request("GET /a?qlik-web-integration-id=first", "Origin: "+listed, "qlik-web-integration-id: first"), 200, allowedCORS(listed), "", "listed", true},
		{"different web integrations in header and query", request("GET /a?qlik-web-integration-id=first", "Origin: "+listed, "qlik-web-integration-id: second"), 403, onlyVary(), "web_integration_ambiguous", "web_integration_ambiguous", false},
		{"different web integrations in two header lines", request("GET /a", "Origin: "+listed, "qlik-web-integration-id: first", "qlik-web-integration-id: second"), 403, onlyVary(), "web_integration_ambiguous", "web_integration_ambiguous", false},
		{"different web integrations in query", request("GET /a?qlik-web-integration-id=first&x&qlik-web-integration-id=second", "Origin: "+listed), 403, onlyVary(), "web_integration_ambiguous", "web_integration_ambiguous", false},
		{"other web integration, every byte percent-encoded", request("GET /a?"+percentEncode("qlik-web-integration-id")+"="+percentEncode("second"), "Origin: "+listed), 403, onlyVary(), "origin_not_in_web_integration", "origin_not_in_web_integration", false},
		{"origin listed by another tenant", request("GET /a", "Host: empty.example", "Origin: "+listed), 403, onlyVary(), "origin_not_listed", "origin_not_listed", false},
		{"X-HTTP-Method-Override is forwarded", request("POST /a", "Origin: "+listed, "X-HTTP-Method-Override: DELETE", "Content-Length: 0"), 200, allowedCORS(listed), "", "listed", true},
		{"X-HTTP-Method-Override does not change the decision", request("GET /a", "Origin: "+unlisted, "X-HTTP-Method-Override: OPTIONS"), 403, onlyVary(), "origin_not_listed", "origin_not_listed", false},
	}
	for _, protocol := range protocols() {
		h := newHarness(t, options{protocol: protocol})
		for _, row := range rows {
			rule := fmt.Sprint(row.rule, " over ", protocol)
			got := h.send(row.raw)
			saw := h.tenantRequests()
			if got.StatusCode != row.status || len(saw) == 1 != row.forward {
				t.Errorf("%s: status %d, want %d; tenant received %v", rule, got.StatusCode, row.status, saw)
			}
			expectCORS(t, rule, got, row.cors)
			if row.code != "" && (got.code() != row.code || got.Header.Get("Cache-Control") != "no-store") {
				t.Errorf("%s: code %q, want %q; header %v, body %s", rule, got.code(), row.code, got.Header, got.body)
			}
			if x := h.nextExchange(); x.Reason != row.reason || x.Status != row.status || (x.UpstreamTime > 0) != row.forward {
				t.Errorf("%s: exchange %+v, want reason %q, status %d", rule, x, row.reason, row.status)
			}
		}
	}
}

func TestGateway_RespondsToPreflights(t *testing.T) {
	allowed := func(origin string, lines ...string) []string {
		all := append([]string{
			"Access-Control-Allow-Credentials: true",
			"Access-Control-Allow-Methods: GET, HEAD, POST, PUT",
			"Access-Control-Allow-Origin: " + origin,
			"Access-Control-Expose-Headers: " + expose,
			"Access-Control-Max-Age: 600",
			"Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
		}, lines...)
		slices.Sort(all)
		return all
	}
	preflight := func(origin, method string, more ...string) string {
		return request("OPTIONS /a", append([]string{"Origin: " + origin, "Access-Control-Request-Method: " + method}, more...)...)
	}
	rows := []struct {
		rule, raw string
		status    int
		cors      []string
		reason    string
	}{
		{"listed origin", preflight(listed, "PUT"), 204, allowed(listed), "listed"},
		{"public origin", preflight(public, "PUT"), 204, allowed(public), "same_origin"},
		{"requested headers are listed by name", preflight(listed, "PUT", "Access-Control-Request-Headers: authorization,content-type"), 204,
			allowed(listed, "Access-Control-Allow-Headers: authorization, content-type"), "listed"},
		{"requested headers are normalized", preflight(listed, "PUT", "Access-Control-Request-Headers: X-B ,, x-a,x-b", "Access-Control-Request-Headers: X-C"), 204,
			allowed(listed, "Access-Control-Allow-Headers: x-b, x-a, x-c"), "listed"},
		{"private network access is not granted", preflight(listed, "PUT", "Access-Control-Request-Private-Network: true"), 204, allowed(listed), "listed"},
		{"unlisted origin", preflight(unlisted, "PUT"), 403, onlyVary(), "origin_not_listed"},
		{"opaque origin", preflight("null", "PUT"), 403, onlyVary(), "origin_opaque"},
		{"repeated origin", preflight(listed, "PUT", "Origin: "+listed), 400, onlyVary(), "origin_repeated"},
		{"unlisted method", preflight(listed, "DELETE"), 403, onlyVary(), "method_not_allowed"},
		{"methods are case-sensitive", preflight(listed, "put"), 403, onlyVary(), "method_not_allowed"},
		{"empty method", preflight(listed, ""), 403, onlyVary(), "method_not_allowed"},
		{"method is not a token", preflight(listed, "P UT"), 403, onlyVary(), "method_not_allowed"},
		{"method of 20 KiB", preflight(listed, strings.Repeat("A", 20<<10)), 403, onlyVary(), "method_not_allowed"},
		{"repeated method", preflight(listed, "PUT", "Access-Control-Request-Method: PUT"), 403, onlyVary(), "method_not_allowed"},
		{"invalid header name", preflight(listed, "PUT", "Access-Control-Request-Headers: a b"), 403, onlyVary(), "header_not_allowed"},
		{"100 lines of commas", preflight(listed, "PUT", slices.Repeat([]string{"Access-Control-Request-Headers: ,"}, 100)...), 403, onlyVary(), "header_not_allowed"},
		{"1000 commas", preflight(listed, "PUT", "Access-Control-Request-Headers: "+strings.Repeat(",", 1000)), 403, onlyVary(), "header_not_allowed"},
		{"other web integration in query", strings.Replace(preflight(listed, "PUT"), "/a", "/a?qlik-web-integration-id=second", 1), 403, onlyVary(), "origin_not_in_web_integration"},
		{"path of the API, without token", strings.Replace(preflight(listed, "PUT"), "/a", "/api/v1/web-integrations", 1), 204, allowed(listed), "listed"},
		{"unknown host", preflight(listed, "PUT", "Host: unknown.example"), 421, onlyVary(), "tenant_unknown"},
	}
	for _, protocol := range protocols() {
		h := newHarness(t, options{protocol: protocol})
		for _, row := range rows {
			rule := fmt.Sprint(row.rule, " over ", protocol)
			got := h.send(row.raw)
			if saw := h.tenantRequests(); got.StatusCode != row.status || len(saw) > 0 {
				t.Errorf("%s: status %d, want %d; tenant received %v", rule, got.StatusCode, row.status, saw)
			}
			expectCORS(t, rule, got, row.cors)
			if got.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: Cache-Control %q, want no-store", rule, got.Header.Get("Cache-Control"))
			}
			if x := h.nextExchange(); x.Reason != row.reason {
				t.Errorf("%s: reason %q, want %q", rule, x.Reason, row.reason)
			}
		}
	}
}

func TestGateway_DoesNotDesyncOnPreflightWithBody(t *testing.T) {
	h := newHarness(t, options{})
	hidden := request("GET /hidden", "Origin: "+listed)
	conn := h.dial()
	go io.WriteString(conn, request("OPTIONS /a", "Origin: "+listed, "Access-Control-Request-Method: PUT", fmt.Sprint("Content-Length: ", len(hidden)))+
		hidden+request("GET /b", "Origin: "+listed))
	reader := bufio.NewReader(conn)
	if got := h.read(reader, "OPTIONS"); got.StatusCode != 204 {
		t.Errorf("preflight: status %d, want 204", got.StatusCode)
	}
	if got := h.read(reader, "GET"); got.StatusCode != 200 {
		t.Errorf("next request: status %d, want 200", got.StatusCode)
	}
	if saw := h.tenantRequests(); len(saw) != 1 || saw[0].Target != "/b" {
		t.Errorf("tenant received %v", saw)
	}
}

func TestGateway_DecidesPipelinedRequestsSeparately(t *testing.T) {
	h := newHarness(t, options{})
	conn := h.dial()
	go io.WriteString(conn, request("GET /1", "Origin: "+unlisted)+request("GET /2", "Origin: "+listed)+request("GET /3", "Origin: "+unlisted))
	reader := bufio.NewReader(conn)
	for i, want := range []int{403, 200, 403} {
		if got := h.read(reader, "GET"); got.StatusCode != want {
			t.Errorf("response %d: status %d, want %d", i+1, got.StatusCode, want)
		}
	}
	if saw := h.tenantRequests(); len(saw) != 1 || saw[0].Target != "/2" {
		t.Errorf("tenant received %v", saw)
	}
}

func TestGateway_RefusesBeforeReadingBody(t *testing.T) {
	for _, protocol := range []protocol{http1, http1TLS} {
		h := newHarness(t, options{protocol: protocol})
		got := h.send(request("POST /a", "Origin: "+unlisted, "Content-Type: text/plain", "Content-Length: 104857600", "Expect: 100-continue"))
		if saw := h.tenantRequests(); got.StatusCode != 403 || got.code() != "origin_not_listed" || len(saw) > 0 {
			t.Errorf("%s: status %d, want 403; body %s; tenant received %v", protocol, got.StatusCode, got.body, saw)
		}
		expectCORS(t, fmt.Sprint("refused over ", protocol), got, onlyVary())
	}
}

func TestGateway_RefusesBeforeReadingBodyOverHTTP2(t *testing.T) {
	h := newHarness(t, options{protocol: http2})
	r := h.newRequest("POST", "/")
	r.Header.Set("Origin", unlisted)
	unread, writer := io.Pipe() // the body is never sent
	defer writer.Close()
	r.Body, r.ContentLength = unread, 100<<20
	res, err := h.gateway.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if saw := h.tenantRequests(); res.StatusCode != 403 || len(saw) > 0 {
		t.Errorf("status %d, want 403; tenant received %v", res.StatusCode, saw)
	}
}

func TestGateway_FindsTenantByHost(t *testing.T) {
	rows := []struct {
		rule, raw string
		status    int
		tenant    string
	}{
		{"host name", request("GET /", "Host: acme.example"), 200, "acme"},
		{"upper case", request("GET /", "Host: ACME.example"), 200, "acme"},
		{"port", request("GET /", "Host: acme.example:8080"), 200, "acme"},
		{"trailing dot", request("GET /", "Host: acme.example."), 200, "acme"},
		{"unknown host", request("GET /", "Host: evil.example"), 421, ""},
		{"DNS rebinding", request("GET /", "Host: evil.example", "Origin: http://evil.example"), 421, ""},
		{"request target takes precedence over Host", request("GET http://empty.example/", "Host: acme.example"), 200, "empty"},
		{"repeated Host", "GET / HTTP/1.1\r\nHost: acme.example\r\nHost: acme.example\r\n\r\n", 400, ""},
		{"X-Forwarded-Host is ignored", request("GET /", "Host: evil.example", "X-Forwarded-Host: acme.example"), 421, ""},
	}
	for _, row := range rows {
		h := newHarness(t, options{})
		got := h.send(row.raw)
		if got.StatusCode != row.status {
			t.Errorf("%s: status %d, want %d", row.rule, got.StatusCode, row.status)
		}
		if row.tenant != "" || row.status == 421 {
			if x := h.nextExchange(); x.Tenant != row.tenant {
				t.Errorf("%s: tenant %q, want %q", row.rule, x.Tenant, row.tenant)
			}
		}
		if row.status == 421 {
			expectCORS(t, row.rule, got, onlyVary())
			if saw := h.tenantRequests(); got.code() != "TENANT_UNKNOWN" || len(saw) > 0 {
				t.Errorf("%s: %s; tenant received %v", row.rule, got.body, saw)
			}
		}
	}
}

func TestGateway_HasDefaultTenant(t *testing.T) {
	h := newHarness(t, options{config: func(c *proxy.Config) { c.Tenants[1].Hosts = nil }})
	for host, want := range map[string]string{"acme.example": "acme", "whatever.example:99": "empty", "[::1]:8080": "empty"} {
		if got := h.send(request("GET /", "Host: "+host)); got.StatusCode != 200 {
			t.Errorf("%s: status %d, want 200", host, got.StatusCode)
		}
		if x := h.nextExchange(); x.Tenant != want {
			t.Errorf("%s: tenant %q, want %q", host, x.Tenant, want)
		}
	}
}

func TestNew_ReportsEveryDuplicateHost(t *testing.T) {
	_, err := proxy.New(proxy.Config{Tenants: []proxy.Tenant{
		{ID: "a", Hosts: []string{"one.example", "two.example"}},
		{ID: "b", Hosts: []string{"ONE.example", "two.example."}},
		{ID: "c"}, {ID: "d"},
	}})
	for _, want := range []string{"a and b both have the host one.example", "a and b both have the host two.example", "c and d are both the default tenant"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want it to contain %q", err, want)
		}
	}
}

func TestGateway_NeverForwardsInvalidRequests(t *testing.T) {
	rows := []struct {
		rule, raw string
		status    int
		code      string
	}{
		{"CONNECT", "CONNECT acme.example:80 HTTP/1.1\r\nHost: acme.example:80\r\n\r\n", 405, "METHOD_NOT_ALLOWED"},
		{"TRACE", request("TRACE /"), 405, "METHOD_NOT_ALLOWED"},
		{"TRACE in lower case", request("trace /"), 405, "METHOD_NOT_ALLOWED"},
		{"TRACK", request("TRACK /"), 405, "METHOD_NOT_ALLOWED"},
		{"PRI", request("PRI /"), 501, "METHOD_NOT_ALLOWED"},
		{"URL above limit", request("GET /" + strings.Repeat("a", 1024)), 414, "URL_TOO_LONG"},
		{"query above limit", request("GET /?" + strings.Repeat("a", 1023)), 414, "URL_TOO_LONG"},
		{"several protocols in Upgrade", request("GET /", "Connection: Upgrade", "Upgrade: websocket, h2c"), 400, "UPGRADE_REFUSED"},
		{"several Upgrade lines", request("GET /", "Connection: Upgrade", "Upgrade: h2c", "Upgrade: websocket"), 400, "UPGRADE_REFUSED"},
		{"handshake by POST", request("POST /", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Content-Length: 0"), 400, "UPGRADE_REFUSED"},
		{"handshake without key", request("GET /", "Connection: Upgrade", "Upgrade: websocket"), 400, "UPGRADE_REFUSED"},
		{"handshake over HTTP/1.0", strings.Replace(handshake("/"), "HTTP/1.1", "HTTP/1.0", 1), 400, "UPGRADE_REFUSED"},
		{"handshake with two keys", handshake("/", key), 400, "UPGRADE_REFUSED"},
		{"handshake with short key", strings.Replace(handshake("/"), key, "Sec-WebSocket-Key: c2hvcnQ=", 1), 400, "UPGRADE_REFUSED"},
		{"handshake with invalid key", strings.Replace(handshake("/"), key, "Sec-WebSocket-Key: !!!!", 1), 400, "UPGRADE_REFUSED"},
		{"handshake with chunked body", handshake("/", "Transfer-Encoding: chunked") + "0\r\n\r\n", 400, "UPGRADE_REFUSED"},
		{"handshake with body", request("GET /", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Content-Length: 1") + "x", 400, "UPGRADE_REFUSED"},
	}
	for _, mode := range []proxy.Mode{proxy.Enforce, proxy.Headers, proxy.Report} {
		h := newHarness(t, options{mode: mode})
		for _, row := range rows {
			got := h.send(row.raw)
			if saw := h.tenantRequests(); got.StatusCode != row.status || got.code() != row.code || len(saw) > 0 {
				t.Errorf("%v, %s: status %d, want %d; body %s; tenant received %v", mode, row.rule, got.StatusCode, row.status, got.body, saw)
			}
		}
	}
}

func TestGateway_ForwardsURLOfMaximumLength(t *testing.T) {
	h := newHarness(t, options{})
	if got := h.send(request("GET /" + strings.Repeat("a", 1023))); got.StatusCode != 200 {
		t.Errorf("status %d, want 200: %s", got.StatusCode, got.body)
	}
}

func TestGateway_RespondsToServerWideOptions(t *testing.T) {
	for _, protocol := range protocols() {
		h := newHarness(t, options{protocol: protocol})
		got := h.send(request("OPTIONS *", "Origin: "+listed, "Access-Control-Request-Method: PUT"))
		if saw := h.tenantRequests(); got.StatusCode != 204 || len(saw) > 0 {
			t.Errorf("%s: status %d, want 204; tenant received %v", protocol, got.StatusCode, saw)
		}
		expectCORS(t, fmt.Sprint("OPTIONS * over ", protocol), got, onlyVary())
	}
}

func TestGateway_RefusesWithoutList(t *testing.T) {
	failing := func(context.Context, string) (*origins.List, error) { return nil, errors.New("the store is gone") }
	h := newHarness(t, options{load: failing})
	got := h.send(request("GET /", "Origin: "+listed))
	if got.StatusCode != 503 || got.code() != "list_unavailable" || got.Header.Get("Retry-After") == "" || len(h.tenantRequests()) > 0 {
		t.Errorf("status %d, want 503: %s", got.StatusCode, got.body)
	}
	expectCORS(t, "refused without a list", got, onlyVary())
	if x := h.nextExchange(); x.Err == nil || strings.Contains(got.body, "store is gone") {
		t.Errorf("exchange has error %v, client got %s", x.Err, got.body)
	}
	for rule, raw := range map[string]string{
		"no origin":     request("GET /"),
		"public origin": request("GET /", "Origin: "+public),
	} {
		if got := h.send(raw); got.StatusCode != 200 {
			t.Errorf("%s: status %d, want 200 without a list", rule, got.StatusCode)
		}
	}
}

func TestGateway_DecidesByCachedListWhileStoreIsDown(t *testing.T) {
	var down atomic.Bool
	h := newHarness(t, options{load: func(ctx context.Context, tenant string) (*origins.List, error) {
		if down.Load() {
			return nil, errors.New("the store is gone")
		}
		return loadTwo(ctx, tenant)
	}})
	preflight := []string{"Origin: " + listed, "Access-Control-Request-Method: PUT"}
	for range 2 {
		for raw, want := range map[string]int{request("GET /", preflight...): 200, request("OPTIONS /", preflight...): 204, request("GET /", "Origin: "+unlisted): 403} {
			if got := h.send(raw); got.StatusCode != want {
				t.Errorf("%q: status %d, want %d", raw, got.StatusCode, want)
			}
		}
		down.Store(true)
		liststest.Invalidate(h.lists, "acme")
	}
}

func TestGateway_LoadsNoListForUnknownHost(t *testing.T) {
	h := newHarness(t, options{})
	h.send(request("GET /", "Host: unknown.example", "Origin: "+listed))
	if got := h.lists.Stats(); got != (lists.Stats{}) {
		t.Errorf("cache was used for an unknown host: %+v", got)
	}
}

func TestGateway_AppliesChangeToNextRequest(t *testing.T) {
	h := newHarness(t, options{})
	expect := func(when string, status int) {
		t.Helper()
		if got := h.send(request("GET /", "Origin: "+unlisted)); got.StatusCode != status {
			t.Errorf("%s: status %d, want %d", when, got.StatusCode, status)
		}
	}
	expect("before the change", 403)
	part := origins.Part{ID: "third", Revision: 3, Origins: []string{unlisted}}
	liststest.Apply(h.lists, origins.Change{Tenant: "acme", Part: part})
	expect("listed", 200)
	part.Revision = 4
	liststest.Apply(h.lists, origins.Change{Tenant: "acme", Part: part, Deleted: true})
	expect("deleted", 403)
}

func TestGateway_RoutesPathsOfAPI(t *testing.T) {
	rows := []struct {
		target string
		api    bool
	}{
		{"/api/v1/web-integrations", true},
		{"/api/v1/web-integrations?limit=1", true},
		{"/api/v1/web-integrations/", true},
		{"/api/v1/web-integrations/../x", true},
		{"http://acme.example/api/v1/web-integrations", true},
		{"/api/v1/web-integrationsx", false},
		{"/api/v1/web-integrations;x", false},
		{"//api/v1/web-integrations", false},
		{"/API/v1/web-integrations", false},
		{"/api/v1/%77eb-integrations", false},
		{"/x/../api/v1/web-integrations", false},
		{"/api/v1", false},
	}
	h := newHarness(t, options{})
	for _, row := range rows {
		got := h.send(request("GET "+row.target, "Origin: "+listed))
		saw := h.tenantRequests()
		if strings.HasPrefix(got.body, "the API") != row.api || len(saw) == 0 != row.api {
			t.Errorf("%s: %s; tenant received %v", row.target, got.body, saw)
		}
		if !row.api && saw[0].Target != row.target {
			t.Errorf("%s: tenant received target %s", row.target, saw[0].Target)
		}
		expectCORS(t, row.target, got, allowedCORS(listed))
	}
	if got := h.send(request("GET /api/v1/web-integrations", "Host: empty.example")); !strings.Contains(got.body, "ok") {
		t.Errorf("tenant without API: %s, want response of upstream", got.body)
	}
}

func TestGateway_EnforcesListForAPIInEveryMode(t *testing.T) {
	for _, mode := range []proxy.Mode{proxy.Enforce, proxy.Headers, proxy.Report} {
		h := newHarness(t, options{mode: mode, policy: func(p *origins.Policy) {
			p.RequireOrigin = origins.RequireUnsafe
			p.PostFromAnywhere = []string{"/api/v1/web-integrations"}
		}})
		for raw, want := range map[string]int{
			request("POST /api/v1/web-integrations", "Origin: "+unlisted, "Content-Length: 0"): 403,
			request("POST /api/v1/web-integrations", "Origin: null", "Content-Length: 0"):      403,
			request("POST /api/v1/web-integrations", "Origin: "+listed, "Content-Length: 0"):   200,
			request("POST /api/v1/web-integrations", "Content-Length: 0"):                      200,
		} {
			if got := h.send(raw); got.StatusCode != want {
				t.Errorf("%v, %q: status %d, want %d", mode, raw, got.StatusCode, want)
			}
		}
	}
}

func TestGateway_PassesClientAndHostToAPI(t *testing.T) {
	const trace = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	forwarded := []string{"X-Forwarded-For: 198.51.100.7", "X-Forwarded-Proto: https"}
	rows := []struct {
		rule    string
		trusted bool
		host    string // X-Forwarded-Host
		want    string
	}{
		{"client behind trusted proxy", true, "", "https://acme.example from 198.51.100.7"},
		{"X-Forwarded-Host of trusted proxy", true, "public.acme.example:8443", "https://public.acme.example:8443 from 198.51.100.7"},
		{"X-Forwarded-Host of another tenant", true, "empty.example", "https://acme.example from 198.51.100.7"},
		{"unknown X-Forwarded-Host", true, "evil.example", "https://acme.example from 198.51.100.7"},
		{"invalid X-Forwarded-Host", true, "acme.example:x", "https://acme.example from 198.51.100.7"},
		{"last X-Forwarded-Host line is used", true, "public.acme.example\r\nX-Forwarded-Host: acme.example", "https://acme.example from 198.51.100.7"},
		{"rightmost X-Forwarded-Host is used", true, "acme.example, public.acme.example", "https://public.acme.example from 198.51.100.7"},
		{"untrusted client", false, "public.acme.example", "http://acme.example from 127.0.0.1"},
	}
	for _, row := range rows {
		h := newHarness(t, options{config: func(c *proxy.Config) {
			c.Tenants[0].Hosts = append(c.Tenants[0].Hosts, "public.acme.example")
			if row.trusted {
				trustLoopback(c)
			}
		}})
		headers := append(forwarded[:2:2], trace)
		if row.host != "" {
			headers = append(headers, "X-Forwarded-Host: "+row.host)
		}
		got := h.send(request("GET /api/v1/web-integrations", headers...))
		if want := "the API: GET " + row.want + ", trace 0af7651916cd43dd8448eb211c80319c"; got.body != want {
			t.Errorf("%s: got %q\nwant %q", row.rule, got.body, want)
		}
	}
}

func TestGateway_FollowsMode(t *testing.T) {
	tenant := func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Access-Control-Allow-Origin", "*")
		rw.Header().Set("Vary", "Accept-Encoding")
	}
	tenantCORS := []string{"Access-Control-Allow-Origin: *", "Vary: Accept-Encoding"}
	merged := func(lines []string) []string {
		return append(lines[:len(lines)-1:len(lines)-1], "Vary: Accept-Encoding, Origin")
	}
	preflight := []string{"Access-Control-Request-Method: PUT"}
	failing := func(context.Context, string) (*origins.List, error) { return nil, errors.New("gone") }
	rows := []struct {
		rule    string
		mode    proxy.Mode
		raw     string
		load    liststest.Loader
		status  int
		cors    []string
		reason  string
		forward bool
	}{
		{"headers: allowed request", proxy.Headers, request("GET /", "Origin: "+listed), nil, 200, merged(allowedCORS(listed)), "listed", true},
		{"headers: refused request is forwarded without CORS headers", proxy.Headers, request("GET /", "Origin: "+unlisted), nil, 200, merged(onlyVary()), "origin_not_listed", true},
		{"headers: repeated origin", proxy.Headers, request("GET /", "Origin: a", "Origin: b"), nil, 200, merged(onlyVary()), "origin_repeated", true},
		{"headers: no list", proxy.Headers, request("GET /", "Origin: "+listed), failing, 200, merged(onlyVary()), "list_unavailable", true},
		{"headers: refused preflight", proxy.Headers, request("OPTIONS /", append(preflight, "Origin: "+unlisted)...), nil, 403, onlyVary(), "origin_not_listed", false},
		{"headers: preflight without list", proxy.Headers, request("OPTIONS /", append(preflight, "Origin: "+listed)...), failing, 503, onlyVary(), "list_unavailable", false},
		{"report: allowed request is forwarded unchanged", proxy.Report, request("GET /", "Origin: "+listed), nil, 200, tenantCORS, "listed", true},
		{"report: refused request is forwarded unchanged", proxy.Report, request("GET /", "Origin: "+unlisted), nil, 200, tenantCORS, "origin_not_listed", true},
		{"report: preflight", proxy.Report, request("OPTIONS /", append(preflight, "Origin: "+listed)...), nil, 200, tenantCORS, "listed", true},
		{"report: refused preflight", proxy.Report, request("OPTIONS /", append(preflight, "Origin: "+unlisted)...), nil, 200, tenantCORS, "origin_not_listed", true},
		{"report: no list", proxy.Report, request("GET /", "Origin: "+listed), failing, 200, tenantCORS, "list_unavailable", true},
		{"report: repeated origin", proxy.Report, request("GET /", "Origin: a", "Origin: b"), nil, 200, tenantCORS, "origin_repeated", true},
		{"report: unknown host", proxy.Report, request("GET /", "Host: unknown.example"), nil, 421, onlyVary(), "tenant_unknown", false},
	}
	for _, protocol := range protocols() {
		for _, row := range rows {
			rule := fmt.Sprint(row.rule, " over ", protocol)
			h := newHarness(t, options{protocol: protocol, mode: row.mode, tenant: tenant, load: row.load})
			got := h.send(row.raw)
			if saw := h.tenantRequests(); got.StatusCode != row.status || len(saw) == 1 != row.forward {
				t.Errorf("%s: status %d, want %d; tenant received %v", rule, got.StatusCode, row.status, saw)
			}
			expectCORS(t, rule, got, row.cors)
			if x := h.nextExchange(); x.Reason != row.reason {
				t.Errorf("%s: reason %q, want %q", rule, x.Reason, row.reason)
			}
		}
	}
}
