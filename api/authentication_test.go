package api_test

import (
	"crypto/sha256"
	"net/http"
	"strings"
	"testing"

	"originwarden/api/auth"
)

func TestAuthentication_RequiresExactlyOneKnownBearerToken(t *testing.T) {
	g := newTestAPI(t)
	for _, tt := range []struct {
		rule  string
		lines []string
		want  int
	}{
		{"valid token", []string{"Bearer " + adminToken}, 200},
		{"lower-case scheme", []string{"bearer " + adminToken}, 200},
		{"upper-case scheme", []string{"BEARER " + adminToken}, 200},
		{"several spaces", []string{"Bearer   " + adminToken}, 200},
		{"token for all tenants", []string{"Bearer " + globalToken}, 200},
		{"token of a reader", []string{"Bearer " + readerToken}, 200},

		{"no header", nil, 401},
		{"empty header", []string{""}, 401},
		{"repeated header", []string{"Bearer " + adminToken, "Bearer " + adminToken}, 401},
		{"second header of another scheme", []string{"Bearer " + adminToken, "Basic eA=="}, 401},
		{"unknown token", []string{"Bearer " + adminToken + "x"}, 401},
		{"token in another case", []string{"Bearer " + strings.ToUpper(adminToken)}, 401},
		{"no token", []string{"Bearer"}, 401},
		{"no token after the space", []string{"Bearer "}, 401},
		{"no scheme", []string{adminToken}, 401},
		{"other scheme", []string{"Basic " + adminToken}, 401},
		{"scheme with a colon", []string{"Bearer: " + adminToken}, 401},
		{"a tab", []string{"Bearer\t" + adminToken}, 401},
		{"two tokens", []string{"Bearer " + adminToken + " " + adminToken}, 401},
		{"two tokens with a comma", []string{"Bearer " + adminToken + ",Bearer " + adminToken}, 401},
		{"a quoted token", []string{`Bearer "` + adminToken + `"`}, 401},
		{"invalid character", []string{"Bearer " + adminToken + "\x80"}, 401},
		{"only padding", []string{"Bearer =="}, 401},
		{"very long token", []string{"Bearer " + strings.Repeat("a", 100_000)}, 401},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			got := g.sendLines(request{path: collection, token: "-"}, "Authorization", tt.lines)
			if got.status != tt.want {
				t.Fatalf("status %d: %s, want %d", got.status, got.body, tt.want)
			}
			if got.status == http.StatusUnauthorized && got.header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("WWW-Authenticate %q", got.header.Get("WWW-Authenticate"))
			}
		})
	}
}

// A malformed token is refused even if its hash is configured.
func TestAuthentication_RefusesMalformedTokensEvenIfConfigured(t *testing.T) {
	g := newTestAPI(t)
	for _, tt := range []struct {
		rule, text string
		want       int
	}{
		{"every valid character", "aZ09-._~+/==", 200},
		{"longest token", strings.Repeat("a", 8192), 200},
		{"too long token", strings.Repeat("a", 8193), 401},
		{"empty token", "", 401},
		{"only padding", "==", 401},
		{"padding in the middle", "a=b", 401},
		{"a space", "a b", 401},
		{"a quotation mark", `"a"`, 401},
		{"a comma", "a,b", 401},
		{"non-ASCII byte", "a\x80", 401},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			g.config.Auth.Tokens = []auth.Token{tokenFor(tt.text)}
			g.serve(func(h http.Handler) http.Handler { return h })
			got := g.sendLines(request{path: collection, token: "-"}, "Authorization", []string{"Bearer " + tt.text})
			if got.status != tt.want {
				t.Errorf("status %d, want %d", got.status, tt.want)
			}
			// A configured hash of the empty text must not accept a missing token.
			if got := g.send(request{path: collection, token: "-"}); got.status != http.StatusUnauthorized {
				t.Errorf("no token: status %d, want 401", got.status)
			}
		})
	}
}

func TestAuthentication_UsesFirstTokenOfEqualHashes(t *testing.T) {
	g := newTestAPI(t)
	reader := tokenFor("twice")
	reader.Role = auth.Reader
	g.config.Auth.Tokens = []auth.Token{reader, tokenFor("twice")}
	g.serve(func(h http.Handler) http.Handler { return h })
	if got := g.send(request{method: "POST", path: collection, token: "twice", body: `{"name":"n"}`}); got.status != http.StatusForbidden {
		t.Errorf("status %d, want 403", got.status)
	}
}

func TestAuthentication_FailsWithTheSameResponseForEveryCause(t *testing.T) {
	g := newTestAPI(t)
	id := g.create("n").ID
	var first string
	for _, r := range []request{
		{path: collection, token: "-"},
		{path: collection, token: "unknown"},
		{path: collection, token: "not a token"},
		{method: "POST", path: collection, token: "-", body: "{"},
		{method: "POST", path: collection, token: "-", header: map[string]string{"Content-Type": "text/plain"}},
		{method: "POST", path: collection, token: "-", body: strings.Repeat("x", 10_000)},
		{method: "PUT", path: collection, token: "-"},
		{method: "DELETE", path: collection + "/" + id, token: "unknown"},
		{path: collection + "/" + id, token: "unknown"},
		{path: collection + "/unknown", token: "-"},
		{path: "/elsewhere", token: "-"},
	} {
		got := g.send(r)
		body := strings.Replace(got.body, got.document(t).TraceID, "", 1)
		if first == "" {
			first = body
		}
		if got.status != http.StatusUnauthorized || body != first || got.problems(t) != "AUTH-1" || got.header.Get("Allow") != "" {
			t.Errorf("%s %s: status %d, body %s, want 401, %s", r.method, r.path, got.status, body, first)
		}
	}
	if got := g.read(id); got.status != http.StatusOK {
		t.Errorf("the web integration cannot be read: status %d", got.status)
	}
}

func TestAuthorization_RefusesTokenOfAnotherTenantFirst(t *testing.T) {
	g := newTestAPI(t)
	id := g.create("n").ID
	for _, r := range []request{
		{path: collection}, {path: collection + "/" + id}, {path: collection + "/unknown"}, {method: "PUT", path: collection},
		{method: "POST", path: collection, body: "{"}, {method: "PATCH", path: collection + "/" + id, body: `[]`},
		{method: "DELETE", path: collection + "/" + id},
	} {
		r.token = otherToken
		if got := g.send(r); got.status != http.StatusForbidden || got.problems(t) != "WEBINTEGRATIONS_FORBIDDEN" || got.header.Get("Allow") != "" {
			t.Errorf("%s %s: status %d, want 403: %s", r.method, r.path, got.status, got.body)
		}
	}
}

func TestAuthorization_AllowsReaderOnlyToRead(t *testing.T) {
	g := newTestAPI(t)
	item := collection + "/" + g.create("n").ID
	for _, tt := range []struct {
		r    request
		want int
	}{
		{request{method: "GET", path: collection}, 200},
		{request{method: "HEAD", path: item}, 200},
		{request{method: "GET", path: item}, 200},
		{request{method: "POST", path: collection, body: `{"name":"n"}`}, 403},
		{request{method: "POST", path: collection, body: `{`}, 403},
		{request{method: "POST", path: collection, header: map[string]string{"Content-Type": "text/plain"}}, 403},
		{request{method: "PATCH", path: item, body: `[]`}, 403},
		{request{method: "DELETE", path: item}, 403},
		{request{method: "DELETE", path: collection + "/" + strings.Repeat("x", 32)}, 403},
		{request{method: "PUT", path: item}, 405},
	} {
		tt.r.token = readerToken
		if got := g.send(tt.r); got.status != tt.want || tt.want == 403 && got.problems(t) != "WEBINTEGRATIONS_FORBIDDEN" {
			t.Errorf("%s %s: status %d: %s, want status %d", tt.r.method, tt.r.path, got.status, got.body, tt.want)
		}
	}
}

func TestAuthorization_RefusesEveryoneWithoutTokens(t *testing.T) {
	g := newTestAPI(t)
	g.config.Auth.Tokens = nil
	g.serve(func(h http.Handler) http.Handler { return h })
	for _, token := range []string{"-", adminToken} {
		if got := g.send(request{path: collection, token: token}); got.status != http.StatusUnauthorized {
			t.Errorf("token %s: status %d, want 401", token, got.status)
		}
	}
}

func TestCreate_SetsCreatedByToTokenSubject(t *testing.T) {
	g := newTestAPI(t)
	for token, want := range map[string]string{adminToken: "ops", globalToken: "root"} {
		got := g.send(request{method: "POST", path: collection, body: `{"name":"n"}`, token: token})
		if made := got.integration(t); made.CreatedBy != want || made.TenantID != "acme" {
			t.Errorf("%+v, want by %s", made, want)
		}
	}
}

// tokenFor returns an administrator's token with this text.
func tokenFor(text string) auth.Token {
	return auth.Token{Subject: "ops", Tenant: "acme", Role: auth.Admin, SHA256: sha256.Sum256([]byte(text))}
}
