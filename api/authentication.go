package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
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
	subject string
	tenant  string // "*": all
	role    Role
}

func (p principal) belongsTo(tenant string) bool {
	return p.tenant == "*" || p.tenant == tenant
}

// authenticate returns who sent the header. All that fail look the same and
// take the same time: what is no token at all is hashed and compared too, and
// the comparison with one token does not end that with the others.
func (t *tenant) authenticate(header http.Header) (principal, error) {
	text, wellFormed := bearer(header.Values("Authorization"))
	hash := sha256.Sum256([]byte(text))
	found := 0
	for i := len(t.Tokens) - 1; i >= 0; i-- {
		equal := subtle.ConstantTimeCompare(hash[:], t.Tokens[i].SHA256[:])
		found = subtle.ConstantTimeSelect(equal, i+1, found)
	}
	if !wellFormed || found == 0 {
		return principal{}, unauthorized()
	}
	token := t.Tokens[found-1]
	return principal{token.Subject, token.Tenant, token.Role}, nil
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
