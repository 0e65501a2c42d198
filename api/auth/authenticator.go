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

	"originwarden/envelope/clientaddr"
)

// Settings can change while an Authenticator is in use.
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
	verifying chan struct{} // one element for each verification that is limited by maxVerifying
}

// settings are compiled Settings. They are immutable.
type settings struct {
	tokens []Token
	oidc   *oidcVerifier // nil if there are only static tokens
	limits limits
}

// New returns an Authenticator. It reports failures of the issuer to log, with
// the context of the request; nil discards them.
func New(s Settings, log func(context.Context, error)) *Authenticator {
	a := &Authenticator{log: log, buckets: newBucketSets(), verifying: make(chan struct{}, maxVerifying)}
	a.Reconfigure(s)
	return a
}

// Reconfigure replaces the settings. Requests that were authenticated before
// keep the old ones. The levels of rate limits are kept, and so are the keys of
// the issuer while it is the same.
func (a *Authenticator) Reconfigure(s Settings) {
	var before *oidcVerifier
	if current := a.current.Load(); current != nil {
		before = current.oidc
	}
	a.current.Store(&settings{s.Tokens, a.newVerifier(s.OIDC, before), limits{s.RateLimits, time.Now()}})
}

// Authenticate returns who sent the request, which WithCaller may have determined. A
// known token is accepted before any limit is checked. The error is one of this package.
func (a *Authenticator) Authenticate(r *http.Request) (Caller, error) {
	if c, ok := r.Context().Value(callerKey{}).(Caller); ok {
		return c, nil
	}
	s := a.current.Load()
	token, wellFormed := bearerToken(r.Header.Values("Authorization"))
	hash := sha256.Sum256([]byte(token))
	p, known := s.knownPrincipal(r.Context(), hash)
	if !wellFormed || !known {
		var err error
		if p, err = a.verifyUnknownToken(r, s, token, hash); err != nil {
			return Caller{}, err
		}
	}
	return Caller{p, &a.buckets, s.limits}, nil
}

// verifyUnknownToken returns the principal of a token that is not known yet. From an
// address above the limit of failed attempts, invalid tokens get a
// RateLimitError.
func (a *Authenticator) verifyUnknownToken(r *http.Request, s *settings, token string, hash [sha256.Size]byte) (principal, error) {
	attempts := a.buckets.failures.bucket(clientaddr.Network(clientaddr.Parse(r.RemoteAddr)), s.limits.Failed, s.limits.since)
	wait := attempts.beginAttempt(time.Now())
	p, err := s.verifySigned(r.Context(), token, hash, wait > 0)
	if wait == 0 {
		attempts.endAttempt(time.Now(), err != nil && !errors.Is(err, ErrIssuerUnavailable))
		return p, err
	}
	if err != nil {
		return principal{}, &RateLimitError{LimitFailed, wait}
	}
	return p, nil
}

// knownPrincipal returns the principal of the token with the hash. The comparison
// takes the same time for every text that is not a static token: malformed
// ones are hashed and compared too, and a match does not end it.
func (s *settings) knownPrincipal(ctx context.Context, hash [sha256.Size]byte) (principal, bool) {
	found := 0
	for i := len(s.tokens) - 1; i >= 0; i-- {
		equal := subtle.ConstantTimeCompare(hash[:], s.tokens[i].SHA256[:])
		found = subtle.ConstantTimeSelect(equal, i+1, found)
	}
	if found > 0 {
		t := &s.tokens[found-1]
		return principal{subject: t.Subject, tenant: t.Tenant, allTenants: t.Tenant == "*", role: t.Role}, true
	}
	if s.oidc == nil {
		return principal{}, false
	}
	return s.oidc.knownPrincipal(ctx, hash)
}

// verifySigned returns the principal of a signed token. Anything else is
// ErrTokenMissing.
func (s *settings) verifySigned(ctx context.Context, token string, hash [sha256.Size]byte, aboveLimit bool) (principal, error) {
	// A signed token has two dots (RFC 7515, section 7.1).
	if s.oidc == nil || strings.Count(token, ".") != 2 {
		return principal{}, ErrTokenMissing
	}
	p, err := s.oidc.verify(ctx, token, hash, aboveLimit)
	if err != nil && !errors.Is(err, ErrIssuerUnavailable) {
		err = &InvalidTokenError{err}
	}
	return p, err
}

// maxTokenLength leaves room for the claims of signed tokens.
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
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"
	s = strings.TrimRight(s, "=")
	return s != "" && strings.Trim(s, alphabet) == ""
}
