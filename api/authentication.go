package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"time"
)

// Role is what a token may do.
type Role uint8

const (
	// Reader may list and read. It is the zero value.
	Reader Role = iota
	// Admin may write too.
	Admin
)

// Token is a static bearer token, of which only the hash is known here. Of
// several with one hash the first counts.
type Token struct {
	// Subject is whom the token was given to; it becomes a web integration's
	// createdBy.
	Subject string
	// Tenant is the id of the tenant that the token is for, or "*" for all.
	Tenant string
	Role   Role
	// SHA256 is the hash of the token's text, which has enough entropy that
	// nobody can guess it from its hash.
	SHA256 [sha256.Size]byte
}

// principal is who makes a request.
type principal struct {
	issuer     string // of the access token; "" for a static one
	subject    string
	tenant     string
	everywhere bool // at all tenants
	role       Role
}

func (p principal) belongsTo(tenant string) bool {
	return p.everywhere || p.tenant == tenant
}

// authenticate returns who sent the request. Whoever is known by the token's
// hash is let in before anything else is asked.
func (t *tenant) authenticate(r *http.Request) (principal, error) {
	text, wellFormed := bearer(r.Header.Values("Authorization"))
	hash := sha256.Sum256([]byte(text))
	who, known := t.knownBy(r.Context(), hash)
	if wellFormed && known {
		return who, nil
	}
	attempts := t.limiters.failures.of(clientOf(r.RemoteAddr))
	wait := attempts.begin(time.Now())
	who, err := t.attempt(r.Context(), text, hash, wait > 0)
	if wait == 0 {
		attempts.end(time.Now(), err != nil && !errors.Is(err, errNoKeys))
		return who, refusedToken(err)
	}
	if err != nil { // whoever has a good token is let in, however many fail beside it
		return principal{}, limited(LimitFailed, wait)
	}
	return who, nil
}

// knownBy returns whose token has the hash. All that are none of the static
// tokens take the same time: what is no token at all is hashed and compared
// too, and the comparison with one token does not end that with the others.
func (t *tenant) knownBy(ctx context.Context, hash [sha256.Size]byte) (principal, bool) {
	found := 0
	for i := len(t.Tokens) - 1; i >= 0; i-- {
		equal := subtle.ConstantTimeCompare(hash[:], t.Tokens[i].SHA256[:])
		found = subtle.ConstantTimeSelect(equal, i+1, found)
	}
	if found > 0 {
		token := &t.Tokens[found-1]
		return principal{subject: token.Subject, tenant: token.Tenant, everywhere: token.Tenant == "*", role: token.Role}, true
	}
	if t.accessTokens == nil {
		return principal{}, false
	}
	return t.accessTokens.remembered(ctx, hash)
}

// errNoToken says that a request has no token, or one that is none of ours.
var errNoToken = errors.New("no access token")

// attempt looks at a token that is not known yet, of an address that is above the
// limit of failed attempts or not.
func (t *tenant) attempt(ctx context.Context, text string, hash [sha256.Size]byte, above bool) (principal, error) {
	// What has no dots is no signed token (RFC 7515, section 7.1).
	if t.accessTokens == nil || strings.Count(text, ".") != 2 {
		return principal{}, errNoToken
	}
	return t.accessTokens.holder(ctx, text, hash, above)
}

// refusedToken is the answer to a token that was refused with err.
func refusedToken(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errNoKeys):
		return noKeys(err)
	case errors.Is(err, errNoToken):
		return unauthorized(nil)
	}
	return unauthorized(err)
}

// maxTokenLength leaves room for signed tokens, which hold claims.
const maxTokenLength = 8 << 10

// bearer returns the token of the only Authorization line (RFC 6750, section
// 2.1). The scheme is in any case (RFC 9110, section 11.1).
func bearer(lines []string) (token string, ok bool) {
	if len(lines) != 1 {
		return "", false
	}
	scheme, token, _ := strings.Cut(lines[0], " ")
	token = strings.TrimLeft(token, " ")
	if !strings.EqualFold(scheme, "Bearer") || len(token) > maxTokenLength || !isB64Token(token) {
		return "", false
	}
	return token, true
}

// isB64Token reports whether s is a b64token (RFC 6750, section 2.1).
func isB64Token(s string) bool {
	s = strings.TrimRight(s, "=")
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("-._~+/", c) < 0 {
			return false
		}
	}
	return s != ""
}
