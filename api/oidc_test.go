package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"originwarden/api"
	"originwarden/api/auth"
)

func TestAccessToken_ValidatesClaims(t *testing.T) {
	i := newTestIssuer(t)
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
		{"unused claims", changes{"azp": "x", "scope": "y", "roles2": []int{1}}, 200, admin},
		{"expires within a second", changes{"exp": float64(now) + 0.5}, 200, admin},
		{"expired within clock skew", changes{"exp": now - 20}, 200, admin},
		{"not yet valid within clock skew", changes{"nbf": now + 20}, 200, admin},
		{"valid for a long time", changes{"nbf": now - 1000}, 200, admin},

		{"no roles", changes{"roles": absent}, 200, reader},
		{"other roles", changes{"roles": []string{"x"}}, 200, reader},
		{"the role in another case", changes{"roles": "tenantadmin"}, 200, reader},
		{"role within a string", changes{"roles": "x TenantAdmin"}, 200, reader},
		{"role as an object member", changes{"roles": map[string]bool{"TenantAdmin": true}}, 200, reader},
		{"role in a list with a number", changes{"roles": []any{"TenantAdmin", 1}}, 200, reader},
		{"the role in a list with null", changes{"roles": []any{"TenantAdmin", nil}}, 200, reader},
		{"role in a nested list", changes{"roles": []any{[]string{"TenantAdmin"}}}, 200, reader},
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
		{"audience as a prefix", changes{"aud": audience + "/x"}, refused, refused},
		{"no audience", changes{"aud": absent}, refused, refused},
		{"an empty list of audiences", changes{"aud": []string{}}, refused, refused},
		{"audience as an object member", changes{"aud": map[string]int{audience: 1}}, refused, refused},
		{"the audience in another case", changes{"aud": absent, "AUD": audience}, refused, refused},
		{"the audience in a list with null", changes{"aud": []any{audience, nil}}, refused, refused},
		{"the audience in a list with a number", changes{"aud": []any{audience, 1}}, refused, refused},
		{"audience in a nested list", changes{"aud": []any{[]string{audience}}}, refused, refused},
		{"an audience that is null", changes{"aud": nil}, refused, refused},
		{"iat as a string", changes{"iat": fmt.Sprint(now)}, refused, refused},
		{"iat null", changes{"iat": nil}, refused, refused},
		{"nbf null", changes{"nbf": nil}, refused, refused},
		{"exp in a list", changes{"exp": []any{now + 100}}, refused, refused},
		{"exp true", changes{"exp": true}, refused, refused},
		{"cnf null", changes{"cnf": nil}, refused, refused},
		{"expired", changes{"exp": now - 40}, refused, refused},
		{"no exp", changes{"exp": absent}, refused, refused},
		{"exp null", changes{"exp": nil}, refused, refused},
		{"exp as a string", changes{"exp": fmt.Sprint(now + 100)}, refused, refused},
		{"exp out of range", changes{"exp": json.RawMessage("1e400")}, refused, refused},
		{"not yet valid", changes{"nbf": now + 100}, refused, refused},
		{"nbf as a string", changes{"nbf": "0"}, refused, refused},
		{"no subject", changes{"sub": absent}, refused, refused},
		{"an empty subject", changes{"sub": ""}, refused, refused},
		{"a subject that is a number", changes{"sub": 1}, refused, refused},
		{"a subject with a control character", changes{"sub": "a\nb"}, refused, refused},
		{"too long subject", changes{"sub": strings.Repeat("a", 257)}, refused, refused},
		{"bound to a key", changes{"cnf": map[string]string{"jkt": "x"}}, refused, refused},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			token := i.token(t, tt.changed)
			request{path: collection, token: token}.expectStatuses(t, acme, tt.read, tt.read)
			request{method: "POST", path: collection, body: `{"name":"n"}`, token: token}.expectStatuses(t, acme, tt.write)
		})
	}
}

func TestAccessToken_SubjectIsCreatedBy(t *testing.T) {
	i := newTestIssuer(t)
	got := request{method: "POST", path: collection, body: `{"name":"n"}`, token: i.token(t, changes{"sub": "auth0|Zoë"})}.sendTo(t, i.api())
	if made := got.integration(t); made.CreatedBy != "auth0|Zoë" || made.TenantID != "acme" {
		t.Errorf("status %d: %s", got.status, got.body)
	}
}

func TestAccessToken_UsesConfiguredClaimsAndRole(t *testing.T) {
	i := newTestIssuer(t)
	config := i.config()
	config.Auth.OIDC.TenantClaim, config.Auth.OIDC.RoleClaim, config.Auth.OIDC.AdminRole = "https://x.example/tenant", "realm.roles", "boss"
	acme := api.New(config).Tenant("acme")
	for _, tt := range []struct {
		rule    string
		changed changes
		want    int
	}{
		{"as configured", changes{"https://x.example/tenant": "acme", "realm.roles": "boss"}, 201},
		{"the default role", changes{"https://x.example/tenant": "acme", "realm.roles": "TenantAdmin"}, 403},
		{"the default claims", changes{"roles": "boss"}, 403},
		{"dotted claim is not a path", changes{"https://x.example/tenant": "acme", "realm": map[string]string{"roles": "boss"}}, 403},
	} {
		if got := (request{method: "POST", path: collection, body: `{"name":"n"}`, token: i.token(t, tt.changed)}).sendTo(t, acme); got.status != tt.want {
			t.Errorf("%s: status %d: %s, want status %d", tt.rule, got.status, got.body, tt.want)
		}
	}
}

func TestAccessToken_RefusesAmbiguousClaims(t *testing.T) {
	i := newTestIssuer(t)
	acme := i.api()
	good := string(i.claims(nil))
	for rule, payload := range map[string]string{
		"duplicate claim":               strings.Replace(good, `{`, `{"tenantId":"globex",`, 1),
		"duplicate issuer":              strings.Replace(good, `{`, `{"iss":"x",`, 1),
		"duplicate member of a claim":   strings.Replace(good, `{`, `{"x":{"y":1,"y":2},`, 1),
		"duplicate unused claim":        strings.Replace(good, `{`, `{"x":1,"x":1,`, 1),
		"second issuer with a long s":   strings.Replace(good, `"iss":"`+i.url+`"`, `"iss":"x","iſs":"`+i.url+`"`, 1),
		"the audience in another case":  strings.Replace(good, `"aud":"`+audience+`"`, `"aud":"x","Aud":"`+audience+`"`, 1),
		"exp in another case":           strings.Replace(good, `"exp":`, `"exp":1,"EXP":`, 1),
		"second issuer in another case": strings.Replace(good, `"iss":"`+i.url+`"`, `"iss":"x","ISS":"`+i.url+`"`, 1),
		"invalid UTF-8":                 strings.Replace(good, "alice", "al\xffice", 1),
		"a lone surrogate":              strings.Replace(good, "alice", `\ud800`, 1),
		"trailing data":                 good + "{}",
		"truncated":                     good[:len(good)-1],
		"null":                          "null",
		"a list":                        "[" + good + "]",
		"empty":                         "",
	} {
		if got := (request{path: collection, token: signToken(t, i.keys[0], []byte(payload), nil)}).sendTo(t, acme); got.status != 401 {
			t.Errorf("%s: status %d", rule, got.status)
		}
	}
}

func TestAccessToken_LimitsLength(t *testing.T) {
	i := newTestIssuer(t)
	acme := i.api()
	fit := func(n int) string { return i.token(t, changes{"x": strings.Repeat("x", n)}) }
	n := 5000
	for len(fit(n+1)) <= 8192 {
		n++
	}
	request{path: collection, token: fit(n)}.expectStatuses(t, acme, 200)
	request{path: collection, token: fit(n + 1)}.expectStatuses(t, acme, 401)
}

func TestAccessToken_FailsWithTheSameResponseForEveryCause(t *testing.T) {
	i := newTestIssuer(t)
	var refused []error
	config := i.config()
	config.Observe = func(_ context.Context, o api.Outcome) { refused = append(refused, o.Refused) }
	acme := api.New(config).Tenant("acme")
	var first string
	for _, token := range []string{
		"-", "unknown", i.token(t, changes{"exp": 1}), i.token(t, changes{"iss": "x"}), i.token(t, changes{"aud": "x"}),
		signToken(t, newES256Key(t, "first"), i.claims(nil), nil), signToken(t, newES256Key(t, "unknown"), i.claims(nil), nil), "a.b.c",
	} {
		got := request{path: collection, token: token}.sendTo(t, acme)
		body := strings.Replace(got.body, got.document(t).TraceID, "", 1)
		if first == "" {
			first = body
		}
		if got.status != 401 || body != first || got.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("status %d, body %s, want 401, %s", got.status, body, first)
		}
	}
	for n, err := range refused {
		if (err != nil) != (n >= 2) {
			t.Errorf("refusal %d is reported as %v", n, err)
		}
	}
}

func TestAccessToken_RefusalReportsReasonToOperator(t *testing.T) {
	i := newTestIssuer(t)
	var refused error
	config := i.config()
	config.Observe = func(_ context.Context, o api.Outcome) { refused = o.Refused }
	acme := api.New(config).Tenant("acme")
	for _, tt := range []struct{ token, why string }{
		{i.token(t, changes{"iss": "x"}), "different provider"},
		{i.token(t, changes{"aud": "x"}), "audience"},
		{i.token(t, changes{"exp": 1}), "expired"},
		{i.token(t, changes{"nbf": time.Now().Unix() + 100}), "not valid yet"},
		{i.token(t, changes{"cnf": nil}), "not a bearer token"},
		{i.token(t, changes{"sub": ""}), "subject"},
		{signToken(t, newES256Key(t, "first"), i.claims(nil), nil), "signature"},
		{encodeToken(`{"alg":"none"}`, i.claims(nil), nil), "algorithm"},
	} {
		request{path: collection, token: tt.token}.expectStatuses(t, acme, 401)
		if refused == nil || !strings.Contains(refused.Error(), tt.why) {
			t.Errorf("refused as %v, want %q", refused, tt.why)
		}
	}
}

func TestAccessToken_RefusalDoesNotQuoteToken(t *testing.T) {
	const secret = "s3cr3t"
	i := newTestIssuer(t)
	var refused []error
	config := i.config()
	config.Observe = func(_ context.Context, o api.Outcome) { refused = append(refused, o.Refused) }
	acme := api.New(config).Tenant("acme")
	first := i.keys[0]
	tokens := []string{
		encodeToken(`{"alg":"s3cr3t"}`, i.claims(nil), nil), encodeToken(`{"s3cr3t":1,"s3cr3t":1}`, i.claims(nil), nil), encodeToken(`s3cr3t`, nil, nil),
		encodeToken(`{"alg":"ES256","kid":"s3cr3t"}`, i.claims(nil), nil), encodeToken(`{"alg":"ES256","jwk":"s3cr3t"}`, i.claims(nil), nil),
		encodeToken(`{"alg":"ES256","jwk":{"kty":"s3cr3t"}}`, i.claims(nil), nil), encodeToken(`{"alg":"ES256","jwk":{"kty":"EC","crv":"s3cr3t"}}`, i.claims(nil), nil),
		"s3cr3t.s3cr3t.s3cr3t", signToken(t, first, []byte("s3cr3t"), nil), signToken(t, first, []byte(`{"s3cr3t":1,"s3cr3t":1}`), nil),
		signToken(t, first, i.claims(nil), map[string]any{"typ": secret}), signToken(t, first, i.claims(nil), map[string]any{"crit": []string{secret}, secret: 1}),
	}
	for _, claim := range []string{"iss", "aud", "sub", "exp", "nbf", "iat", "cnf"} {
		tokens = append(tokens, i.token(t, changes{claim: secret + "\n"}))
	}
	for _, token := range tokens {
		request{path: collection, token: token}.expectStatuses(t, acme, 401)
	}
	for n, err := range refused {
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("refusal of token %s is reported as %v", tokens[n], err)
		}
	}
}

func TestAccessToken_IsRefusedWithoutConfiguredAudience(t *testing.T) {
	i := newTestIssuer(t)
	config := i.config()
	config.Auth.OIDC.Audience = ""
	acme := api.New(config).Tenant("acme")
	for _, aud := range []any{audience, "", absent, []string{""}} {
		request{path: collection, token: i.token(t, changes{"aud": aud})}.expectStatuses(t, acme, 401)
	}
}

func TestAccessToken_IsRefusedWithoutConfiguredIssuer(t *testing.T) {
	i := newTestIssuer(t)
	request{path: collection, token: i.token(t, nil)}.expectStatuses(t, newHandler(emptyStore()), 401)
	if i.calls() != 0 {
		t.Errorf("%d requests to the issuer, want none", i.calls())
	}
}

func TestAccessToken_IsRateLimitedPerSubject(t *testing.T) {
	i := newTestIssuer(t)
	config := i.config()
	config.Auth.Tokens = append(config.Auth.Tokens, tokenFor("static")) // whose subject is ops
	config.Auth.RateLimits = auth.RateLimits{Tier1: 1}
	acme := api.New(config).Tenant("acme")
	request{path: collection, token: i.token(t, nil)}.expectStatuses(t, acme, 200, 429)
	request{path: collection, token: i.token(t, changes{"exp": time.Now().Add(time.Minute).Unix()})}.expectStatuses(t, acme, 429)
	request{path: collection, token: i.token(t, changes{"sub": "ops"})}.expectStatuses(t, acme, 200, 429)
	request{path: collection, token: "static"}.expectStatuses(t, acme, 200, 429) // not the issuer's ops
}
