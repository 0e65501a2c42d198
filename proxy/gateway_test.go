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

// escaped is s with every byte escaped.
func escaped(s string) (e string) {
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
		code    string // of a refusal
		reason  string
		forward bool
	}{
		{"a listed origin is forwarded", request("GET /a", "Origin: "+listed), 200, sharedWith(listed), "", "listed", true},
		{"by every method", request("PURGE /a", "Origin: "+listed), 200, sharedWith(listed), "", "listed", true},
		{"OPTIONS without a method asked for is no preflight", request("OPTIONS /a", "Origin: "+listed), 200, sharedWith(listed), "", "listed", true},
		{"nor is OPTIONS without an origin", request("OPTIONS /a", "Access-Control-Request-Method: PUT"), 200, unshared(), "", "no_origin", true},
		{"a method asked for by GET is ignored", request("GET /a", "Origin: "+listed, "Access-Control-Request-Method: TRACE"), 200, sharedWith(listed), "", "listed", true},
		{"HEAD", request("HEAD /a", "Origin: "+listed), 200, sharedWith(listed), "", "listed", true},
		{"no origin is forwarded", request("GET /a"), 200, unshared(), "", "no_origin", true},
		{"a public origin is the same", request("GET /a", "Origin: "+public), 200, sharedWith(public), "", "same_origin", true},
		{"so is null of a same-origin form", request("POST /a", "Origin: null", "Sec-Fetch-Site: same-origin", "Content-Length: 0"), 200, unshared(), "", "same_origin", true},
		{"a post to an exempt path", request("POST /callback", "Origin: null", "Content-Length: 0"), 200, unshared(), "", "path_exempt", true},
		{"an unlisted origin is refused", request("GET /a", "Origin: "+unlisted), 403, unshared(), "origin_not_listed", "origin_not_listed", false},
		{"also to OPTIONS that is no preflight", request("OPTIONS /a", "Origin: "+unlisted), 403, unshared(), "origin_not_listed", "origin_not_listed", false},
		{"an opaque origin is refused", request("GET /a", "Origin: null"), 403, unshared(), "origin_opaque", "origin_opaque", false},
		{"a malformed origin is refused", request("GET /a", "Origin: "+listed+"/"), 403, unshared(), "origin_malformed", "origin_malformed", false},
		{"an empty origin is refused", request("GET /a", "Origin:"), 403, unshared(), "origin_malformed", "origin_malformed", false},
		{"a repeated origin is refused", request("GET /a", "Origin: "+listed, "Origin: "+listed), 400, unshared(), "origin_repeated", "origin_repeated", false},
		{"a joined origin is refused", request("GET /a", "Origin: "+listed+", "+listed), 403, unshared(), "origin_malformed", "origin_malformed", false},
		{"the web integration in the header", request("GET /a", "Origin: "+listed, "qlik-web-integration-id: first"), 200, sharedWith(listed), "", "listed", true},
		{"another one", request("GET /a", "Origin: "+listed, "qlik-web-integration-id: second"), 403, unshared(), "origin_not_in_web_integration", "origin_not_in_web_integration", false},
		{"an unknown one", request("GET /a", "Origin: "+listed, "qlik-web-integration-id: third"), 403, unshared(), "web_integration_unknown", "web_integration_unknown", false},
		{"an empty one", request("GET /a", "Origin: "+listed, "qlik-web-integration-id:"), 403, unshared(), "web_integration_unknown", "web_integration_unknown", false},
		{"the web integration in the query", request("GET /a?x=1&qlik-web-integration-id=first", "Origin: "+listed), 200, sharedWith(listed), "", "listed", true},
		{"escaped", request("GET /a?qlik%2Dweb-integration-id=%66irst", "Origin: "+listed), 200, sharedWith(listed), "", "listed", true},
		{"another one in the query", request("GET /a?qlik-web-integration-id=second", "Origin: "+listed), 403, unshared(), "origin_not_in_web_integration", "origin_not_in_web_integration", false},
		{"an empty one in the query", request("GET /a?qlik-web-integration-id", "Origin: "+listed), 403, unshared(), "web_integration_unknown", "web_integration_unknown", false},
		{"a badly escaped one", request("GET /a?qlik-web-integration-id=first%zz", "Origin: "+listed), 403, unshared(), "web_integration_unknown", "web_integration_unknown", false},
		{"header and query alike", request("GET /a?qlik-web-integration-id=first", "Origin: "+listed, "qlik-web-integration-id: first"), 200, sharedWith(listed), "", "listed", true},
		{"header and query that differ", request("GET /a?qlik-web-integration-id=first", "Origin: "+listed, "qlik-web-integration-id: second"), 403, unshared(), "web_integration_ambiguous", "web_integration_ambiguous", false},
		{"two header lines that differ", request("GET /a", "Origin: "+listed, "qlik-web-integration-id: first", "qlik-web-integration-id: second"), 403, unshared(), "web_integration_ambiguous", "web_integration_ambiguous", false},
		{"two in the query that differ", request("GET /a?qlik-web-integration-id=first&x&qlik-web-integration-id=second", "Origin: "+listed), 403, unshared(), "web_integration_ambiguous", "web_integration_ambiguous", false},
		{"another one, escaped byte by byte", request("GET /a?"+escaped("qlik-web-integration-id")+"="+escaped("second"), "Origin: "+listed), 403, unshared(), "origin_not_in_web_integration", "origin_not_in_web_integration", false},
		{"the list of another tenant", request("GET /a", "Host: empty.example", "Origin: "+listed), 403, unshared(), "origin_not_listed", "origin_not_listed", false},
		{"X-HTTP-Method-Override is the tenant's to read", request("POST /a", "Origin: "+listed, "X-HTTP-Method-Override: DELETE", "Content-Length: 0"), 200, sharedWith(listed), "", "listed", true},
		{"X-HTTP-Method-Override changes nothing", request("GET /a", "Origin: "+unlisted, "X-HTTP-Method-Override: OPTIONS"), 403, unshared(), "origin_not_listed", "origin_not_listed", false},
	}
	for _, protocol := range protocols() {
		w := newWorld(t, options{protocol: protocol})
		for _, row := range rows {
			rule := fmt.Sprint(row.rule, " by ", protocol)
			got := w.send(row.raw)
			saw := w.tenantSaw()
			if got.StatusCode != row.status || len(saw) == 1 != row.forward {
				t.Errorf("%s: status %d, want %d; the tenant saw %v", rule, got.StatusCode, row.status, saw)
			}
			expectCORS(t, rule, got, row.cors)
			if row.code != "" && (got.code() != row.code || got.Header.Get("Cache-Control") != "no-store") {
				t.Errorf("%s: code %q, headers %v, body %s", rule, got.code(), got.Header, got.body)
			}
			if x := w.observed(); x.Reason != row.reason || x.Status != row.status || (x.UpstreamTime > 0) != row.forward {
				t.Errorf("%s: observed %+v", rule, x)
			}
		}
	}
}

func TestGateway_AnswersPreflightsItself(t *testing.T) {
	allowed := func(origin string, lines ...string) []string {
		all := append([]string{
			"Access-Control-Allow-Credentials: true",
			"Access-Control-Allow-Methods: GET, HEAD, POST, PUT",
			"Access-Control-Allow-Origin: " + origin,
			"Access-Control-Max-Age: 600",
			"Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
		}, lines...)
		slices.Sort(all)
		return all
	}
	asks := func(origin, method string, more ...string) string {
		return request("OPTIONS /a", append([]string{"Origin: " + origin, "Access-Control-Request-Method: " + method}, more...)...)
	}
	rows := []struct {
		rule, raw string
		status    int
		cors      []string
		reason    string
	}{
		{"a listed origin", asks(listed, "PUT"), 204, allowed(listed), "listed"},
		{"a public origin", asks(public, "PUT"), 204, allowed(public), "same_origin"},
		{"headers are answered by name", asks(listed, "PUT", "Access-Control-Request-Headers: authorization,content-type"), 204,
			allowed(listed, "Access-Control-Allow-Headers: authorization, content-type"), "listed"},
		{"whatever their case, order, spaces and lines", asks(listed, "PUT", "Access-Control-Request-Headers: X-B ,, x-a,x-b", "Access-Control-Request-Headers: X-C"), 204,
			allowed(listed, "Access-Control-Allow-Headers: x-b, x-a, x-c"), "listed"},
		{"no private network", asks(listed, "PUT", "Access-Control-Request-Private-Network: true"), 204, allowed(listed), "listed"},
		{"an unlisted origin", asks(unlisted, "PUT"), 403, unshared(), "origin_not_listed"},
		{"an opaque origin", asks("null", "PUT"), 403, unshared(), "origin_opaque"},
		{"two origins", asks(listed, "PUT", "Origin: "+listed), 400, unshared(), "origin_repeated"},
		{"a method that is not in the list", asks(listed, "DELETE"), 403, unshared(), "method_not_allowed"},
		{"methods are case-sensitive", asks(listed, "put"), 403, unshared(), "method_not_allowed"},
		{"an empty method", asks(listed, ""), 403, unshared(), "method_not_allowed"},
		{"no token", asks(listed, "P UT"), 403, unshared(), "method_not_allowed"},
		{"a method of 20 KiB", asks(listed, strings.Repeat("A", 20<<10)), 403, unshared(), "method_not_allowed"},
		{"two methods", asks(listed, "PUT", "Access-Control-Request-Method: PUT"), 403, unshared(), "method_not_allowed"},
		{"what is no header", asks(listed, "PUT", "Access-Control-Request-Headers: a b"), 403, unshared(), "header_not_allowed"},
		{"a hundred lines of commas", asks(listed, "PUT", slices.Repeat([]string{"Access-Control-Request-Headers: ,"}, 100)...), 403, unshared(), "header_not_allowed"},
		{"a thousand commas", asks(listed, "PUT", "Access-Control-Request-Headers: "+strings.Repeat(",", 1000)), 403, unshared(), "header_not_allowed"},
		{"the web integration in the query", strings.Replace(asks(listed, "PUT"), "/a", "/a?qlik-web-integration-id=second", 1), 403, unshared(), "origin_not_in_web_integration"},
		{"on the API's path, without a token", strings.Replace(asks(listed, "PUT"), "/a", "/api/v1/web-integrations", 1), 204, allowed(listed), "listed"},
		{"to an unknown host", asks(listed, "PUT", "Host: unknown.example"), 421, unshared(), "tenant_unknown"},
	}
	for _, protocol := range protocols() {
		w := newWorld(t, options{protocol: protocol})
		for _, row := range rows {
			rule := fmt.Sprint(row.rule, " by ", protocol)
			got := w.send(row.raw)
			if saw := w.tenantSaw(); got.StatusCode != row.status || len(saw) > 0 {
				t.Errorf("%s: status %d, want %d; the tenant saw %v", rule, got.StatusCode, row.status, saw)
			}
			expectCORS(t, rule, got, row.cors)
			if got.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: Cache-Control %q", rule, got.Header.Get("Cache-Control"))
			}
			if x := w.observed(); x.Reason != row.reason {
				t.Errorf("%s: reason %q, want %q", rule, x.Reason, row.reason)
			}
		}
	}
}

func TestGateway_APreflightWithABodyDoesNotDesync(t *testing.T) {
	w := newWorld(t, options{})
	hidden := request("GET /hidden", "Origin: "+listed)
	conn := w.dial()
	go io.WriteString(conn, request("OPTIONS /a", "Origin: "+listed, "Access-Control-Request-Method: PUT", fmt.Sprint("Content-Length: ", len(hidden)))+
		hidden+request("GET /b", "Origin: "+listed))
	reader := bufio.NewReader(conn)
	if got := w.read(reader, "OPTIONS"); got.StatusCode != 204 {
		t.Errorf("the preflight got %d", got.StatusCode)
	}
	if got := w.read(reader, "GET"); got.StatusCode != 200 {
		t.Errorf("the next request got %d", got.StatusCode)
	}
	if saw := w.tenantSaw(); len(saw) != 1 || saw[0].Target != "/b" {
		t.Errorf("the tenant saw %v", saw)
	}
}

func TestGateway_DecidesPipelinedRequestsAlone(t *testing.T) {
	w := newWorld(t, options{})
	conn := w.dial()
	go io.WriteString(conn, request("GET /1", "Origin: "+unlisted)+request("GET /2", "Origin: "+listed)+request("GET /3", "Origin: "+unlisted))
	reader := bufio.NewReader(conn)
	for i, want := range []int{403, 200, 403} {
		if got := w.read(reader, "GET"); got.StatusCode != want {
			t.Errorf("answer %d is %d, want %d", i+1, got.StatusCode, want)
		}
	}
	if saw := w.tenantSaw(); len(saw) != 1 || saw[0].Target != "/2" {
		t.Errorf("the tenant saw %v", saw)
	}
}

func TestGateway_RefusesBeforeTheBodyIsRead(t *testing.T) {
	for _, protocol := range []protocol{http1, http1TLS} {
		w := newWorld(t, options{protocol: protocol})
		got := w.send(request("POST /a", "Origin: "+unlisted, "Content-Type: text/plain", "Content-Length: 104857600", "Expect: 100-continue"))
		if saw := w.tenantSaw(); got.StatusCode != 403 || got.code() != "origin_not_listed" || len(saw) > 0 {
			t.Errorf("%s: %d %s; the tenant saw %v", protocol, got.StatusCode, got.body, saw)
		}
		expectCORS(t, fmt.Sprint("refused by ", protocol), got, unshared())
	}
}

func TestGateway_RefusesBeforeTheBodyIsReadOfHTTP2(t *testing.T) {
	w := newWorld(t, options{protocol: http2})
	r := w.newRequest("POST", "/")
	r.Header.Set("Origin", unlisted)
	unread, writer := io.Pipe() // the body never comes
	defer writer.Close()
	r.Body, r.ContentLength = unread, 100<<20
	res, err := w.gateway.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if saw := w.tenantSaw(); res.StatusCode != 403 || len(saw) > 0 {
		t.Errorf("%d; the tenant saw %v", res.StatusCode, saw)
	}
}

func TestGateway_FindsTheTenantByHost(t *testing.T) {
	rows := []struct {
		rule, raw string
		status    int
		tenant    string
	}{
		{"by name", request("GET /", "Host: acme.example"), 200, "acme"},
		{"in upper case", request("GET /", "Host: ACME.example"), 200, "acme"},
		{"with a port", request("GET /", "Host: acme.example:8080"), 200, "acme"},
		{"with a trailing dot", request("GET /", "Host: acme.example."), 200, "acme"},
		{"an unknown host", request("GET /", "Host: evil.example"), 421, ""},
		{"a name rebound", request("GET /", "Host: evil.example", "Origin: http://evil.example"), 421, ""},
		{"the request target before Host", request("GET http://empty.example/", "Host: acme.example"), 200, "empty"},
		{"two hosts", "GET / HTTP/1.1\r\nHost: acme.example\r\nHost: acme.example\r\n\r\n", 400, ""},
		{"X-Forwarded-Host selects nothing", request("GET /", "Host: evil.example", "X-Forwarded-Host: acme.example"), 421, ""},
	}
	for _, row := range rows {
		w := newWorld(t, options{})
		got := w.send(row.raw)
		if got.StatusCode != row.status {
			t.Errorf("%s: %d, want %d", row.rule, got.StatusCode, row.status)
		}
		if row.tenant != "" || row.status == 421 {
			if x := w.observed(); x.Tenant != row.tenant {
				t.Errorf("%s: tenant %q, want %q", row.rule, x.Tenant, row.tenant)
			}
		}
		if row.status == 421 {
			expectCORS(t, row.rule, got, unshared())
			if saw := w.tenantSaw(); got.code() != "TENANT_UNKNOWN" || len(saw) > 0 {
				t.Errorf("%s: %s; the tenant saw %v", row.rule, got.body, saw)
			}
		}
	}
}

func TestGateway_OneTenantMayTakeTheRest(t *testing.T) {
	w := newWorld(t, options{config: func(c *proxy.Config) { c.Tenants[1].Hosts = nil }})
	for host, want := range map[string]string{"acme.example": "acme", "whatever.example:99": "empty", "[::1]:8080": "empty"} {
		if got := w.send(request("GET /", "Host: "+host)); got.StatusCode != 200 {
			t.Errorf("%s: %d", host, got.StatusCode)
		}
		if x := w.observed(); x.Tenant != want {
			t.Errorf("%s: tenant %q, want %q", host, x.Tenant, want)
		}
	}
}

func TestNew_ReportsEveryHostThatIsTakenTwice(t *testing.T) {
	_, err := proxy.New(proxy.Config{Tenants: []proxy.Tenant{
		{ID: "a", Hosts: []string{"one.example", "two.example"}},
		{ID: "b", Hosts: []string{"ONE.example", "two.example."}},
		{ID: "c"}, {ID: "d"},
	}})
	for _, want := range []string{"a and b both have the host one.example", "a and b both have the host two.example", "c and d are both the default tenant"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}

func TestGateway_NeverForwardsSomeRequests(t *testing.T) {
	rows := []struct {
		rule, raw string
		status    int
		code      string
	}{
		{"CONNECT", "CONNECT acme.example:80 HTTP/1.1\r\nHost: acme.example:80\r\n\r\n", 405, "METHOD_NOT_ALLOWED"},
		{"TRACE", request("TRACE /"), 405, "METHOD_NOT_ALLOWED"},
		{"trace in lower case", request("trace /"), 405, "METHOD_NOT_ALLOWED"},
		{"TRACK", request("TRACK /"), 405, "METHOD_NOT_ALLOWED"},
		{"PRI", request("PRI /"), 501, "METHOD_NOT_ALLOWED"},
		{"a URL above the limit", request("GET /" + strings.Repeat("a", 1024)), 414, "URL_TOO_LONG"},
		{"a query above the limit", request("GET /?" + strings.Repeat("a", 1023)), 414, "URL_TOO_LONG"},
		{"several upgrades", request("GET /", "Connection: Upgrade", "Upgrade: websocket, h2c"), 400, "UPGRADE_REFUSED"},
		{"several upgrade lines", request("GET /", "Connection: Upgrade", "Upgrade: h2c", "Upgrade: websocket"), 400, "UPGRADE_REFUSED"},
		{"a handshake by POST", request("POST /", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Content-Length: 0"), 400, "UPGRADE_REFUSED"},
		{"a handshake without a key", request("GET /", "Connection: Upgrade", "Upgrade: websocket"), 400, "UPGRADE_REFUSED"},
		{"a handshake of HTTP/1.0", strings.Replace(handshake("/"), "HTTP/1.1", "HTTP/1.0", 1), 400, "UPGRADE_REFUSED"},
		{"a handshake with two keys", handshake("/", key), 400, "UPGRADE_REFUSED"},
		{"a handshake with a short key", strings.Replace(handshake("/"), key, "Sec-WebSocket-Key: c2hvcnQ=", 1), 400, "UPGRADE_REFUSED"},
		{"a handshake with a key that is none", strings.Replace(handshake("/"), key, "Sec-WebSocket-Key: !!!!", 1), 400, "UPGRADE_REFUSED"},
		{"a handshake with a body in chunks", handshake("/", "Transfer-Encoding: chunked") + "0\r\n\r\n", 400, "UPGRADE_REFUSED"},
		{"a handshake with a body", request("GET /", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Content-Length: 1") + "x", 400, "UPGRADE_REFUSED"},
	}
	for _, mode := range []proxy.Mode{proxy.Enforce, proxy.Headers, proxy.Report} {
		w := newWorld(t, options{mode: mode})
		for _, row := range rows {
			got := w.send(row.raw)
			if saw := w.tenantSaw(); got.StatusCode != row.status || got.code() != row.code || len(saw) > 0 {
				t.Errorf("%v, %s: %d %s; the tenant saw %v", mode, row.rule, got.StatusCode, got.body, saw)
			}
		}
	}
}

func TestGateway_TakesAURLOfTheLimit(t *testing.T) {
	w := newWorld(t, options{})
	if got := w.send(request("GET /" + strings.Repeat("a", 1023))); got.StatusCode != 200 {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

func TestGateway_AnswersOptionsForTheServerItself(t *testing.T) {
	for _, protocol := range protocols() {
		w := newWorld(t, options{protocol: protocol})
		got := w.send(request("OPTIONS *", "Origin: "+listed, "Access-Control-Request-Method: PUT"))
		if saw := w.tenantSaw(); got.StatusCode != 204 || len(saw) > 0 {
			t.Errorf("%s: %d; the tenant saw %v", protocol, got.StatusCode, saw)
		}
		expectCORS(t, fmt.Sprint("OPTIONS * by ", protocol), got, unshared())
	}
}

func TestGateway_RefusesWithoutAList(t *testing.T) {
	failing := func(context.Context, string) (*origins.List, error) { return nil, errors.New("the store is gone") }
	w := newWorld(t, options{load: failing})
	got := w.send(request("GET /", "Origin: "+listed))
	if got.StatusCode != 503 || got.code() != "list_unavailable" || got.Header.Get("Retry-After") == "" || len(w.tenantSaw()) > 0 {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	expectCORS(t, "refused without a list", got, unshared())
	if x := w.observed(); x.Err == nil || strings.Contains(got.body, "store is gone") {
		t.Errorf("the operator got %v, the client %s", x.Err, got.body)
	}
	for rule, raw := range map[string]string{
		"no origin":       request("GET /"),
		"a public origin": request("GET /", "Origin: "+public),
	} {
		if got := w.send(raw); got.StatusCode != 200 {
			t.Errorf("%s needs no list, but got %d", rule, got.StatusCode)
		}
	}
}

func TestGateway_DecidesOnAListThatIsThereWhileTheStoreIsGone(t *testing.T) {
	var gone atomic.Bool
	w := newWorld(t, options{load: func(ctx context.Context, tenant string) (*origins.List, error) {
		if gone.Load() {
			return nil, errors.New("the store is gone")
		}
		return loadTwo(ctx, tenant)
	}})
	asks := []string{"Origin: " + listed, "Access-Control-Request-Method: PUT"}
	for range 2 {
		for raw, want := range map[string]int{request("GET /", asks...): 200, request("OPTIONS /", asks...): 204, request("GET /", "Origin: "+unlisted): 403} {
			if got := w.send(raw); got.StatusCode != want {
				t.Errorf("%q: %d, want %d", raw, got.StatusCode, want)
			}
		}
		gone.Store(true)
		liststest.Invalidate(w.lists, "acme")
	}
}

func TestGateway_AsksNoListForUnknownHosts(t *testing.T) {
	w := newWorld(t, options{})
	w.send(request("GET /", "Host: unknown.example", "Origin: "+listed))
	if got := w.lists.Stats(); got != (lists.Stats{}) {
		t.Errorf("the cache was asked: %+v", got)
	}
}

func TestGateway_AChangeIsInForceForTheNextRequest(t *testing.T) {
	w := newWorld(t, options{})
	expect := func(when string, status int) {
		t.Helper()
		if got := w.send(request("GET /", "Origin: "+unlisted)); got.StatusCode != status {
			t.Errorf("%s: %d, want %d", when, got.StatusCode, status)
		}
	}
	expect("before", 403)
	part := origins.Part{ID: "third", Revision: 3, Origins: []string{unlisted}}
	liststest.Apply(w.lists, origins.Change{Tenant: "acme", Part: part})
	expect("listed", 200)
	part.Revision = 4
	liststest.Apply(w.lists, origins.Change{Tenant: "acme", Part: part, Deleted: true})
	expect("deleted", 403)
}

func TestGateway_GivesTheAPIItsOwnPaths(t *testing.T) {
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
	w := newWorld(t, options{})
	for _, row := range rows {
		got := w.send(request("GET "+row.target, "Origin: "+listed))
		saw := w.tenantSaw()
		if strings.HasPrefix(got.body, "the API") != row.api || len(saw) == 0 != row.api {
			t.Errorf("%s: %s; the tenant saw %v", row.target, got.body, saw)
		}
		if !row.api && saw[0].Target != row.target {
			t.Errorf("%s: the tenant got %s", row.target, saw[0].Target)
		}
		expectCORS(t, row.target, got, sharedWith(listed))
	}
	if got := w.send(request("GET /api/v1/web-integrations", "Host: empty.example")); !strings.Contains(got.body, "ok") {
		t.Errorf("a tenant without the API got %s", got.body)
	}
}

func TestGateway_HoldsTheAPIToTheListInEveryMode(t *testing.T) {
	for _, mode := range []proxy.Mode{proxy.Enforce, proxy.Headers, proxy.Report} {
		w := newWorld(t, options{mode: mode, policy: func(p *origins.Policy) {
			p.RequireOrigin = origins.RequireUnsafe
			p.PostFromAnywhere = []string{"/api/v1/web-integrations"}
		}})
		for raw, want := range map[string]int{
			request("POST /api/v1/web-integrations", "Origin: "+unlisted, "Content-Length: 0"): 403,
			request("POST /api/v1/web-integrations", "Origin: null", "Content-Length: 0"):      403,
			request("POST /api/v1/web-integrations", "Origin: "+listed, "Content-Length: 0"):   200,
			request("POST /api/v1/web-integrations", "Content-Length: 0"):                      200,
		} {
			if got := w.send(raw); got.StatusCode != want {
				t.Errorf("%v, %q: %d, want %d", mode, raw, got.StatusCode, want)
			}
		}
	}
}

func TestGateway_TellsTheAPIWhoAsks(t *testing.T) {
	const trace = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	forwarded := []string{"X-Forwarded-For: 198.51.100.7", "X-Forwarded-Proto: https"}
	rows := []struct {
		rule    string
		trusted bool
		host    string // X-Forwarded-Host
		want    string
	}{
		{"a trusted proxy, for the client", true, "", "https://acme.example from 198.51.100.7"},
		{"which host it was", true, "public.acme.example:8443", "https://public.acme.example:8443 from 198.51.100.7"},
		{"but not another tenant's", true, "empty.example", "https://acme.example from 198.51.100.7"},
		{"nor one of nobody", true, "evil.example", "https://acme.example from 198.51.100.7"},
		{"nor what is no host", true, "acme.example:x", "https://acme.example from 198.51.100.7"},
		{"of several lines the last", true, "public.acme.example\r\nX-Forwarded-Host: acme.example", "https://acme.example from 198.51.100.7"},
		{"of several the rightmost", true, "acme.example, public.acme.example", "https://public.acme.example from 198.51.100.7"},
		{"a stranger, for itself", false, "public.acme.example", "http://acme.example from 127.0.0.1"},
	}
	for _, row := range rows {
		w := newWorld(t, options{config: func(c *proxy.Config) {
			c.Tenants[0].Hosts = append(c.Tenants[0].Hosts, "public.acme.example")
			if row.trusted {
				trustLoopback(c)
			}
		}})
		headers := append(forwarded[:2:2], trace)
		if row.host != "" {
			headers = append(headers, "X-Forwarded-Host: "+row.host)
		}
		got := w.send(request("GET /api/v1/web-integrations", headers...))
		if want := "the API: GET " + row.want + ", trace 0af7651916cd43dd8448eb211c80319c"; got.body != want {
			t.Errorf("%s: got %q\nwant %q", row.rule, got.body, want)
		}
	}
}

func TestGateway_ObeysItsMode(t *testing.T) {
	own := func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Access-Control-Allow-Origin", "*")
		rw.Header().Set("Vary", "Accept-Encoding")
	}
	theirs := []string{"Access-Control-Allow-Origin: *", "Vary: Accept-Encoding"}
	merged := func(lines []string) []string {
		return append(lines[:len(lines)-1:len(lines)-1], "Vary: Accept-Encoding, Origin")
	}
	asks := []string{"Access-Control-Request-Method: PUT"}
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
		{"headers: an allowed request", proxy.Headers, request("GET /", "Origin: "+listed), nil, 200, merged(sharedWith(listed)), "listed", true},
		{"headers: a refused one passes bare", proxy.Headers, request("GET /", "Origin: "+unlisted), nil, 200, merged(unshared()), "origin_not_listed", true},
		{"headers: a repeated origin", proxy.Headers, request("GET /", "Origin: a", "Origin: b"), nil, 200, merged(unshared()), "origin_repeated", true},
		{"headers: no list", proxy.Headers, request("GET /", "Origin: "+listed), failing, 200, merged(unshared()), "list_unavailable", true},
		{"headers: a refused preflight", proxy.Headers, request("OPTIONS /", append(asks, "Origin: "+unlisted)...), nil, 403, unshared(), "origin_not_listed", false},
		{"headers: a preflight without a list", proxy.Headers, request("OPTIONS /", append(asks, "Origin: "+listed)...), failing, 503, unshared(), "list_unavailable", false},
		{"report: an allowed request is untouched", proxy.Report, request("GET /", "Origin: "+listed), nil, 200, theirs, "listed", true},
		{"report: a refused one too", proxy.Report, request("GET /", "Origin: "+unlisted), nil, 200, theirs, "origin_not_listed", true},
		{"report: a preflight", proxy.Report, request("OPTIONS /", append(asks, "Origin: "+listed)...), nil, 200, theirs, "listed", true},
		{"report: a refused preflight", proxy.Report, request("OPTIONS /", append(asks, "Origin: "+unlisted)...), nil, 200, theirs, "origin_not_listed", true},
		{"report: no list", proxy.Report, request("GET /", "Origin: "+listed), failing, 200, theirs, "list_unavailable", true},
		{"report: a repeated origin", proxy.Report, request("GET /", "Origin: a", "Origin: b"), nil, 200, theirs, "origin_repeated", true},
		{"report: an unknown host", proxy.Report, request("GET /", "Host: unknown.example"), nil, 421, unshared(), "tenant_unknown", false},
	}
	for _, protocol := range protocols() {
		for _, row := range rows {
			rule := fmt.Sprint(row.rule, " by ", protocol)
			w := newWorld(t, options{protocol: protocol, mode: row.mode, tenant: own, load: row.load})
			got := w.send(row.raw)
			if saw := w.tenantSaw(); got.StatusCode != row.status || len(saw) == 1 != row.forward {
				t.Errorf("%s: %d, want %d; the tenant saw %v", rule, got.StatusCode, row.status, saw)
			}
			expectCORS(t, rule, got, row.cors)
			if x := w.observed(); x.Reason != row.reason {
				t.Errorf("%s: reason %q, want %q", rule, x.Reason, row.reason)
			}
		}
	}
}
