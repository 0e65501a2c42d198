package auth

import (
	"cmp"
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// OIDC configures access tokens of an OpenID Connect issuer: signed JSON Web
// Tokens (RFC 7519), sent as bearer tokens. The zero value accepts none.
//
// The issuer's keys are found by OpenID Connect Discovery when a token first
// needs them, so that static tokens work while the issuer is down. They are
// fetched without a proxy, whatever the environment says, and only over https,
// or http on this machine.
type OIDC struct {
	// Issuer is the URL in the tokens' iss, to the byte. "" turns access tokens
	// off.
	Issuer string
	// Audience has to be in a token's aud. If it is "", no token is accepted.
	Audience string
	// TenantClaim is the claim that holds the id of the token's tenant, a string;
	// "" is tenantId. Any other value, also "*", is no tenant.
	TenantClaim string
	// RoleClaim is the claim that holds the roles, a string or a list of
	// strings; "" is roles. A dot in it or in TenantClaim is part of the name.
	RoleClaim string
	// AdminRole is the role of an Admin; "" is TenantAdmin. Other tokens of the
	// tenant are those of a Reader.
	AdminRole string
}

// oidcVerifier verifies tokens of the issuer. It may be used concurrently.
type oidcVerifier struct {
	OIDC
	keys      *keyring
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
	switch {
	case before == nil || before.Issuer != o.Issuer:
		return &oidcVerifier{o, newKeyring(newIssuer(o.Issuer), a.log), a.verifying}
	case before.OIDC != o:
		return &oidcVerifier{o, before.keys, a.verifying}
	}
	return before
}

// algorithms returns the asymmetric ones. Without the others no public key can
// be used as a secret.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
		jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
}

// knownHolder returns the holder of a token that was verified before, by its
// hash.
func (v *oidcVerifier) knownHolder(ctx context.Context, hash [sha256.Size]byte) (principal, bool) {
	held := v.keys.held.Load()
	if held == nil {
		return principal{}, false
	}
	if _, ok := held.grantedHolder(v, hash); !ok {
		return principal{}, false
	}
	// The key may have been withdrawn since.
	held, _ = v.keys.currentKeys(ctx, true)
	return held.grantedHolder(v, hash)
}

// verifyToken returns the holder of the token with the hash. The error is
// ErrIssuerUnavailable if the keys are unavailable. From an address above the
// limit, few tokens are verified at once, and none waits for keys that another
// request fetches.
func (v *oidcVerifier) verifyToken(ctx context.Context, token string, hash [sha256.Size]byte, aboveLimit bool) (principal, error) {
	header, err := parseTokenHeader(token)
	if err != nil {
		return principal{}, err
	}
	held, err := v.keysFor(ctx, header, !aboveLimit)
	if err != nil {
		return principal{}, err
	}
	if aboveLimit {
		if err := v.beginVerifying(ctx); err != nil {
			return principal{}, err
		}
		defer func() { <-v.verifying }()
	}
	payload, err := verifySignature(token, held.matchingKeys(header))
	if err != nil {
		return principal{}, err
	}
	granted, err := v.checkClaims(payload, time.Now())
	if err != nil {
		return principal{}, err
	}
	held.granted.Add(hash, granted)
	return granted.principal, nil
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
// header. It waits for a fetch of another request, or fails unless waits is set.
func (v *oidcVerifier) keysFor(ctx context.Context, header tokenHeader, waits bool) (*keys, error) {
	before := v.keys.held.Load()
	held, err := v.keys.currentKeys(ctx, waits)
	if err != nil || len(held.matchingKeys(header)) > 0 {
		return held, err
	}
	return v.keys.newerKeys(ctx, before, waits) // than before, so that keys that were just fetched are not fetched again
}

// verifySignature returns the payload of a token that one of the keys signed.
// Errors do not quote the token.
func verifySignature(token string, public []crypto.PublicKey) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(token, algorithms())
	if err != nil {
		return nil, errors.New("the token is malformed")
	}
	for _, key := range public {
		if payload, err := signed.Verify(key); err == nil {
			return payload, nil
		}
	}
	return nil, errors.New("the token is signed by none of the issuer's keys")
}
