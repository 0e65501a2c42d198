package decidetest

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"originwarden/origins"
	"originwarden/proxy"
)

// Origins of the tenant acme in Decisions: two that are listed, by different web
// integrations, one that is not, and that of the tenant itself.
const (
	Listed   = "https://app.example.com"
	Other    = "https://other.example.com"
	Unlisted = "https://evil.example"
	Public   = "https://tenant.example"
)

// Suites returns all suites, in every mode where that makes a difference.
func Suites(t testing.TB) []Suite {
	t.Helper()
	all := []Suite{originValues(t), patterns(t), publicPaths(t), gatewayAPI(t)}
	for _, mode := range []proxy.Mode{proxy.Enforce, proxy.Headers, proxy.Report} {
		all = append(all, Decisions(mode))
	}
	return all
}

func policy() origins.Policy {
	return origins.Policy{
		PublicOrigins: []string{Public}, PostFromAnywhere: []string{"/callback"}, PublicPaths: []string{"/public/*"},
		Methods: methods(), RequestHeaders: []string{"*"},
	}
}

// answer answers for the tenants and their API.
func answer(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, Tenant) }

func acme(mode proxy.Mode, p origins.Policy) proxy.Tenant {
	return proxy.Tenant{
		ID: "acme", Hosts: []string{"acme.example"}, Mode: mode, Policy: p,
		API: http.HandlerFunc(answer), IsAPIPath: func(path string) bool { return strings.HasPrefix(path+"/", "/api/v1/web-integrations/") },
	}
}

// Decisions returns requests for all that a decision depends on.
func Decisions(mode proxy.Mode) Suite {
	o, u, key := "Origin: "+Listed, "Origin: "+Unlisted, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
	handshake := []string{"Upgrade: websocket", "Connection: keep-alive, Upgrade", "Sec-WebSocket-Version: 13"}
	webSocket := append(handshake, key)
	const preflight = "Access-Control-Request-Method: "
	return Suite{
		Name:    "decisions in mode " + mode.String(),
		Tenants: []proxy.Tenant{acme(mode, policy()), {ID: "empty", Hosts: []string{"empty.example"}, Policy: policy()}},
		Lists:   map[string]map[string][]string{"acme": {"first": {Listed}, "second": {Other}}},
		Requests: []Request{
			newRequest("no origin", "no_origin", "GET /"),
			newRequest("listed", "listed", "GET /", o),
			newRequest("unlisted", "origin_not_listed", "GET /", u),
			newRequest("any method of an actual request", "listed", "DELETE /", o),
			newRequest("null", "origin_opaque", "GET /", "Origin: null"),
			newRequest("null of the tenant's own form", "same_origin", "POST /", "Origin: null", "Sec-Fetch-Site: same-origin"),
			newRequest("null of another site", "origin_opaque", "POST /", "Origin: null", "Sec-Fetch-Site: cross-site"),
			newRequest("malformed", "origin_malformed", "GET /", "Origin: https://a/"),
			newRequest("empty", "origin_malformed", "GET /", "Origin:"),
			newRequest("repeated", "origin_repeated", "GET /", o, o),
			newRequest("joined", "origin_malformed", "GET /", o+", "+Listed),
			newRequest("public origin", "same_origin", "GET /", "Origin: "+Public),
			newRequest("exempt path", "path_exempt", "POST /callback", "Origin: null"),
			newRequest("public path", "path_public", "GET /public/a", u),
			newRequest("path that may be read as another", "origin_not_listed", "GET /public/%2e%2e/a", u),
			newRequest("preflight of a public path", "path_public", "OPTIONS /public/a", u, preflight+"GET"),
			newRequest("preflight", "listed", "OPTIONS /", o, preflight+"PUT", "Access-Control-Request-Headers: a,b"),
			newRequest("preflight, headers in lines", "listed", "OPTIONS /", o, preflight+"PUT", "Access-Control-Request-Headers: a", "Access-Control-Request-Headers: b"),
			newRequest("preflight, other method", "method_not_allowed", "OPTIONS /", o, preflight+"DELETE"),
			newRequest("preflight, two methods", "method_not_allowed", "OPTIONS /", o, preflight+"PUT", preflight+"PUT"),
			newRequest("preflight, unlisted", "origin_not_listed", "OPTIONS /", u, preflight+"PUT"),
			newRequest("preflight, malformed header", "header_not_allowed", "OPTIONS /", o, preflight+"PUT", "Access-Control-Request-Headers: a b"),
			newRequest("preflight, repeated origin", "origin_repeated", "OPTIONS /", o, o, preflight+"PUT"),
			newRequest("OPTIONS that is no preflight", "listed", "OPTIONS /", o),
			newRequest("integration", "listed", "GET /", o, "Qlik-Web-Integration-Id: first"),
			newRequest("integration in the query", "origin_not_in_web_integration", "GET /?a=1,2&qlik-web-integration-id=second", o),
			newRequest("unknown integration", "web_integration_unknown", "GET /?qlik-web-integration-id=x", o),
			newRequest("two integrations", "web_integration_ambiguous", "GET /?qlik-web-integration-id=first", o, "Qlik-Web-Integration-Id: second"),
			newRequest("WebSocket", "listed", "GET /", append(webSocket, o)...),
			newRequest("WebSocket, unlisted", "origin_not_listed", "GET /", append(webSocket, u)...),
			newRequest("WebSocket to a public path", "origin_not_listed", "GET /public/a", append(webSocket, u)...),
			newRequest("WebSocket without key", "upgrade_refused", "GET /", append(handshake, o)...),
			newRequest("WebSocket with a short key", "upgrade_refused", "GET /", append(handshake, o, "Sec-WebSocket-Key: AAAA")...),
			newRequest("WebSocket with two keys", "upgrade_refused", "GET /", append(handshake, o, key, key)...),
			newRequest("WebSocket by POST", "upgrade_refused", "POST /", append(webSocket, o)...),
			newRequest("path of the API", "listed", "GET /api/v1/web-integrations", o),
			newRequest("path of the API, unlisted", "origin_not_listed", "GET /api/v1/web-integrations/1", u),
			newRequest("unknown host", "tenant_unknown", "GET /", o, "Host: unknown.example"),
			newRequest("host with a port", "listed", "GET /", o, "Host: ACME.example.:8443"),
			newRequest("tenant without lists", "origin_not_listed", "GET /", o, "Host: empty.example"),
			newRequest("OPTIONS *", "options_asterisk", "OPTIONS *", o),
			newRequest("* of another method", "bad_request", "GET *", o),
			newRequest("TRACE", "method_not_allowed", "TRACE /", o),
			newRequest("long target", "url_too_long", "GET /"+strings.Repeat("u", MaxURL), o),
		},
	}
}

// originValues are those of origins/testdata/origins.tsv.
func originValues(t testing.TB) Suite {
	return valuesOf(t, "origins.tsv", 3, 100, origins.NoPatterns)
}

// patterns are those of origins/testdata/patterns.tsv.
func patterns(t testing.TB) Suite {
	return valuesOf(t, "patterns.tsv", 4, 80, origins.HostedPatterns)
}

// valuesOf returns a GET with each Origin of a table that a header can have.
func valuesOf(t testing.TB, name string, columns, least int, permitted origins.Patterns) Suite {
	t.Helper()
	rows, comments := readTable(t, "origins/testdata/"+name, columns)
	_, entries, _ := strings.Cut(comments, " The list they are held against: ")
	entries, _, _ = strings.Cut(entries, "\n")
	p := policy()
	p.Patterns = permitted
	s := Suite{Name: name, Tenants: []proxy.Tenant{acme(proxy.Enforce, p)}, Lists: map[string]map[string][]string{"acme": {"list": strings.Fields(entries)}}}
	reasons := map[string]string{"listed": "listed", "not_listed": "origin_not_listed", "malformed": "origin_malformed", "opaque": "origin_opaque"}
	for _, row := range rows {
		if value := row[0]; strings.TrimSpace(value) == value && !strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			s.Requests = append(s.Requests, newRequest(row[columns-1], reasons[row[1]], "GET /", "Origin: "+value))
		}
	}
	if len(s.Requests) < least {
		t.Fatalf("%d requests of %s, want at least %d", len(s.Requests), name, least)
	}
	return s
}

// publicPaths are the requests of proxy/testdata/public-paths.tsv.
func publicPaths(t testing.TB) Suite {
	t.Helper()
	rows, _ := readTable(t, "proxy/testdata/public-paths.tsv", 4)
	p := policy()
	p.PublicPaths = []string{"/.well-known/openid-configuration", "/.well-known/jwks.json", "/assets/*", "/api/*"}
	s := Suite{Name: "public paths", Tenants: []proxy.Tenant{acme(proxy.Enforce, p), {ID: "empty", Hosts: []string{"empty.example"}}}, Lists: map[string]map[string][]string{"acme": {"first": {Listed}}}}
	for _, row := range rows {
		r := newRequest(row[3], row[0], row[1], strings.Split(row[2], " | ")...)
		r.Unparsed = r.Reason == "unparsed"
		s.Requests = append(s.Requests, r)
	}
	if len(rows) < 150 {
		t.Fatalf("%d rows, want at least 150", len(rows))
	}
	return s
}

// gatewayAPI are the requests of proxy/testdata/gateway-api-cors.tsv.
func gatewayAPI(t testing.TB) Suite {
	t.Helper()
	rows, _ := readTable(t, "proxy/testdata/gateway-api-cors.tsv", 0)
	s := Suite{Name: "Gateway API", Lists: map[string]map[string][]string{}}
	list := func(cell string) []string { return strings.Fields(strings.Trim(cell, "-")) }
	for _, row := range rows {
		switch {
		case row[0] == "policy" && len(row) == 9:
			s.Lists[row[1]] = map[string][]string{"route": list(row[3])}
			cors := &proxy.CORS{Credentials: row[4] == "true", Methods: list(row[5]), ExposeHeaders: list(row[7])}
			s.Tenants = append(s.Tenants, proxy.Tenant{ID: row[1], Hosts: []string{row[1]}, Mode: proxy.Headers, CORS: cors,
				Policy: origins.Policy{Methods: cors.Methods, RequestHeaders: list(row[6])}})
		case row[0] == "case" && len(row) == 7:
			s.Requests = append(s.Requests, newRequest(row[6], "", row[2]+" /"+row[1], append(strings.Split(row[3], " | "), "Host: "+row[1])...))
		default:
			t.Fatalf("invalid row: %q", row)
		}
	}
	if len(s.Requests) != 19 {
		t.Fatalf("%d cases, want 19", len(s.Requests))
	}
	return s
}

// readTable returns the rows of a table of this module, and its comments. Each row has
// that many columns, unless columns is 0.
func readTable(t testing.TB, name string, columns int) (rows [][]string, comments string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(moduleRoot(t), filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "# ") || line == "#\n" {
			comments += line
			continue
		}
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if columns != 0 && len(cells) != columns {
			t.Fatalf("%s: row with %d columns: %q", name, len(cells), line)
		}
		rows = append(rows, cells)
	}
	return rows, comments
}

// moduleRoot returns the folder of the module whose test runs.
func moduleRoot(t testing.TB) string {
	t.Helper()
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder
		}
		if folder == filepath.Dir(folder) {
			t.Fatal("the test runs outside the module")
		}
	}
}
