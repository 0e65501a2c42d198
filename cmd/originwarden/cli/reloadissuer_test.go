package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
)

// A token that names a known key is looked at without asking the issuer.
func TestReload_KeepsTheKeysOfTheIssuer(t *testing.T) {
	var asked atomic.Int32
	var issuer *httptest.Server
	issuer = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.URL.Path == "/keys" { // the point that P-256 begins with
			fmt.Fprint(w, `{"keys": [{"kty": "EC", "crv": "P-256", "kid": "a", "x": "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY", "y": "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}]}`)
			return
		}
		fmt.Fprintf(w, `{"issuer": %q, "jwks_uri": "%s/keys"}`, issuer.URL, issuer.URL)
	}))
	t.Cleanup(issuer.Close)

	hangups := make(chan os.Signal, 1)
	env := Environment{Hangup: func() (<-chan os.Signal, func()) { return hangups, func() {} }}
	r := startServing(t, env, t.TempDir(), oneTenant(upstream(t, hello), `api: {oidc: {issuer: "`+issuer.URL+`", audience: lists}}`))
	t.Cleanup(func() { r.stop(t) })
	const forged = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImEifQ.e30.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	for _, when := range []string{"before", "after"} {
		response, text := send(t, "GET", r.tenants+collection, "", "Authorization: Bearer "+forged)
		if response.StatusCode != 401 || asked.Load() != 2 {
			t.Errorf("%s a reload: %d %s, and the issuer was asked %d times, not twice in all", when, response.StatusCode, text, asked.Load())
		}
		hangups <- syscall.SIGHUP
		r.await(t, r.stderr, `the configuration was reloaded`)
	}
}
