package auth

import (
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// claims are those of a token that the issuer signed, by their exact names.
type claims map[string]jsontext.Value

// grant is what an access token gives its holder.
type grant struct {
	principal
	expires float64       // in seconds since 1970
	by      *accessTokens // whose settings it was granted by
}

// leeway is how far the issuer's clock and ours may be apart (RFC 7519, section
// 4.1.4), in seconds.
const leeway = 30

// over reports whether the token is not good any more.
func (g *grant) over(now time.Time) bool { return seconds(now) >= g.expires+leeway }

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// grant checks the claims of a token and returns what they give its holder.
func (a *accessTokens) grant(payload []byte, now time.Time) (grant, error) {
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil { // also for doubled names
		return grant{}, errors.New("the token's claims are not a JSON object")
	}
	expires, err := c.validity(now)
	if err != nil {
		return grant{}, err
	}
	subject := c.text("sub")
	switch {
	case a.Audience == "" || c.text("iss") != a.Issuer || !slices.Contains(c.texts("aud"), a.Audience):
		return grant{}, errors.New("the token is of another issuer or audience")
	case c["cnf"] != nil:
		// It is bound to a key that a bearer need not have (RFC 7800, RFC 9449).
		return grant{}, errors.New("the token is no bearer token")
	case !isSubject(subject):
		return grant{}, errors.New("the token's subject is none")
	}
	who := principal{issuer: a.Issuer, subject: subject, tenant: c.text(a.TenantClaim)}
	if slices.Contains(c.texts(a.RoleClaim), a.AdminRole) {
		who.role = Admin
	}
	return grant{who, expires, a}, nil
}

// maxSubjectLength is in characters.
const maxSubjectLength = 256

// isSubject reports whether a subject can be shown as a web integration's
// createdBy.
func isSubject(s string) bool {
	return s != "" && utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxSubjectLength && !strings.ContainsFunc(s, unicode.IsControl)
}

// validity returns when the token expires, in seconds since 1970, if it is good
// now. A token that does not say when it expires is never good.
func (c claims) validity(now time.Time) (expires float64, err error) {
	expires, ok := numberOf(c["exp"])
	if !ok {
		return 0, errors.New("the token does not say when it expires")
	}
	if (&grant{expires: expires}).over(now) {
		return 0, errors.New("the token has expired")
	}
	if _, ok := numberOf(c["iat"]); c["iat"] != nil && !ok {
		return 0, errors.New("the token's issue time is not a number")
	}
	if c["nbf"] == nil {
		return expires, nil
	}
	if from, ok := numberOf(c["nbf"]); !ok || seconds(now) < from-leeway {
		return 0, errors.New("the token is not good yet")
	}
	return expires, nil
}

// text returns a claim that is a string, and "" for any other.
func (c claims) text(name string) string {
	text, _ := stringOf(c[name])
	return text
}

// texts returns the strings of a claim that is one, or a list of nothing else.
func (c claims) texts(name string) []string {
	if text, ok := stringOf(c[name]); ok {
		return []string{text}
	}
	var elements []jsontext.Value
	if v := c[name]; v.Kind() != '[' || json.Unmarshal(v, &elements) != nil {
		return nil
	}
	list := make([]string, len(elements))
	for i, element := range elements {
		text, ok := stringOf(element)
		if !ok {
			return nil
		}
		list[i] = text
	}
	return list
}

// numberOf returns the number that a valid JSON value is.
func numberOf(v jsontext.Value) (n float64, ok bool) {
	return n, v.Kind() == '0' && json.Unmarshal(v, &n) == nil
}

// stringOf returns the string that a valid JSON value is.
func stringOf(v jsontext.Value) (s string, ok bool) {
	if v.Kind() == '"' {
		ok = json.Unmarshal(v, &s) == nil
	}
	return s, ok
}
