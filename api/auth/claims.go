package auth

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"originwarden/origins"
)

// members are those of a JSON object in a token, by their exact names.
type members map[string]jsontext.Value

// parseMembers parses a JSON object. Doubled names are an error.
func parseMembers(text []byte) (members, error) {
	var m members
	if err := json.Unmarshal(text, &m); err != nil || m == nil {
		return nil, errors.New("not a JSON object") // err may quote the token
	}
	return m, nil
}

// grant is what a verified access token permits, and how long.
type grant struct {
	principal
	expires time.Time
	by      *oidcVerifier // by whose settings
}

// leeway is the permitted difference between the issuer's clock and ours (RFC
// 7519, section 4.1.4).
const leeway = 30 * time.Second

// verificationTime returns the time with which a token's exp is compared: now minus the
// leeway. go-oidc accepts a token whose exp is exactly that time; the nanosecond refuses
// it.
func verificationTime() time.Time { return time.Now().Add(1 - leeway) }

func (g *grant) isExpired() bool { return g.expires.Before(verificationTime()) }

// grantOf returns what a token that go-oidc has verified grants. It checks the
// claims that go-oidc does not check strictly or at all.
func (v *oidcVerifier) grantOf(token *oidc.IDToken) (grant, error) {
	var payload jsontext.Value
	_ = token.Claims(&payload) // leaves it empty on errors
	claims, err := parseMembers(payload)
	if err != nil {
		return grant{}, errors.New("the token's claims are not a JSON object")
	}
	if err := claims.checkForm(); err != nil {
		return grant{}, err
	}
	subject := claims.stringAt("sub")
	switch {
	case !claims.hasString("aud", v.Audience): // go-oidc permits null in it, and its name in any case
		return grant{}, errors.New("the token's audience is not a string or a list of strings")
	case float64(time.Now().Add(leeway).UnixMilli())/1000 < claims.numberAt("nbf"): // go-oidc permits five minutes
		return grant{}, errors.New("the token is not valid yet")
	case claims["cnf"] != nil:
		// The token is bound to a key that a bearer need not have (RFC 7800, RFC 9449).
		return grant{}, errors.New("the token is not a bearer token")
	case !origins.IsSubject(subject):
		return grant{}, errors.New("the token's subject is missing or invalid")
	}
	p := principal{issuer: v.Issuer, subject: subject, tenant: claims.stringAt(v.TenantClaim)}
	if claims.hasString(v.RoleClaim, v.AdminRole) {
		p.role = Admin
	}
	return grant{p, token.Expiry, v}, nil
}

// checkForm refuses what go-oidc accepts because it uses encoding/json: names in
// any case, and times that are strings or null.
func (m members) checkForm() error {
	for name := range m {
		for _, exact := range []string{"iss", "exp"} {
			if name != exact && strings.EqualFold(name, exact) {
				return errors.New("the token has a claim " + exact + " in another case")
			}
		}
	}
	for _, name := range []string{"exp", "iat", "nbf"} {
		if m[name] != nil && m[name].Kind() != '0' {
			return errors.New("the token's " + name + " is not a number")
		}
	}
	return nil
}

// stringAt returns a member that is a string, and "" for any other.
func (m members) stringAt(name string) (s string) {
	_ = json.Unmarshal(m[name], &s) // leaves s empty for anything else
	return s
}

// hasString reports whether a member is s, or a list of strings with s among
// them.
func (m members) hasString(name, s string) bool {
	if m[name].Kind() == '"' {
		return m.stringAt(name) == s
	}
	var list []*string
	if json.Unmarshal(m[name], &list) != nil || slices.Contains(list, nil) {
		return false
	}
	return slices.ContainsFunc(list, func(element *string) bool { return *element == s })
}

// numberAt returns a member that is a number, and 0 for any other.
func (m members) numberAt(name string) (n float64) {
	_ = json.Unmarshal(m[name], &n) // leaves 0 for anything else
	return n
}
