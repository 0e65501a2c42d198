package auth

import (
	"errors"
	"slices"
	"time"

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
	expires float64       // in seconds since 1970
	by      *oidcVerifier // by whose settings
}

// leeway is the permitted difference between the issuer's clock and ours (RFC
// 7519, section 4.1.4), in seconds.
const leeway = 30

func (g *grant) isExpired(now time.Time) bool { return unixSeconds(now) >= g.expires+leeway }

func unixSeconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// checkClaims checks the claims of a token and returns what they grant.
func (v *oidcVerifier) checkClaims(payload []byte, now time.Time) (grant, error) {
	claims, err := parseMembers(payload)
	if err != nil {
		return grant{}, errors.New("the token's claims are not a JSON object")
	}
	expires, err := claims.checkTimes(now)
	if err != nil {
		return grant{}, err
	}
	subject := claims.stringAt("sub")
	switch {
	case v.Audience == "" || claims.stringAt("iss") != v.Issuer || !claims.hasString("aud", v.Audience):
		return grant{}, errors.New("the token is of another issuer or audience")
	case claims["cnf"] != nil:
		// The token is bound to a key that a bearer need not have (RFC 7800, RFC 9449).
		return grant{}, errors.New("the token is not a bearer token")
	case !origins.IsSubject(subject):
		return grant{}, errors.New("the token's subject is missing or invalid")
	}
	holder := principal{issuer: v.Issuer, subject: subject, tenant: claims.stringAt(v.TenantClaim)}
	if claims.hasString(v.RoleClaim, v.AdminRole) {
		holder.role = Admin
	}
	return grant{holder, expires, v}, nil
}

// checkTimes returns when the token expires, in seconds since 1970, if it is
// valid now. A token without an expiry is invalid.
func (m members) checkTimes(now time.Time) (expires float64, err error) {
	expires, ok := numberOf(m["exp"])
	if !ok {
		return 0, errors.New("the token has no expiry")
	}
	if (&grant{expires: expires}).isExpired(now) {
		return 0, errors.New("the token has expired")
	}
	if _, ok := numberOf(m["iat"]); m["iat"] != nil && !ok {
		return 0, errors.New("the token's issue time is not a number")
	}
	if from, ok := numberOf(m["nbf"]); m["nbf"] != nil && (!ok || unixSeconds(now) < from-leeway) {
		return 0, errors.New("the token is not valid yet")
	}
	return expires, nil
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

// numberOf returns the number that a valid JSON value is.
func numberOf(v jsontext.Value) (n float64, ok bool) {
	return n, v.Kind() == '0' && json.Unmarshal(v, &n) == nil
}
