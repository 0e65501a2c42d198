package api_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func TestAccessToken_AcceptsEveryAsymmetricAlgorithm(t *testing.T) {
	keys := []jose.JSONWebKey{
		newECDSAKey(t, "ES256", elliptic.P256(), jose.ES256), newECDSAKey(t, "ES384", elliptic.P384(), jose.ES384),
		newECDSAKey(t, "ES512", elliptic.P521(), jose.ES512), newEd25519Key(t, "EdDSA"),
	}
	for _, algorithm := range []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512} {
		keys = append(keys, newRSAKey(t, string(algorithm), algorithm))
	}
	i := newTestIssuer(t)
	i.rotate(keys...)
	acme := i.api()
	for _, key := range keys {
		if got := (request{path: collection, token: signToken(t, key, i.claims(nil), nil)}).sendTo(t, acme); got.status != 200 {
			t.Errorf("%s: status %d", key.Algorithm, got.status)
		}
	}
}

// symmetricSecrets returns the encodings of a public key that an attacker might use
// as the secret of a symmetric algorithm.
func symmetricSecrets(t *testing.T, key jose.JSONWebKey) map[string][]byte {
	t.Helper()
	public := key.Public().Key
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	document, err := json.Marshal(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	point, err := public.(*ecdsa.PublicKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"DER": der, "PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "JWK": document, "point": point, "nothing": nil,
	}
}

func TestAccessToken_RefusesOtherAlgorithms(t *testing.T) {
	i := newTestIssuer(t)
	acme := i.api()
	payload := i.claims(nil)
	good := i.token(t, nil)
	signature := []byte(good[strings.LastIndexByte(good, '.')+1:])
	for _, algorithm := range []string{"none", "None", "NONE", "", "es256", "ES256K", "RS256", "PS256", "EdDSA", "RSA1_5", "dir"} {
		for name, signature := range map[string][]byte{"without a signature": nil, "with a good token's": signature} {
			token := encodeToken(`{"alg":"`+algorithm+`","kid":"first"}`, payload, signature)
			if got := (request{path: collection, token: token}).sendTo(t, acme); got.status != 401 {
				t.Errorf("alg %q %s: status %d, want 401", algorithm, name, got.status)
			}
		}
	}
	for form, secret := range symmetricSecrets(t, i.keys[0]) {
		signing := strings.TrimSuffix(encodeToken(`{"alg":"HS256","kid":"first"}`, payload, nil), ".")
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(signing))
		token := encodeToken(`{"alg":"HS256","kid":"first"}`, payload, mac.Sum(nil))
		if got := (request{path: collection, token: token}).sendTo(t, acme); got.status != 401 {
			t.Errorf("HS256 with the public key as %s: status %d, want 401", form, got.status)
		}
	}
}

func TestAccessToken_ValidatesHeader(t *testing.T) {
	i := newTestIssuer(t)
	other := newES256Key(t, "first")
	i.rotate(i.keys[0], newES256Key(t, "second"), newRSAKey(t, "rsa", jose.RS256))
	acme := i.api()
	first := i.keys[0]
	unnamed, misnamed, renamed := first, first, newRSAKey(t, "rsa", jose.PS256)
	unnamed.KeyID, misnamed.KeyID = "", "second"
	for _, tt := range []struct {
		rule   string
		key    jose.JSONWebKey
		header map[string]any
		want   int
	}{
		{"required parameters only", first, nil, 200},
		{"type JWT", first, map[string]any{"typ": "JWT"}, 200},
		{"type at+jwt", first, map[string]any{"typ": "at+jwt"}, 200},
		{"type as a media type", first, map[string]any{"typ": "application/AT+JWT"}, 200},
		{"unused parameters", first, map[string]any{"x": 1, "jku": "https://evil.example/keys"}, 200},

		{"a logout token", first, map[string]any{"typ": "logout+jwt"}, 401},
		{"type not a string", first, map[string]any{"typ": 1}, 401},
		{"critical parameters", first, map[string]any{"crit": []string{"x"}, "x": 1}, 401},
		{"critical parameter that libraries know", first, map[string]any{"crit": []string{"b64"}, "b64": true}, 401},
		{"crit null", first, map[string]any{"crit": nil}, 401},
		{"crit empty", first, map[string]any{"crit": []string{}}, 401},
		{"crit a string", first, map[string]any{"crit": "exp"}, 401},
		{"crit a number", first, map[string]any{"crit": 0}, 401},
		{"crit an object", first, map[string]any{"crit": map[string]any{}}, 401},
		{"crit without strings", first, map[string]any{"crit": []any{1, nil}}, 401},
		{"crit with duplicates", first, map[string]any{"crit": []string{"x", "x"}, "x": 1}, 401},
		{"critical parameter missing", first, map[string]any{"crit": []string{"x"}}, 401},
		{"b64 true", first, map[string]any{"b64": true}, 200},
		{"type null", first, map[string]any{"typ": nil}, 401},
		{"type empty", first, map[string]any{"typ": ""}, 401},
		{"another key of the same name", other, nil, 401},
		{"name of another key", misnamed, nil, 401},
		{"no key name, several keys", unnamed, nil, 401},
		{"algorithm that does not match the key", renamed, nil, 401},
		{"the key in the header", other, map[string]any{"jwk": other.Public()}, 401},
		{"an unknown key", newES256Key(t, "third"), nil, 401},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			request{path: collection, token: signToken(t, tt.key, i.claims(nil), tt.header)}.expectStatuses(t, acme, tt.want)
		})
	}
}

// These headers are built by hand because jose's signer does not write them.
func TestAccessToken_RefusesInvalidHeaders(t *testing.T) {
	i := newTestIssuer(t)
	acme := i.api()
	sign := func(header string, payload []byte) string {
		signing := strings.TrimSuffix(encodeToken(header, payload, nil), ".")
		if strings.Contains(header, `"b64":false`) {
			signing = signing[:strings.IndexByte(signing, '.')+1] + string(payload)
		}
		digest := sha256.Sum256([]byte(signing))
		r, s, err := ecdsa.Sign(rand.Reader, i.keys[0].Key.(*ecdsa.PrivateKey), digest[:])
		if err != nil {
			t.Fatal(err)
		}
		signature := make([]byte, 64)
		return encodeToken(header, payload, append(r.FillBytes(signature[:32:32]), s.FillBytes(signature[32:])...))
	}
	for _, tt := range []struct {
		rule, header string
		want         int
	}{
		{"valid header", `{"alg":"ES256","kid":"first"}`, 200},
		{"no key name, one key", `{"alg":"ES256"}`, 200},
		{"b64 false", `{"alg":"ES256","kid":"first","b64":false}`, 401},
		{"b64 false and critical", `{"alg":"ES256","kid":"first","b64":false,"crit":["b64"]}`, 401},
		{"b64 null", `{"alg":"ES256","kid":"first","b64":null}`, 401},
		{"b64 a string", `{"alg":"ES256","kid":"first","b64":"true"}`, 401},
		{"kid null", `{"alg":"ES256","kid":null}`, 401},
		{"kid a number", `{"alg":"ES256","kid":1}`, 401},
		{"kid a list", `{"alg":"ES256","kid":["first"]}`, 401},
		{"alg a list", `{"alg":["ES256"],"kid":"first"}`, 401},
		{"alg null", `{"alg":null,"kid":"first"}`, 401},
		{"no alg", `{"kid":"first"}`, 401},
		{"alg in another case", `{"ALG":"ES256","kid":"first"}`, 401},
		{"duplicate alg", `{"alg":"ES256","alg":"ES256","kid":"first"}`, 401},
		{"duplicate unused parameter", `{"alg":"ES256","kid":"first","x":1,"x":1}`, 401},
		{"duplicate member of a parameter", `{"alg":"ES256","kid":"first","x":{"y":1,"y":2}}`, 401},
		{"duplicate crit", `{"alg":"ES256","kid":"first","crit":null,"crit":["x"]}`, 401},
		{"invalid UTF-8", "{\"alg\":\"ES256\",\"kid\":\"first\",\"x\":\"\xff\"}", 401},
		{"trailing data", `{"alg":"ES256","kid":"first"}{}`, 401},
		{"a list", `[{"alg":"ES256","kid":"first"}]`, 401},
		{"null", `null`, 401},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			request{path: collection, token: sign(tt.header, i.claims(nil))}.expectStatuses(t, acme, tt.want)
		})
	}
}

func TestAccessToken_NeedsNoKeyIDIfIssuerHasOneKey(t *testing.T) {
	i := newTestIssuer(t)
	unnamed := i.keys[0]
	unnamed.KeyID = ""
	request{path: collection, token: signToken(t, unnamed, i.claims(nil), nil)}.expectStatuses(t, i.api(), 200)
}

func TestAccessToken_RefusesTamperedTokens(t *testing.T) {
	i := newTestIssuer(t)
	acme := i.api()
	good := i.token(t, nil)
	parts := strings.Split(good, ".")
	other := strings.Split(i.token(t, changes{"sub": "mallory"}), ".")
	for rule, token := range map[string]string{
		"claims of another token":    parts[0] + "." + other[1] + "." + parts[2],
		"signature of another token": parts[0] + "." + parts[1] + "." + other[2],
		"no signature":               parts[0] + "." + parts[1] + ".",
		"no claims":                  parts[0] + ".." + parts[2],
		"no header":                  "." + parts[1] + "." + parts[2],
		"two parts":                  parts[0] + "." + parts[1],
		"four parts":                 good + "." + parts[2],
		"five parts":                 good + ".." + parts[2],
		"padding":                    good + "=",
		"a character in front":       "A" + good,
		"truncated signature":        good[:len(good)-40],
	} {
		if got := (request{path: collection, token: token}).sendTo(t, acme); got.status != 401 {
			t.Errorf("%s: status %d", rule, got.status)
		}
	}
	request{path: collection, token: good}.expectStatuses(t, acme, 200)
}

func TestKeys_IgnoresKeysUnusableForVerification(t *testing.T) {
	i := newTestIssuer(t)
	good := i.keys[0]
	public, err := json.Marshal(good.Public())
	if err != nil {
		t.Fatal(err)
	}
	private, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	short := newJWK("short", private, jose.RS256)
	shortPublic, err := json.Marshal(short.Public())
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.Repeat("A", 43)
	i.setHandler(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/keys" {
			i.publish(w, r)
			return
		}
		fmt.Fprintf(w, `{"keys":[{"kty":"XYZ","kid":"first"},{"kty":"OKP","crv":"Ed448","x":"AA"},{"kty":"EC","crv":"P-256"},1,`+
			`{"kty":"oct","kid":"secret","alg":"HS256","k":"%s"},%s,%s,%s,%s]}`, secret, shortPublic,
			strings.NewReplacer(`"first"`, `"enc"`, `"sig"`, `"enc"`).Replace(string(public)),
			strings.NewReplacer(`"first"`, `"other"`, `"ES256"`, `"ES384"`).Replace(string(public)), public)
	})
	acme := i.api()
	encryption, other := good, good
	encryption.KeyID, other.KeyID = "enc", "other"
	symmetric := jose.JSONWebKey{Key: make([]byte, 32), KeyID: "secret", Algorithm: "HS256"}
	for rule, tt := range map[string]struct {
		key  jose.JSONWebKey
		want int
	}{
		"a key for signatures": {good, 200}, "a key for encryption": {encryption, 401},
		"a key for another algorithm": {other, 401}, "a shared secret": {symmetric, 401}, "a short key": {short, 401},
	} {
		if got := (request{path: collection, token: signToken(t, tt.key, i.claims(nil), nil)}).sendTo(t, acme); got.status != tt.want {
			t.Errorf("%s: status %d, want %d", rule, got.status, tt.want)
		}
	}
}

func FuzzAccessToken(f *testing.F) {
	i := newTestIssuer(f)
	acme := i.api()
	good := strings.Split(i.token(f, nil), ".")
	f.Add(`{"alg":"ES256","kid":"first"}`, string(i.claims(nil)), []byte("x"))
	f.Add(`{"alg":"none"}`, string(i.claims(nil)), []byte(nil))
	f.Add(`{"alg":"ES256","kid":"first","crit":["b64"],"b64":false}`, `{"iss":1,"aud":[1],"exp":1e400}`, make([]byte, 64))
	f.Add(`{"alg":"ES256","jwk":{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},"x5c":["AA"]}`, `{"_claim_names":{"a":"b"},"_claim_sources":{"b":{"endpoint":"http://127.0.0.1/"}}}`, []byte{0})
	f.Add(`{"typ":["JWT"],"alg":{},"kid":0}`, `[`, []byte(`"`))
	f.Fuzz(func(t *testing.T, header, payload string, signature []byte) {
		for _, token := range []string{
			encodeToken(header, []byte(payload), signature), header + "." + payload + "." + string(signature),
			encodeToken(header, []byte(payload), nil) + good[2], good[0] + "." + payload + "." + good[2],
		} {
			if token == strings.Join(good, ".") {
				continue
			}
			r := request{path: collection, token: "-"}.build(t, "http://acme.example")
			r.Header["Authorization"] = []string{"Bearer " + token}
			if got := serve(t, acme, r); got.status != http.StatusUnauthorized {
				t.Errorf("%q: status %d: %s", token, got.status, got.body)
			}
		}
	})
}
