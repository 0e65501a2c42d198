package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// Settings are what can change while an Authenticator is in use.
type Settings struct {
	// Tokens are the static bearer tokens. Without any, and without OIDC, nobody
	// is authenticated.
	Tokens     []Token
	OIDC       OIDC
	RateLimits RateLimits
}

// Authenticator authenticates requests. It may be used concurrently, runs
// nothing in the background and asks the issuer only when a token needs it.
type Authenticator struct {
	log       func(context.Context, error)
	current   atomic.Pointer[settings]
	buckets   bucketSets
	verifying chan struct{} // full while no more tokens may be verified
}

// settings are Settings as they are used. They are not changed any more.
type settings struct {
	tokens       []Token
	accessTokens *accessTokens // nil: there are only static tokens
	limits       limits
}

// New returns an Authenticator. It reports failures of the issuer to log, with
// the context of the request; nil discards them.
func New(s Settings, log func(context.Context, error)) *Authenticator {
	a := &Authenticator{log: log, buckets: newBucketSets(), verifying: make(chan struct{}, verifiedAtOnce)}
	a.Reconfigure(s)
	return a
}

// Reconfigure replaces the settings. Requests that were authenticated before
// keep the old ones. What remains of rate limits is kept, and so are the keys
// of the issuer while it is the same.
func (a *Authenticator) Reconfigure(s Settings) {
	var before *accessTokens
	if current := a.current.Load(); current != nil {
		before = current.accessTokens
	}
	a.current.Store(&settings{s.Tokens, a.accessTokens(s.OIDC, before), limits{s.RateLimits, time.Now()}})
}

// Authenticate returns who sent the request. A token that is known by its hash
// is accepted before any limit is checked. The error is one of this package.
func (a *Authenticator) Authenticate(r *http.Request) (Caller, error) {
	s := a.current.Load()
	text, wellFormed := bearerToken(r.Header.Values("Authorization"))
	hash := sha256.Sum256([]byte(text))
	who, known := s.knownBy(r.Context(), hash)
	if !wellFormed || !known {
		var err error
		if who, err = a.verify(r, s, text, hash); err != nil {
			return Caller{}, err
		}
	}
	return Caller{who, &a.buckets, s.limits}, nil
}

// verify authenticates by a token that is not known yet. Addresses above the
// limit of failed attempts have only good tokens accepted.
func (a *Authenticator) verify(r *http.Request, s *settings, text string, hash [sha256.Size]byte) (principal, error) {
	attempts := a.buckets.failures.bucket(clientPrefix(r.RemoteAddr), s.limits.Failed, s.limits.since)
	wait := attempts.begin(time.Now())
	who, err := s.holder(r.Context(), text, hash, wait > 0)
	if wait == 0 {
		attempts.end(time.Now(), err != nil && !errors.Is(err, ErrIssuerUnavailable))
		return who, err
	}
	if err != nil {
		return principal{}, &RateLimitError{LimitFailed, wait}
	}
	return who, nil
}

// knownBy returns whose token has the hash. Every text that is not a static
// token takes the same time: malformed ones are hashed and compared too, and a
// match does not end the comparison.
func (s *settings) knownBy(ctx context.Context, hash [sha256.Size]byte) (principal, bool) {
	found := 0
	for i := len(s.tokens) - 1; i >= 0; i-- {
		equal := subtle.ConstantTimeCompare(hash[:], s.tokens[i].SHA256[:])
		found = subtle.ConstantTimeSelect(equal, i+1, found)
	}
	if found > 0 {
		token := &s.tokens[found-1]
		return principal{subject: token.Subject, tenant: token.Tenant, allTenants: token.Tenant == "*", role: token.Role}, true
	}
	if s.accessTokens == nil {
		return principal{}, false
	}
	return s.accessTokens.remembered(ctx, hash)
}

// holder returns who holds a token that is not known yet.
func (s *settings) holder(ctx context.Context, text string, hash [sha256.Size]byte, aboveLimit bool) (principal, error) {
	// A signed token has two dots (RFC 7515, section 7.1).
	if s.accessTokens == nil || strings.Count(text, ".") != 2 {
		return principal{}, ErrTokenMissing
	}
	who, err := s.accessTokens.holder(ctx, text, hash, aboveLimit)
	if err != nil && !errors.Is(err, ErrIssuerUnavailable) {
		err = &InvalidTokenError{err}
	}
	return who, err
}

// maxTokenLength leaves room for signed tokens, which hold claims.
const maxTokenLength = 8 << 10

// bearerToken returns the token of the only Authorization line (RFC 6750,
// section 2.1). The scheme is in any case (RFC 9110, section 11.1).
func bearerToken(lines []string) (token string, ok bool) {
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
