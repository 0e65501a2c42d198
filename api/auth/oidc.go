package auth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// OIDC configures access tokens of an OpenID Connect issuer: signed JSON Web
// Tokens (RFC 7519), sent as bearer tokens. The zero value accepts none.
//
// The issuer's keys are found by OpenID Connect Discovery when a token first
// needs them, so that static tokens work while the issuer is down. They are
// fetched without a proxy, whatever the environment says, and only over https,
// or http on this machine.
type OIDC struct {
	// Issuer is exactly the URL in the tokens' iss. Google's tokens may omit the
	// scheme. "" turns access tokens off.
	Issuer string
	// Audience has to be in a token's aud. If it is "", no token is accepted.
	Audience string
	// TenantClaim is the claim that holds the id of the token's tenant, a string;
	// "" means tenantId. A value that is not an id, such as "*", is no tenant.
	TenantClaim string
	// RoleClaim is the claim that holds the roles, a string or a list of
	// strings; "" means roles. A dot in it or in TenantClaim is part of the name.
	RoleClaim string
	// AdminRole is the role of an Admin; "" means TenantAdmin. Tokens without that
	// role are a Reader's.
	AdminRole string
}

// oidcVerifier verifies tokens of the issuer. It may be used concurrently.
type oidcVerifier struct {
	OIDC
	keys      *keyring
	tokens    *oidc.IDTokenVerifier
	verifying chan struct{} // of the Authenticator
}

// newVerifier returns a verifier for o, or nil if o accepts no tokens. It takes
// over the keyring of a verifier of the same issuer, and returns before if
// nothing has changed.
func (a *Authenticator) newVerifier(o OIDC, before *oidcVerifier) *oidcVerifier {
	if o.Issuer == "" {
		return nil
	}
	o.TenantClaim = cmp.Or(o.TenantClaim, "tenantId")
	o.RoleClaim = cmp.Or(o.RoleClaim, "roles")
	o.AdminRole = cmp.Or(o.AdminRole, "TenantAdmin")
	var keys *keyring
	switch {
	case before == nil || before.Issuer != o.Issuer:
		keys = &keyring{issuer: newIssuer(o.Issuer), log: a.log, fetching: make(chan struct{}, 1)}
	case before.OIDC != o:
		keys = before.keys
	default:
		return before
	}
	return (&oidcVerifier{keys: keys, verifying: a.verifying}).withSettings(o)
}

// withSettings returns a verifier with other settings for tokens of the same issuer.
func (v *oidcVerifier) withSettings(o OIDC) *oidcVerifier {
	checks := &oidc.Config{ClientID: o.Audience, SupportedSigningAlgs: algorithms(), Now: verificationTime}
	return &oidcVerifier{o, v.keys, oidc.NewVerifier(o.Issuer, v.keys, checks), v.verifying}
}

// algorithms returns the supported signature algorithms. Symmetric ones are not
// supported: anyone could sign with the issuer's public key as the secret.
func algorithms() []string {
	return []string{
		oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512,
		oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
	}
}

// knownPrincipal returns the principal of a token that was verified before, by its
// hash.
func (v *oidcVerifier) knownPrincipal(ctx context.Context, hash [sha256.Size]byte) (principal, bool) {
	held := v.keys.held.Load()
	if held == nil {
		return principal{}, false
	}
	if _, ok := held.grantedPrincipal(v, hash); !ok {
		return principal{}, false
	}
	// The key may have been withdrawn since.
	held, _ = v.keys.currentKeys(ctx, true)
	return held.grantedPrincipal(v, hash)
}

// verify returns the principal of the token with the hash. The error is
// ErrIssuerUnavailable if the keys are unavailable. From an address above the
// limit, few tokens are verified at once, and none waits for keys that another
// request fetches.
func (v *oidcVerifier) verify(ctx context.Context, token string, hash [sha256.Size]byte, aboveLimit bool) (principal, error) {
	verified, signers, err := v.verifySignature(ctx, token, aboveLimit)
	if err != nil {
		return principal{}, err
	}
	granted, err := v.grantOf(verified)
	if err != nil {
		return principal{}, err
	}
	signers.granted.Add(hash, granted)
	return granted.principal, nil
}

// verifySignature returns a token that the issuer has signed for the audience and that
// has not expired, and the keys by which it was verified. See verify.
func (v *oidcVerifier) verifySignature(ctx context.Context, token string, aboveLimit bool) (*oidc.IDToken, *keys, error) {
	header, err := parseTokenHeader(token)
	if err != nil {
		return nil, nil, err
	}
	held, err := v.keysFor(ctx, header, !aboveLimit)
	if err != nil {
		return nil, nil, err
	}
	if aboveLimit {
		if err := v.beginVerifying(ctx); err != nil {
			return nil, nil, err
		}
		defer func() { <-v.verifying }()
	}
	verified, err := v.tokens.Verify(ctx, token)
	if err != nil {
		return nil, nil, trimToken(err)
	}
	return verified, held, nil
}

const (
	// maxVerifying is how many tokens of addresses above the limit of failed
	// attempts are verified at once, so that a flood of invalid ones leaves the
	// processors to others.
	maxVerifying = 2
	// maxVerifyingWait is how long such a token waits.
	maxVerifyingWait = 100 * time.Millisecond
)

// beginVerifying waits until one more token may be verified. The caller receives
// from v.verifying afterwards.
func (v *oidcVerifier) beginVerifying(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, maxVerifyingWait)
	defer cancel()
	select {
	case v.verifying <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errors.New("too many tokens are being verified")
	}
}

// keysFor returns the issuer's keys, and fetches newer ones if none matches the
// header. If another request is fetching, it waits for that one if wait is set, and
// fails otherwise.
func (v *oidcVerifier) keysFor(ctx context.Context, header tokenHeader, wait bool) (*keys, error) {
	before := v.keys.held.Load()
	held, err := v.keys.currentKeys(ctx, wait)
	if err != nil || len(held.matchingKeys(header)) > 0 {
		return held, err
	}
	return v.keys.newerKeys(ctx, before, wait) // not held, which currentKeys may have fetched just now
}

// trimToken returns an error of go-oidc up to what it quotes of the token.
func trimToken(err error) error {
	text := err.Error()
	if quote := strings.IndexAny(text, `"'`); quote >= 0 {
		text = text[:quote]
	}
	return errors.New("verifying the token: " + strings.TrimRight(text, " :"))
}
