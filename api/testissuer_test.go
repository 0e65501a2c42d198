package api_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"originwarden/api"
	"originwarden/api/auth"
)

// testIssuer is a running OpenID Connect issuer.
type testIssuer struct {
	url string

	mu      sync.Mutex
	keys    []jose.JSONWebKey // the first one signs; all are published
	serve   http.HandlerFunc  // replaces publish if not nil
	fetched int               // number of requests for the keys
	asked   int               // number of all requests
}

const audience = "https://api.example"

// newTestIssuer starts an issuer that signs with an ES256 key named "first".
func newTestIssuer(t testing.TB) *testIssuer {
	t.Helper()
	i := &testIssuer{keys: []jose.JSONWebKey{newES256Key(t, "first")}}
	server := httptest.NewServer(i)
	t.Cleanup(server.Close)
	i.url = server.URL
	return i
}

func (i *testIssuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	serve := i.serve
	i.asked++
	if r.URL.Path == "/keys" {
		i.fetched++
	}
	i.mu.Unlock()
	if serve == nil {
		serve = i.publish
	}
	serve(w, r)
}

// publish serves the discovery document and the keys.
func (i *testIssuer) publish(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/keys" {
		json.NewEncoder(w).Encode(map[string]string{"issuer": i.url, "jwks_uri": i.url + "/keys"})
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, key := range i.keys {
		set.Keys = append(set.Keys, key.Public())
	}
	json.NewEncoder(w).Encode(set)
}

// setHandler makes the issuer respond with serve, or with publish if serve is nil.
func (i *testIssuer) setHandler(serve http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.serve = serve
}

// closeConnection closes the connection without a response.
func closeConnection(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		conn.Close()
	}
}

// rotate replaces the keys of the issuer. The first one signs.
func (i *testIssuer) rotate(keys ...jose.JSONWebKey) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = keys
}

// fetches returns how often the keys were fetched.
func (i *testIssuer) fetches() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetched
}

// calls returns the number of requests to the issuer.
func (i *testIssuer) calls() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

// config returns the configuration of an API over an empty store that accepts the
// issuer's tokens.
func (i *testIssuer) config() api.Config {
	c := newConfig(emptyStore())
	c.Auth.OIDC = auth.OIDC{Issuer: i.url, Audience: audience}
	return c
}

func (i *testIssuer) api() http.Handler { return api.New(i.config()).Tenant("acme") }

// changes are claims that replace the default ones.
type changes map[string]any

// absent is the value of a claim that is removed.
const absent = "\x00absent"

// claims returns the claims of an administrator of acme, with changes.
func (i *testIssuer) claims(changed changes) []byte {
	all := map[string]any{
		"iss": i.url, "aud": audience, "sub": "alice", "tenantId": "acme", "roles": []string{"TenantAdmin"},
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	maps.Copy(all, changed)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == absent })
	payload, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return payload
}

// token returns a valid token with changes, signed with the issuer's first key.
func (i *testIssuer) token(t testing.TB, changed changes) string {
	t.Helper()
	i.mu.Lock()
	key := i.keys[0]
	i.mu.Unlock()
	return signToken(t, key, i.claims(changed), nil)
}

// signToken signs payload with key. The algorithm and the key's name are in the
// header unless header replaces them.
func signToken(t testing.TB, key jose.JSONWebKey, payload []byte, header map[string]any) string {
	t.Helper()
	options := &jose.SignerOptions{}
	for name, value := range header {
		options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	object, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// encodeToken encodes a token with any header, payload and signature.
func encodeToken(header string, payload, signature []byte) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode(payload) + "." + encode(signature)
}

func newES256Key(t testing.TB, name string) jose.JSONWebKey {
	t.Helper()
	return newECDSAKey(t, name, elliptic.P256(), jose.ES256)
}

func newECDSAKey(t testing.TB, name string, curve elliptic.Curve, algorithm jose.SignatureAlgorithm) jose.JSONWebKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return newJWK(name, key, algorithm)
}

func newEd25519Key(t testing.TB, name string) jose.JSONWebKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return newJWK(name, key, jose.EdDSA)
}

// sharedRSAKey generates one RSA key for all tests, because generating is slow.
var sharedRSAKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newRSAKey(t testing.TB, name string, algorithm jose.SignatureAlgorithm) jose.JSONWebKey {
	t.Helper()
	key, err := sharedRSAKey()
	if err != nil {
		t.Fatal(err)
	}
	return newJWK(name, key, algorithm)
}

func newJWK(name string, key crypto.Signer, algorithm jose.SignatureAlgorithm) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key, KeyID: name, Algorithm: string(algorithm), Use: "sig"}
}
