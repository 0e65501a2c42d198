package extauthz_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"originwarden/origins"
	"originwarden/proxy"
)

// What Envoy does with the response to a request that is forwarded.
func listedFields() []string {
	return []string{"add vary: Origin", "set access-control-allow-credentials: true", "set access-control-allow-origin: " + listed, "set access-control-expose-headers: " + expose}
}

func emptied(more ...string) []string {
	return append(more, "replace access-control-allow-credentials: ", "replace access-control-allow-origin: ", "replace access-control-expose-headers: ")
}

func refusedFields(more ...string) []string {
	all := append(more, "set cache-control: no-store", "set content-type: application/json", "set vary: Origin")
	slices.Sort(all)
	return all
}

func TestCheck_AnswersForTheGateway(t *testing.T) {
	preflight := preflight()
	handshake := []string{"Connection: keep-alive, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"}
	for _, row := range []struct {
		rule, line string
		headers    []string
		status     int // 0: forward
		metadata   string
		fields     []string
	}{
		{"listed origin", "GET /a?b=1", []string{"Origin: " + listed}, 0, "allowed listed", listedFields()},
		{"no origin", "GET /", nil, 0, "allowed no_origin", emptied("add vary: Origin")},
		{"origin that is not listed", "POST /", []string{"Origin: " + unlisted}, 403, "refused origin_not_listed", refusedFields()},
		{"opaque origin", "GET /", []string{"Origin: null"}, 403, "refused origin_opaque", refusedFields()},
		{"empty origin", "GET /", []string{"Origin:"}, 403, "refused origin_malformed", refusedFields()},
		{"repeated origin", "GET /", []string{"Origin: " + listed, "Origin: " + unlisted}, 400, "refused origin_repeated", refusedFields()},
		{"repeated origin, the same", "GET /", []string{"Origin: " + listed, "Origin: " + listed}, 400, "refused origin_repeated", refusedFields()},
		{"repeated origin, one empty", "GET /", []string{"Origin: " + listed, "Origin:"}, 400, "refused origin_repeated", refusedFields()},
		{"form of the tenant's own page", "POST /", []string{"Origin: null", "Sec-Fetch-Site: same-origin"}, 0, "allowed same_origin", emptied("add vary: Origin")},
		{"public path", "GET /assets/a.js", []string{"Origin: " + unlisted}, 0, "allowed path_public",
			[]string{"add vary: Origin", "replace access-control-allow-credentials: ", "replace set-cookie: ", "set access-control-allow-origin: *", "set access-control-expose-headers: " + expose}},
		{"web integration of the origin", "GET /", []string{"Origin: " + listed, "Qlik-Web-Integration-Id: first"}, 0, "allowed listed", listedFields()},
		{"unknown web integration", "GET /?qlik-web-integration-id=x", []string{"Origin: " + listed}, 403, "refused web_integration_unknown", refusedFields()},
		{"allowed preflight", "OPTIONS /", preflight, 204, "allowed listed", []string{
			"set access-control-allow-credentials: true", "set access-control-allow-headers: x-a, x-b", "set access-control-allow-methods: GET, POST, PUT",
			"set access-control-allow-origin: " + listed, "set access-control-expose-headers: " + expose, "set access-control-max-age: 600", "set cache-control: no-store",
			"set vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}},
		{"preflight for another method", "OPTIONS /", []string{"Origin: " + listed, "Access-Control-Request-Method: DELETE"}, 403, "refused method_not_allowed", refusedFields()},
		{"refused preflight", "OPTIONS /", []string{"Origin: " + unlisted, "Access-Control-Request-Method: GET"}, 403, "refused origin_not_listed", refusedFields()},
		{"OPTIONS that is no preflight", "OPTIONS /", []string{"Origin: " + listed}, 0, "allowed listed", listedFields()},
		{"WebSocket of a listed origin", "GET /ws", append(handshake, "Origin: "+listed), 0, "allowed listed", listedFields()},
		{"WebSocket of another origin", "GET /ws", append(handshake, "Origin: "+unlisted), 403, "refused origin_not_listed", refusedFields()},
		{"WebSocket on a public path", "GET /assets/ws", append(handshake, "Origin: "+unlisted), 403, "refused origin_not_listed", refusedFields()},
		{"upgrade without a key", "GET /ws", []string{"Connection: upgrade", "Upgrade: websocket", "Origin: " + listed}, 400, "refused upgrade_refused", refusedFields()},
		{"several upgrades", "GET /ws", []string{"Connection: upgrade", "Upgrade: websocket, h2c", "Origin: " + listed}, 400, "refused upgrade_refused", refusedFields()},
		{"unknown host", "GET /", []string{"Host: nobody.example"}, 421, "refused tenant_unknown", refusedFields()},
		{"two hosts", "GET /", []string{"host: other.example"}, 400, "refused bad_request", refusedFields()},
		{"method that is never forwarded", "TRACE /", nil, 405, "refused method_not_allowed", refusedFields("set allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")},
		{"CONNECT", "CONNECT /", nil, 405, "refused method_not_allowed", refusedFields("set allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")},
		{"long URL", "GET /" + strings.Repeat("a", 1024), nil, 414, "refused url_too_long", refusedFields()},
		{"large body", "POST /", []string{"Content-Length: 1048577", "Origin: " + listed}, 413, "allowed listed", []string{
			"set access-control-allow-credentials: true", "set access-control-allow-origin: " + listed, "set access-control-expose-headers: " + expose,
			"set cache-control: no-store", "set content-type: application/json", "set vary: Origin"}},
		{"OPTIONS of the server", "OPTIONS *", nil, 204, "allowed options_asterisk", []string{"set vary: Origin"}},
		{"mode headers", "GET /", []string{"Host: headers.example", "Origin: " + unlisted}, 0, "refused origin_not_listed", emptied("add vary: Origin")},
		{"repeated origin in mode headers", "GET /", []string{"Host: headers.example", "Origin: " + listed, "Origin: " + listed}, 0, "refused origin_repeated", emptied("add vary: Origin")},
		{"preflight in mode headers", "OPTIONS /", []string{"Host: headers.example", "Origin: " + unlisted, "Access-Control-Request-Method: GET"}, 403, "refused origin_not_listed", refusedFields()},
		{"mode report", "GET /", []string{"Host: report.example", "Origin: " + unlisted}, 0, "refused origin_not_listed", nil},
		{"preflight in mode report", "OPTIONS /", []string{"Host: report.example", "Origin: " + listed, "Access-Control-Request-Method: GET"}, 0, "allowed listed", nil},
	} {
		for _, e := range encodings() {
			h := newHarness(t, options{})
			rule := row.rule + ", " + string(e)
			got := h.check(rule, e.question(row.line, row.headers...))
			if got.status() != row.status || got.metadata() != row.metadata {
				t.Errorf("%s: status %d, %q; want %d, %q", rule, got.status(), got.metadata(), row.status, row.metadata)
			}
			if !slices.Equal(got.fields(), row.fields) {
				t.Errorf("%s:\n got %q\nwant %q", rule, got.fields(), row.fields)
			}
			if x := got.exchange; !x.Asked || x.Client.String() != client {
				t.Errorf("%s: observed %+v", rule, x)
			}
		}
	}
}

func TestCheck_SendsTheErrorDocument(t *testing.T) {
	h := newHarness(t, options{config: func(c *proxy.Config) { c.Tenants[0].Debug = true }})
	got := h.check("", raw.question("GET /", "Origin: https://app.example.com:8443", "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
	var document struct {
		TraceID string
		Errors  []struct {
			Code string
			Meta struct{ Nearest map[string]string }
		}
	}
	if err := json.Unmarshal([]byte(got.GetDeniedResponse().GetBody()), &document); err != nil {
		t.Fatal(err)
	}
	if document.TraceID != "0af7651916cd43dd8448eb211c80319c" || document.Errors[0].Code != "origin_not_listed" || document.Errors[0].Meta.Nearest["entry"] != listed {
		t.Errorf("got %s", got.GetDeniedResponse().GetBody())
	}
}

// What needs a list that is not there is denied, also a preflight.
func TestCheck_DeniesWithoutList(t *testing.T) {
	h := newHarness(t, options{load: func(context.Context, string) (*origins.List, error) { return nil, errors.New("the store is down") }})
	denied := refusedFields("set retry-after: 1")
	for _, row := range []struct {
		rule, line string
		headers    []string
		status     int // 0: forward
		metadata   string
		fields     []string
	}{
		{"listed origin", "GET /", []string{"Origin: " + listed}, 503, "refused list_unavailable", denied},
		{"preflight", "OPTIONS /", preflight(), 503, "refused list_unavailable", denied},
		{"WebSocket", "GET /ws", []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", "Origin: " + listed}, 503, "refused list_unavailable", denied},
		{"opaque origin", "GET /", []string{"Origin: null"}, 403, "refused origin_opaque", refusedFields()},
		{"no origin", "GET /", nil, 0, "allowed no_origin", emptied("add vary: Origin")},
		{"preflight in mode headers", "OPTIONS /", append(preflight(), "Host: headers.example"), 503, "refused list_unavailable", denied},
		{"mode headers", "GET /", []string{"Host: headers.example", "Origin: " + listed}, 0, "refused list_unavailable", emptied("add vary: Origin")},
		{"mode report", "OPTIONS /", append(preflight(), "Host: report.example"), 0, "refused list_unavailable", nil},
	} {
		got := h.check(row.rule, raw.question(row.line, row.headers...))
		if got.status() != row.status || got.metadata() != row.metadata || !slices.Equal(got.fields(), row.fields) {
			t.Errorf("%s: status %d, %s, %q; want %d, %s, %q", row.rule, got.status(), got.metadata(), got.fields(), row.status, row.metadata, row.fields)
		}
	}
}

// The tenant of a public path learns nothing of the user.
func TestCheck_DropsCredentialsOnPublicPaths(t *testing.T) {
	h := newHarness(t, options{})
	for path, want := range map[string][]string{"GET /assets/a.js": {"cookie", "authorization"}, "GET /": nil} {
		got := h.check(path, raw.question(path, "Origin: "+listed, "Cookie: sid=1")).GetOkResponse()
		if !slices.Equal(got.GetHeadersToRemove(), want) || got.GetHeaders() != nil {
			t.Errorf("%s: %v", path, got)
		}
	}
}

// An extended CONNECT (RFC 8441) is a WebSocket without a key, which Envoy shows as an
// upgrade.
func TestCheck_DecidesOnWebSocketsOfHTTP2(t *testing.T) {
	h := newHarness(t, options{config: func(c *proxy.Config) {
		c.Tenants[0].Policy.RequireOrigin = origins.RequireWebSocket
	}})
	for _, protocol := range []string{"HTTP/2", "HTTP/3"} {
		for _, e := range encodings() {
			for _, row := range []struct {
				rule     string
				headers  []string
				metadata string
			}{
				{"listed origin", []string{"Origin: " + listed}, "allowed listed"},
				{"length of zero", []string{"Origin: " + listed, "Content-Length: 0"}, "allowed listed"},
				{"key of a client that sends one", []string{"Origin: " + listed, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}, "allowed listed"},
				{"another origin", []string{"Origin: " + unlisted}, "refused origin_not_listed"},
				{"no origin, which is required", nil, "refused origin_required"},
				{"invalid key", []string{"Origin: " + listed, "Sec-WebSocket-Key: abc"}, "refused upgrade_refused"},
				{"body", []string{"Origin: " + listed, "Content-Length: 1"}, "refused upgrade_refused"},
			} {
				question := e.question("GET /ws", append(row.headers, "Upgrade: websocket", "Connection: Upgrade")...)
				question.Attributes.Request.Http.Protocol = protocol
				got := h.check(row.rule, question)
				if got.metadata() != row.metadata || strings.HasPrefix(row.metadata, "allowed") && got.exchange.Kind != origins.WebSocket {
					t.Errorf("%s, %s, %s: %s, %v", protocol, e, row.rule, got.metadata(), got.exchange.Kind)
				}
			}
		}
	}
}

// Envoy's address of the client counts as the peer's: X-Forwarded-For does not, unless
// that is a trusted proxy.
func TestCheck_TakesTheClientOfEnvoy(t *testing.T) {
	h := newHarness(t, options{config: func(c *proxy.Config) { c.TrustedProxies = prefixes("10.0.0.0/8") }})
	for from, want := range map[string]string{"192.0.2.7": "192.0.2.7", "10.0.0.1": "192.0.2.9", "2001:db8::1": "2001:db8::1", "::ffff:192.0.2.7": "192.0.2.7"} {
		question := raw.question("GET /", "X-Forwarded-For: 192.0.2.9, 10.0.0.1")
		question.Attributes.Source = &authv3.AttributeContext_Peer{Address: socketAddress(from, 1)}
		if got := h.check(from, question).exchange.Client.String(); got != want {
			t.Errorf("from %s: client %s, want %s", from, got, want)
		}
	}
}
