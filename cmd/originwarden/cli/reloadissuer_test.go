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

// A token with a known key id is verified without a request to the issuer.
func TestReload_KeepsIssuerKeys(t *testing.T) {
	var requests atomic.Int32
	var issuer *httptest.Server
	issuer = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if r.URL.Path == "/keys" { // the base point of P-256
			fmt.Fprint(w, `{"keys": [{"kty": "EC", "crv": "P-256", "kid": "a", "x": "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY", "y": "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}]}`)
			return
		}
		fmt.Fprintf(w, `{"issuer": %q, "jwks_uri": "%s/keys"}`, issuer.URL, issuer.URL)
	}))
	t.Cleanup(issuer.Close)

	hangups := make(chan os.Signal, 1)
	env := Environment{Hangup: func() (<-chan os.Signal, func()) { return hangups, func() {} }}
	r := launchGateway(t, env, t.TempDir(), tenantConfig(startServer(t, hello), `api: {oidc: {issuer: "`+issuer.URL+`", audience: lists}}`))
	t.Cleanup(func() { r.stop(t) })
	const forged = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImEifQ.e30.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	for _, when := range []string{"before", "after"} {
		response, text := send(t, "GET", r.tenants+collection, "", "Authorization: Bearer "+forged)
		if response.StatusCode != 401 || requests.Load() != 2 {
			t.Errorf("%s a reload: %d %s, %d requests to the issuer, want 2", when, response.StatusCode, text, requests.Load())
		}
		hangups <- syscall.SIGHUP
		r.await(t, r.stderr, `the configuration was reloaded`)
	}
}
