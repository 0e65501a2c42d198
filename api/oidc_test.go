package api_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"originwarden/api"
)

func TestAccessToken_IsHeldToItsClaims(t *testing.T) {
	i := newIdentity(t)
	acme := i.api()
	now := time.Now().Unix()
	const admin, reader, elsewhere, refused = 201, 403, 403, 401
	for _, tt := range []struct {
		rule    string
		changed changes
		read    int
		write   int
	}{
		{"an administrator of the tenant", nil, 200, admin},
		{"the audience among others", changes{"aud": []string{"x", audience}}, 200, admin},
		{"the role among others", changes{"roles": []string{"x", "TenantAdmin"}}, 200, admin},
		{"the role as a string", changes{"roles": "TenantAdmin"}, 200, admin},
		{"claims of no meaning here", changes{"azp": "x", "scope": "y", "roles2": []int{1}}, 200, admin},
		{"good for less than a second more", changes{"exp": float64(now) + 0.5}, 200, admin},
		{"just expired, as clocks differ", changes{"exp": now - 20}, 200, admin},
		{"good from now on, as clocks differ", changes{"nbf": now + 20}, 200, admin},
		{"good since long", changes{"nbf": now - 1000}, 200, admin},

		{"no roles", changes{"roles": absent}, 200, reader},
		{"other roles", changes{"roles": []string{"x"}}, 200, reader},
		{"the role in another case", changes{"roles": "tenantadmin"}, 200, reader},
		{"the role in a text", changes{"roles": "x TenantAdmin"}, 200, reader},
		{"the role as a key", changes{"roles": map[string]bool{"TenantAdmin": true}}, 200, reader},
		{"the role in a list of more than strings", changes{"roles": []any{"TenantAdmin", 1}}, 200, reader},
		{"the role in a list in a list", changes{"roles": []any{[]string{"TenantAdmin"}}}, 200, reader},
		{"the role in another claim", changes{"roles": absent, "Roles": "TenantAdmin"}, 200, reader},

		{"another tenant", changes{"tenantId": "globex"}, elsewhere, elsewhere},
		{"no tenant", changes{"tenantId": absent}, elsewhere, elsewhere},
		{"an empty tenant", changes{"tenantId": ""}, elsewhere, elsewhere},
		{"all tenants", changes{"tenantId": "*"}, elsewhere, elsewhere},
		{"a list of tenants", changes{"tenantId": []string{"acme"}}, elsewhere, elsewhere},
		{"the tenant in another case", changes{"tenantId": "Acme"}, elsewhere, elsewhere},
		{"the tenant with a space", changes{"tenantId": "acme "}, elsewhere, elsewhere},
		{"the tenant in another claim", changes{"tenantId": absent, "TenantID": "acme"}, elsewhere, elsewhere},
		{"a tenant that is a number", changes{"tenantId": 1}, elsewhere, elsewhere},

		{"another issuer", changes{"iss": "https://issuer.example"}, refused, refused},
		{"the issuer with a slash", changes{"iss": i.url + "/"}, refused, refused},
		{"no issuer", changes{"iss": absent}, refused, refused},
		{"an issuer that is a list", changes{"iss": []string{i.url}}, refused, refused},
		{"another audience", changes{"aud": "x"}, refused, refused},
		{"the audience's beginning", changes{"aud": audience + "/x"}, refused, refused},
		{"no audience", changes{"aud": absent}, refused, refused},
		{"an empty list of audiences", changes{"aud": []string{}}, refused, refused},
		{"the audience as a key", changes{"aud": map[string]int{audience: 1}}, refused, refused},
		{"the audience in another case", changes{"aud": absent, "AUD": audience}, refused, refused},
		{"expired", changes{"exp": now - 40}, refused, refused},
		{"without an end", changes{"exp": absent}, refused, refused},
		{"with an end that is null", changes{"exp": nil}, refused, refused},
		{"with an end in a string", changes{"exp": fmt.Sprint(now + 100)}, refused, refused},
		{"not good yet", changes{"nbf": now + 100}, refused, refused},
		{"good from a time in a string", changes{"nbf": "0"}, refused, refused},
		{"no subject", changes{"sub": absent}, refused, refused},
		{"an empty subject", changes{"sub": ""}, refused, refused},
		{"a subject that is a number", changes{"sub": 1}, refused, refused},
		{"a subject with a control character", changes{"sub": "a\nb"}, refused, refused},
		{"a subject without end", changes{"sub": strings.Repeat("a", 257)}, refused, refused},
		{"bound to a key", changes{"cnf": map[string]string{"jkt": "x"}}, refused, refused},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			token := i.token(t, tt.changed)
			request{path: collection, token: token}.expect(t, acme, tt.read, tt.read)
			request{method: "POST", path: collection, body: `{"name":"n"}`, token: token}.expect(t, acme, tt.write)
		})
	}
}

func TestAccessToken_SaysWhoCreates(t *testing.T) {
	i := newIdentity(t)
	got := request{method: "POST", path: collection, body: `{"name":"n"}`, token: i.token(t, changes{"sub": "auth0|Zoë"})}.to(t, i.api())
	if made := got.integration(t); made.CreatedBy != "auth0|Zoë" || made.TenantID != "acme" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestAccessToken_ClaimsAndRoleHaveTheirNames(t *testing.T) {
	i := newIdentity(t)
	config := i.config()
	config.OIDC.TenantClaim, config.OIDC.RoleClaim, config.OIDC.AdminRole = "https://x.example/tenant", "realm.roles", "boss"
	acme := api.New(config).Tenant("acme")
	for _, tt := range []struct {
		rule    string
		changed changes
		want    int
	}{
		{"as configured", changes{"https://x.example/tenant": "acme", "realm.roles": "boss"}, 201},
		{"the default role", changes{"https://x.example/tenant": "acme", "realm.roles": "TenantAdmin"}, 403},
		{"the default claims", changes{"roles": "boss"}, 403},
		{"a path is none", changes{"https://x.example/tenant": "acme", "realm": map[string]string{"roles": "boss"}}, 403},
	} {
		if got := (request{method: "POST", path: collection, body: `{"name":"n"}`, token: i.token(t, tt.changed)}).to(t, acme); got.status != tt.want {
			t.Errorf("%s: %d %s, want %d", tt.rule, got.status, got.body, tt.want)
		}
	}
}

func TestAccessToken_MayBeSignedByEveryAsymmetricAlgorithm(t *testing.T) {
	keys := []jose.JSONWebKey{
		curveKey(t, "ES256", elliptic.P256(), jose.ES256), curveKey(t, "ES384", elliptic.P384(), jose.ES384),
		curveKey(t, "ES512", elliptic.P521(), jose.ES512), edwardsKey(t, "EdDSA"),
	}
	for _, algorithm := range []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512} {
		keys = append(keys, modulusKey(t, string(algorithm), algorithm))
	}
	i := newIdentity(t)
	i.rotate(keys...)
	acme := i.api()
	for _, key := range keys {
		if got := (request{path: collection, token: signed(t, key, i.claims(nil), nil)}).to(t, acme); got.status != 200 {
			t.Errorf("%s: %d", key.Algorithm, got.status)
		}
	}
}

// secretsOf are what somebody who knows a public key might take for the secret
// of a symmetric algorithm.
func secretsOf(t *testing.T, key jose.JSONWebKey) map[string][]byte {
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

func TestAccessToken_OfAnotherAlgorithmIsRefused(t *testing.T) {
	i := newIdentity(t)
	acme := i.api()
	payload := i.claims(nil)
	good := i.token(t, nil)
	signature := []byte(good[strings.LastIndexByte(good, '.')+1:])
	for _, algorithm := range []string{"none", "None", "NONE", "", "es256", "ES256K", "RS256", "PS256", "EdDSA", "RSA1_5", "dir"} {
		for name, signature := range map[string][]byte{"without a signature": nil, "with a good token's": signature} {
			token := forged(`{"alg":"`+algorithm+`","kid":"first"}`, payload, signature)
			if got := (request{path: collection, token: token}).to(t, acme); got.status != 401 {
				t.Errorf("alg %q %s: %d", algorithm, name, got.status)
			}
		}
	}
	for form, secret := range secretsOf(t, i.keys[0]) {
		signing := strings.TrimSuffix(forged(`{"alg":"HS256","kid":"first"}`, payload, nil), ".")
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(signing))
		token := forged(`{"alg":"HS256","kid":"first"}`, payload, mac.Sum(nil))
		if got := (request{path: collection, token: token}).to(t, acme); got.status != 401 {
			t.Errorf("HS256 with the public key's %s: %d", form, got.status)
		}
	}
}

func TestAccessToken_IsHeldToItsHeader(t *testing.T) {
	i := newIdentity(t)
	other := ellipticKey(t, "first")
	i.rotate(i.keys[0], ellipticKey(t, "second"), modulusKey(t, "rsa", jose.RS256))
	acme := i.api()
	first := i.keys[0]
	unnamed, misnamed, renamed := first, first, modulusKey(t, "rsa", jose.PS256)
	unnamed.KeyID, misnamed.KeyID = "", "second"
	for _, tt := range []struct {
		rule   string
		key    jose.JSONWebKey
		header map[string]any
		want   int
	}{
		{"only what has to be there", first, nil, 200},
		{"type JWT", first, map[string]any{"typ": "JWT"}, 200},
		{"type at+jwt", first, map[string]any{"typ": "at+jwt"}, 200},
		{"its media type", first, map[string]any{"typ": "application/AT+JWT"}, 200},
		{"parameters of no meaning here", first, map[string]any{"x": 1, "jku": "https://evil.example/keys"}, 200},

		{"a logout token", first, map[string]any{"typ": "logout+jwt"}, 401},
		{"a type that is no string", first, map[string]any{"typ": 1}, 401},
		{"critical parameters", first, map[string]any{"crit": []string{"x"}, "x": 1}, 401},
		{"critical parameters that libraries know", first, map[string]any{"crit": []string{"b64"}, "b64": true}, 401},
		{"another key of that name", other, nil, 401},
		{"the key is another of the issuer", misnamed, nil, 401},
		{"no key is named, of several", unnamed, nil, 401},
		{"an algorithm that the key is not for", renamed, nil, 401},
		{"the key in the header", other, map[string]any{"jwk": other.Public()}, 401},
		{"an unknown key", ellipticKey(t, "third"), nil, 401},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			request{path: collection, token: signed(t, tt.key, i.claims(nil), tt.header)}.expect(t, acme, tt.want)
		})
	}
}

func TestAccessToken_NeedsNoKeysNameWhereThereIsOne(t *testing.T) {
	i := newIdentity(t)
	unnamed := i.keys[0]
	unnamed.KeyID = ""
	request{path: collection, token: signed(t, unnamed, i.claims(nil), nil)}.expect(t, i.api(), 200)
}

func TestAccessToken_CannotBeReadTwoWays(t *testing.T) {
	i := newIdentity(t)
	acme := i.api()
	good := string(i.claims(nil))
	for rule, payload := range map[string]string{
		"a doubled claim":                   strings.Replace(good, `{`, `{"tenantId":"globex",`, 1),
		"a doubled issuer":                  strings.Replace(good, `{`, `{"iss":"x",`, 1),
		"a doubled claim of no meaning":     strings.Replace(good, `{`, `{"x":1,"x":1,`, 1),
		"the issuer in another case behind": strings.Replace(good, `"iss":"`+i.url+`"`, `"iss":"x","ISS":"`+i.url+`"`, 1),
		"invalid UTF-8":                     strings.Replace(good, "alice", "al\xffice", 1),
		"a lone surrogate":                  strings.Replace(good, "alice", `\ud800`, 1),
		"trailing data":                     good + "{}",
		"cut off":                           good[:len(good)-1],
		"null":                              "null",
		"a list":                            "[" + good + "]",
		"nothing":                           "",
	} {
		if got := (request{path: collection, token: signed(t, i.keys[0], []byte(payload), nil)}).to(t, acme); got.status != 401 {
			t.Errorf("%s: %d", rule, got.status)
		}
	}
}

func TestAccessToken_ThatWasTamperedWithIsRefused(t *testing.T) {
	i := newIdentity(t)
	acme := i.api()
	good := i.token(t, nil)
	parts := strings.Split(good, ".")
	other := strings.Split(i.token(t, changes{"sub": "mallory"}), ".")
	for rule, token := range map[string]string{
		"another's claims":         parts[0] + "." + other[1] + "." + parts[2],
		"another's signature":      parts[0] + "." + parts[1] + "." + other[2],
		"no signature":             parts[0] + "." + parts[1] + ".",
		"no claims":                parts[0] + ".." + parts[2],
		"no header":                "." + parts[1] + "." + parts[2],
		"two parts":                parts[0] + "." + parts[1],
		"four parts":               good + "." + parts[2],
		"five parts, as encrypted": good + ".." + parts[2],
		"padding":                  good + "=",
		"a character in front":     "A" + good,
		"a signature cut in half":  good[:len(good)-40],
	} {
		if got := (request{path: collection, token: token}).to(t, acme); got.status != 401 {
			t.Errorf("%s: %d", rule, got.status)
		}
	}
	request{path: collection, token: good}.expect(t, acme, 200)
}

func TestAccessToken_OfTheGreatestLength(t *testing.T) {
	i := newIdentity(t)
	acme := i.api()
	fit := func(n int) string { return i.token(t, changes{"x": strings.Repeat("x", n)}) }
	n := 5000
	for len(fit(n+1)) <= 8192 {
		n++
	}
	request{path: collection, token: fit(n)}.expect(t, acme, 200)
	request{path: collection, token: fit(n + 1)}.expect(t, acme, 401)
}

func TestAccessToken_FailsLikeAnyOther(t *testing.T) {
	i := newIdentity(t)
	var refused []error
	config := i.config()
	config.Observe = func(o api.Outcome) { refused = append(refused, o.Refused) }
	acme := api.New(config).Tenant("acme")
	var first string
	for _, token := range []string{
		"-", "unknown", i.token(t, changes{"exp": 1}), i.token(t, changes{"iss": "x"}), i.token(t, changes{"aud": "x"}),
		signed(t, ellipticKey(t, "first"), i.claims(nil), nil), signed(t, ellipticKey(t, "unknown"), i.claims(nil), nil), "a.b.c",
	} {
		got := request{path: collection, token: token}.to(t, acme)
		body := strings.Replace(got.body, got.document(t).TraceID, "", 1)
		if first == "" {
			first = body
		}
		if got.status != 401 || body != first || got.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%d %s, want 401 %s", got.status, body, first)
		}
	}
	for n, err := range refused {
		if (err != nil) != (n >= 2) {
			t.Errorf("of the refusal %d the operator learns %v", n, err)
		}
	}
}

func TestAccessToken_WithoutAnAudienceNoneCounts(t *testing.T) {
	i := newIdentity(t)
	config := i.config()
	config.OIDC.Audience = ""
	acme := api.New(config).Tenant("acme")
	for _, aud := range []any{audience, "", absent, []string{""}} {
		request{path: collection, token: i.token(t, changes{"aud": aud})}.expect(t, acme, 401)
	}
}

func TestAccessToken_WithoutAnIssuerIsUnknown(t *testing.T) {
	i := newIdentity(t)
	request{path: collection, token: i.token(t, nil)}.expect(t, handlerOf(empty()), 401)
	if i.calls() != 0 {
		t.Errorf("the issuer was asked %d times", i.calls())
	}
}

func TestAccessToken_IsLimitedLikeAnyOther(t *testing.T) {
	i := newIdentity(t)
	config := i.config()
	config.Tokens = append(config.Tokens, tokenFor("static")) // whose subject is ops
	config.RateLimits = api.RateLimits{Tier1: 1}
	acme := api.New(config).Tenant("acme")
	request{path: collection, token: i.token(t, nil)}.expect(t, acme, 200, 429)
	request{path: collection, token: i.token(t, changes{"exp": time.Now().Add(time.Minute).Unix()})}.expect(t, acme, 429)
	request{path: collection, token: i.token(t, changes{"sub": "ops"})}.expect(t, acme, 200, 429)
	request{path: collection, token: "static"}.expect(t, acme, 200, 429) // not the issuer's ops
}

func TestKeys_OfWhichNoneVerifiesAreLeftOut(t *testing.T) {
	i := newIdentity(t)
	good := i.keys[0]
	public, err := json.Marshal(good.Public())
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.Repeat("A", 43)
	i.answers(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/keys" {
			i.publish(w, r)
			return
		}
		fmt.Fprintf(w, `{"keys":[{"kty":"XYZ","kid":"first"},{"kty":"OKP","crv":"Ed448","x":"AA"},{"kty":"EC","crv":"P-256"},1,`+
			`{"kty":"oct","kid":"secret","alg":"HS256","k":"%s"},%s,%s,%s]}`, secret,
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
		"a key for another algorithm": {other, 401}, "a shared secret": {symmetric, 401},
	} {
		if got := (request{path: collection, token: signed(t, tt.key, i.claims(nil), nil)}).to(t, acme); got.status != tt.want {
			t.Errorf("%s: %d, want %d", rule, got.status, tt.want)
		}
	}
}

func FuzzAccessToken(f *testing.F) {
	i := newIdentity(f)
	acme := i.api()
	good := strings.Split(i.token(f, nil), ".")
	f.Add(`{"alg":"ES256","kid":"first"}`, string(i.claims(nil)), []byte("x"))
	f.Add(`{"alg":"none"}`, string(i.claims(nil)), []byte(nil))
	f.Add(`{"alg":"ES256","kid":"first","crit":["b64"],"b64":false}`, `{"iss":1,"aud":[1],"exp":1e400}`, make([]byte, 64))
	f.Add(`{"alg":"ES256","jwk":{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},"x5c":["AA"]}`, `{"_claim_names":{"a":"b"},"_claim_sources":{"b":{"endpoint":"http://127.0.0.1/"}}}`, []byte{0})
	f.Add(`{"typ":["JWT"],"alg":{},"kid":0}`, `[`, []byte(`"`))
	f.Fuzz(func(t *testing.T, header, payload string, signature []byte) {
		for _, token := range []string{
			forged(header, []byte(payload), signature), header + "." + payload + "." + string(signature),
			forged(header, []byte(payload), nil) + good[2], good[0] + "." + payload + "." + good[2],
		} {
			if token == strings.Join(good, ".") {
				continue
			}
			r := request{path: collection, token: "-"}.build(t, "http://acme.example")
			r.Header["Authorization"] = []string{"Bearer " + token}
			if got := serve(t, acme, r); got.status != http.StatusUnauthorized {
				t.Errorf("%q: %d %s", token, got.status, got.body)
			}
		}
	})
}
