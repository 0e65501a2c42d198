package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"originwarden/api/auth"
)

// issuer is an OpenID Connect issuer.
type issuer struct {
	url string
	key jose.JSONWebKey
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: jose.JSONWebKey{Key: private, KeyID: "first", Algorithm: string(jose.ES256), Use: "sig"}}
	server := httptest.NewServer(i)
	t.Cleanup(server.Close)
	i.url = server.URL
	return i
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/keys" {
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{i.key.Public()}})
		return
	}
	json.NewEncoder(w).Encode(map[string]string{"issuer": i.url, "jwks_uri": i.url + "/keys"})
}

// token returns a valid token of the subject.
func (i *issuer) token(t *testing.T, subject string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: i.key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	claims, _ := json.Marshal(map[string]any{"iss": i.url, "aud": "lists", "sub": subject, "tenantId": "acme", "exp": time.Now().Add(time.Hour).Unix()})
	signed, err := signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func authenticate(a *auth.Authenticator, token, address string) (auth.Caller, error) {
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = address
	r.Header.Set("Authorization", "Bearer "+token)
	return a.Authenticate(r)
}

const (
	clientAddress = "192.0.2.1"
	otherAddress  = "192.0.2.99"
)

// isLimited reports whether err is that the limit of failed attempts was reached.
func isLimited(err error) bool {
	limit, ok := errors.AsType[*auth.RateLimitError](err)
	return ok && limit.Limit == auth.LimitFailed
}

// Invalid tokens from addresses above the limit cost at most a fixed number of
// concurrent verifications.
func TestAuthenticate_BoundsVerificationOverLimit(t *testing.T) {
	i := newIssuer(t)
	synctest.Test(t, func(t *testing.T) {
		a := auth.New(auth.Settings{OIDC: auth.OIDC{Issuer: i.url, Audience: "lists"}, RateLimits: auth.RateLimits{Failed: 1}}, nil)
		known, late := i.token(t, "known"), i.token(t, "late")
		if _, err := authenticate(a, known, clientAddress); err != nil {
			t.Fatal(err)
		}
		if _, err := authenticate(a, "none", clientAddress); !errors.Is(err, auth.ErrTokenMissing) {
			t.Fatal(err)
		}
		release := auth.OccupyVerification(a)
		begin := time.Now()
		if _, err := authenticate(a, late, clientAddress); !isLimited(err) {
			t.Errorf("during too many verifications: error %v, want the limit of failed attempts", err)
		}
		if took := time.Since(begin); took <= 0 || took > time.Second {
			t.Errorf("Authenticate returned after %s, want up to 1 s", took)
		}
		if _, err := authenticate(a, known, clientAddress); err != nil {
			t.Errorf("known token: %v", err)
		}
		if _, err := authenticate(a, late, otherAddress); err != nil {
			t.Errorf("address below the limit: %v", err)
		}
		release()
		if _, err := authenticate(a, i.token(t, "later"), clientAddress); err != nil {
			t.Errorf("after the verifications: %v", err)
		}
	})
}

// A bucket keeps its level if its limit changes, up to the new limit.
func TestReconfigure_KeepsLevelOfBuckets(t *testing.T) {
	for _, row := range []struct {
		rule                string
		before, used, after int
		waited, since       time.Duration // before the change, and after it
		left                int
		restored            bool
		useEarlierCaller    bool
	}{
		{rule: "same limit", before: 3, used: 2, after: 3, left: 1},
		{rule: "higher limit", before: 3, used: 2, after: 60, left: 1},
		{rule: "lower limit caps level", before: 60, used: 1, after: 5, left: 5},
		{rule: "lower limit does not fill bucket", before: 3, used: 3, after: 2, left: 0},
		{rule: "limit removed", before: 3, used: 3, after: 0, left: 100},
		{rule: "refilled at the old rate before", before: 60, used: 60, after: 6, waited: 3 * time.Second, left: 3},
		{rule: "refilled at the new rate after", before: 60, used: 60, after: 6, since: 20 * time.Second, left: 2},
		{rule: "limit removed and restored", before: 3, used: 3, after: 3, restored: true, left: 0},
		{rule: "caller authenticated before has new limit", before: 3, used: 3, after: 2, useEarlierCaller: true, left: 2},
	} {
		t.Run(row.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				settings := func(limit int) auth.Settings {
					return auth.Settings{
						Tokens:     []auth.Token{{Subject: "ops", Tenant: "acme", SHA256: sha256.Sum256([]byte("secret"))}},
						RateLimits: auth.RateLimits{Tier1: limit},
					}
				}
				a := auth.New(settings(row.before), nil)
				before, err := authenticate(a, "secret", clientAddress)
				if err != nil || countReads(before, row.used) != row.used {
					t.Fatalf("Authenticate: %v; want no error and %d reads below the limit", err, row.used)
				}
				time.Sleep(row.waited + 1)
				if row.restored {
					a.Reconfigure(settings(0))
				}
				a.Reconfigure(settings(row.after))
				time.Sleep(row.since)
				caller, _ := authenticate(a, "secret", clientAddress)
				if row.useEarlierCaller {
					countReads(caller, 1)
					time.Sleep(time.Minute) // which fills the bucket
					caller = before
				}
				if got := countReads(caller, 100); got != row.left {
					t.Errorf("%d requests are left, want %d", got, row.left)
				}
			})
		})
	}
}

// countReads makes up to n reads and returns how many were below the limit.
func countReads(c auth.Caller, n int) (below int) {
	for range n {
		if c.CountRead("acme") == nil {
			below++
		}
	}
	return below
}
