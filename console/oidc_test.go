package console_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"originwarden/console/gatewaytest"
)

const (
	clientID = "the-console"
	secret   = "the secret"
)

// issuer is a running OpenID Connect issuer, whose user agrees to every sign-in.
type issuer struct {
	url string
	key jose.JSONWebKey

	mu      sync.Mutex
	asked   map[string]url.Values // what a code was asked for with
	claims  map[string]any        // besides those of every token
	refuse  bool                  // the user does not agree
	problem string                // with what the console sent
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: jose.JSONWebKey{Key: private, KeyID: "first", Algorithm: string(jose.ES256), Use: "sig"}, asked: map[string]url.Values{}}
	server := httptest.NewServer(i)
	t.Cleanup(server.Close)
	t.Cleanup(func() {
		if i.problem != "" {
			t.Error(i.problem)
		}
	})
	i.url = server.URL
	return i
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		json.NewEncoder(w).Encode(map[string]any{"issuer": i.url, "jwks_uri": i.url + "/keys", "authorization_endpoint": i.url + "/authorize",
			"token_endpoint": i.url + "/token", "id_token_signing_alg_values_supported": []string{"ES256"}})
	case "/keys":
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{i.key.Public()}})
	case "/authorize":
		i.authorize(w, r)
	case "/token":
		i.exchange(w, r)
	}
}

func (i *issuer) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("response_type") != "code" || q.Get("client_id") != clientID || q.Get("code_challenge_method") != "S256" || !strings.Contains(q.Get("scope"), "openid") ||
		len(q.Get("state")) < 26 || len(q.Get("nonce")) < 26 {
		i.problem = fmt.Sprintf("the console asked for %v", q)
	}
	back := url.Values{"state": {q.Get("state")}, "error": {"access_denied"}}
	if !i.refuse {
		code := rand.Text()
		i.asked[code] = q
		back = url.Values{"state": {q.Get("state")}, "code": {code}, "iss": {i.url}}
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

func (i *issuer) exchange(w http.ResponseWriter, r *http.Request) {
	code := r.PostFormValue("code")
	asked, ok := i.asked[code]
	delete(i.asked, code)
	challenge := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	id, given, _ := r.BasicAuth()
	id, _ = url.QueryUnescape(id)
	given, _ = url.QueryUnescape(given)
	if !ok || asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(challenge[:]) || asked.Get("redirect_uri") != r.PostFormValue("redirect_uri") ||
		id != clientID || given != secret {
		w.WriteHeader(http.StatusBadRequest)
		json.NewEncoder(w).Encode(map[string]string{"error": "invalid_grant"})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"access_token": "opaque", "token_type": "Bearer", "expires_in": 60, "id_token": i.idToken(asked.Get("nonce"))})
}

func (i *issuer) idToken(nonce string) string {
	claims := map[string]any{"iss": i.url, "aud": clientID, "sub": "alice", "tenantId": "acme", "roles": []string{"TenantAdmin"}, "nonce": nonce,
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}
	maps.Copy(claims, i.claims)
	payload, _ := json.Marshal(claims)
	signer, _ := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: i.key}, nil)
	signed, _ := signer.Sign(payload)
	token, _ := signed.CompactSerialize()
	return token
}

func (i *issuer) set(claims map[string]any, refuse bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.claims, i.refuse = claims, refuse
}

// startWithIssuer starts a gateway to whose console users sign in by the issuer.
func startWithIssuer(t *testing.T, i *issuer) *gatewaytest.Gateway {
	t.Helper()
	g := gatewaytest.Start(t, configuration(t, gatewaytest.Token("admin", "*", "admin")))
	if err := os.WriteFile(filepath.Join(g.Dir, "secret"), []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g.Configure(t, withIssuer(t, g, i, "lists"))
	g.Reload(t)
	return g
}

func withIssuer(t *testing.T, g *gatewaytest.Gateway, i *issuer, audience string) string {
	return fmt.Sprintf("admin: {sign_in: {client_id: %s, secret_file: %s, redirect_url: %q}}\n", clientID, filepath.Join(g.Dir, "secret"), g.Admin+"/sign-in/callback") +
		strings.Replace(configuration(t), "api: {", fmt.Sprintf("api: {oidc: {issuer: %q, audience: %s}, ", i.url, audience), 1)
}

func TestIssuer_SignsIn(t *testing.T) {
	i := newIssuer(t)
	g := startWithIssuer(t, i)
	b := g.NewBrowser(t)
	if _, page := b.Get("/tenants/acme/web-integrations/new"); !strings.Contains(page, `href="/sign-in/issuer?to=%2Ftenants%2Facme%2Fweb-integrations%2Fnew"`) {
		t.Fatalf("the page to sign in at has no link: %s", page)
	}
	response, page := b.Get("/sign-in/issuer?to=/tenants/acme/web-integrations/new")
	if response.StatusCode != 200 || !strings.Contains(page, `content="0; url=/tenants/acme/web-integrations/new"`) {
		t.Fatalf("after the sign-in: %d %s", response.StatusCode, page)
	}
	line := g.AwaitLog(t, "a user signed in to the console")
	if !strings.Contains(line, "alice") || !strings.Contains(line, i.url) {
		t.Errorf("logged was %s", line)
	}
	b.Post(integrations, "name", "n", "origins", "https://a.example")
	_, list := b.Get(integrations)
	if !strings.Contains(list, "<bdi>alice</bdi>") || !strings.Contains(list, "administrator") {
		t.Errorf("alice sees %s", list)
	}
	if response, _ := b.Get("/tenants/other"); response.StatusCode != http.StatusForbidden {
		t.Errorf("another tenant: %d", response.StatusCode)
	}
	g.Configure(t, withIssuer(t, g, i, "other-lists"))
	g.Reload(t)
	if response, _ := b.Get("/"); response.Request.URL.Path != "/sign-in" {
		t.Errorf("the session is valid with other settings of the issuer: %s", response.Request.URL)
	}
}

// Whoever turns the sign-in off wants nobody to be signed in by it.
func TestIssuer_SessionsEndWithTheSettingsOfTheClient(t *testing.T) {
	for _, row := range []struct {
		rule, old, new string
		path           string // where the browser gets to
	}{
		{"as before", "", "", "/tenants/acme"},
		{"turned off", "admin: {sign_in: {", "admin: {}\n#", "/sign-in"},
		{"another client", "client_id: " + clientID, "client_id: another", "/sign-in"},
		{"another URL", "http://127.0.0.1:", "http://localhost:", "/sign-in"},
	} {
		t.Run(row.rule, func(t *testing.T) {
			i := newIssuer(t)
			g := startWithIssuer(t, i)
			b := g.NewBrowser(t)
			b.Get("/sign-in/issuer")
			g.Configure(t, strings.Replace(withIssuer(t, g, i, "lists"), row.old, row.new, 1))
			g.Reload(t)
			if response, _ := b.Get("/"); response.Request.URL.Path != row.path {
				t.Errorf("the browser is at %s, want %s", response.Request.URL, row.path)
			}
		})
	}
}

func TestIssuer_GrantsWhatItsClaimsSay(t *testing.T) {
	for _, row := range []struct {
		rule   string
		claims map[string]any
		refuse bool
		status int    // of the callback
		create int    // of a form
		log    string // why it failed
	}{
		{rule: "administrator", status: 200, create: 303},
		{rule: "reader", claims: map[string]any{"roles": []string{"Viewer"}}, status: 200, create: 403},
		{rule: "no role", claims: map[string]any{"roles": nil}, status: 200, create: 403},
		{rule: "another tenant", claims: map[string]any{"tenantId": "other"}, status: 200, create: 403},
		{rule: "no tenant", claims: map[string]any{"tenantId": nil}, status: 200, create: 403},
		{rule: "all tenants are none", claims: map[string]any{"tenantId": "*"}, status: 200, create: 403},
		{rule: "the user does not agree", refuse: true, status: 403, create: 401},
		{rule: "another client's token", claims: map[string]any{"aud": "another"}, status: 502, create: 401, log: "verifying the token"},
		{rule: "issued to another client", claims: map[string]any{"aud": []string{clientID, "another"}, "azp": "another"}, status: 502, create: 401, log: "another client"},
		{rule: "several audiences without azp", claims: map[string]any{"aud": []string{clientID, "another"}}, status: 502, create: 401, log: "another client"},
		{rule: "another sign-in's token", claims: map[string]any{"nonce": "replayed"}, status: 502, create: 401, log: "another sign-in"},
		{rule: "no nonce", claims: map[string]any{"nonce": nil}, status: 502, create: 401, log: "another sign-in"},
		{rule: "expired", claims: map[string]any{"exp": 1}, status: 502, create: 401, log: "expired"},
		{rule: "another issuer's token", claims: map[string]any{"iss": "https://evil.example"}, status: 502, create: 401, log: "verifying the token"},
	} {
		t.Run(row.rule, func(t *testing.T) {
			i := newIssuer(t)
			i.set(row.claims, row.refuse)
			g := startWithIssuer(t, i)
			b := g.NewBrowser(t)
			if response, page := b.Get("/sign-in/issuer"); response.StatusCode != row.status {
				t.Errorf("signing in: %d, want %d: %s", response.StatusCode, row.status, page)
			}
			if row.log != "" {
				g.AwaitLog(t, row.log)
			}
			if response, _ := noRedirects(b).Post(integrations, "name", "n", "origins", ""); response.StatusCode != row.create {
				t.Errorf("creating: %d, want %d", response.StatusCode, row.create)
			}
		})
	}
}

func TestCallback_RefusesWhatThisBrowserHasNotBegun(t *testing.T) {
	i := newIssuer(t)
	g := startWithIssuer(t, i)
	attacker := noRedirects(g.NewBrowser(t))
	begun, _ := attacker.Get("/sign-in/issuer")
	state := begun.Cookies()[0]
	if state.SameSite != http.SameSiteLaxMode || !state.HttpOnly {
		t.Errorf("the state is kept in %+v", state)
	}
	answer, _ := attacker.Send(request(t, "GET", begun.Header.Get("Location"), ""))
	back := answer.Header.Get("Location")
	for _, row := range []struct {
		rule, url string
		cookies   []*http.Cookie
		status    int
	}{
		{"another browser", back, nil, 400},
		{"another state", strings.Replace(back, "state=", "state=x", 1), []*http.Cookie{state}, 400},
		{"no state", g.Admin + "/sign-in/callback?code=x", []*http.Cookie{state}, 400},
		{"a cookie that is none", g.Admin + "/sign-in/callback?code=x&state=", []*http.Cookie{{Name: state.Name, Value: "e30"}}, 400},
		{"two cookies", back, []*http.Cookie{state, {Name: state.Name, Value: "x"}}, 400},
		{"another issuer", strings.Replace(back, "iss=", "iss=x", 1), []*http.Cookie{state}, 502},
		{"this browser", back, []*http.Cookie{state}, 200},
		{"the same code again", back, []*http.Cookie{state}, 502},
	} {
		t.Run(row.rule, func(t *testing.T) {
			r := request(t, "GET", row.url, "")
			for _, c := range row.cookies {
				r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
			}
			client := &http.Client{CheckRedirect: attacker.CheckRedirect}
			response, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != row.status {
				t.Errorf("got %d, want %d", response.StatusCode, row.status)
			}
		})
	}
}

func TestIssuer_ThatIsDownLeavesTokens(t *testing.T) {
	g := gatewaytest.Start(t, strings.Replace(configuration(t, gatewaytest.Token("admin", "*", "admin")), "api: {",
		fmt.Sprintf("admin: {sign_in: {client_id: c, redirect_url: \"http://localhost/sign-in/callback\"}}\napi: {oidc: {issuer: %q, audience: lists}, ", "http://127.0.0.1:1"), 1))
	b := g.NewBrowser(t)
	if response, page := b.Get("/sign-in/issuer?to=/tenants/acme"); response.StatusCode != http.StatusBadGateway || !strings.Contains(page, `name="token"`) {
		t.Errorf("got %d %s", response.StatusCode, page)
	}
	g.AwaitLog(t, "signing in by the issuer")
	if response, _ := g.SignIn(t, "admin").Get("/tenants/acme"); response.StatusCode != 200 {
		t.Errorf("a token: %d", response.StatusCode)
	}
}
