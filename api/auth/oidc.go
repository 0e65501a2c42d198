package auth

import (
	"cmp"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// OIDC says which access tokens of an OpenID Connect issuer count beside the
// static ones: signed JSON Web Tokens (RFC 7519) that any request may carry as
// its bearer token. The zero value takes none.
//
// The issuer's keys are found by OpenID Connect Discovery when a token first
// needs them, so that an issuer that is down stops nothing else. They are
// fetched without a proxy, whatever the environment says, from https alone, or
// http on this machine.
type OIDC struct {
	// Issuer is the URL that tokens have as their iss, to the byte. "" turns
	// access tokens off.
	Issuer string
	// Audience has to be among a token's aud. Without one no token counts.
	Audience string
	// TenantClaim is the claim that holds the id of the token's tenant, as one
	// string; "" is tenantId. A token in which it is anything else, or "*", is
	// one of no tenant.
	TenantClaim string
	// RoleClaim is the claim that holds the roles, a string or a list of
	// strings; "" is roles. Neither name is a path: a dot is a dot.
	RoleClaim string
	// AdminRole is the role of an Admin; "" is TenantAdmin. Whoever else has a
	// token of the tenant is a Reader.
	AdminRole string
}

// accessTokens verifies tokens of the issuer. It may be used concurrently.
type accessTokens struct {
	OIDC
	keys      *keyring
	verifier  *oidc.IDTokenVerifier
	verifying chan struct{} // of the Authenticator
}

// accessTokens returns what verifies tokens by o, or nil if o takes none. It has
// the keyring of an older one of the same issuer, and is the same one if nothing
// has changed.
func (a *Authenticator) accessTokens(o OIDC, before *accessTokens) *accessTokens {
	if o.Issuer == "" {
		return nil
	}
	o.TenantClaim = cmp.Or(o.TenantClaim, "tenantId")
	o.RoleClaim = cmp.Or(o.RoleClaim, "roles")
	o.AdminRole = cmp.Or(o.AdminRole, "TenantAdmin")
	switch {
	case before == nil || before.Issuer != o.Issuer:
		return &accessTokens{o, newKeyring(newIssuer(o.Issuer), a.log), newVerifier(o), a.verifying}
	case before.OIDC != o:
		return &accessTokens{o, before.keys, newVerifier(o), a.verifying}
	}
	return before
}

// newVerifier returns what verifies signatures. The claims are checked by
// accessTokens.grant, because go-oidc takes names of any case and the last of
// doubled ones.
func newVerifier(o OIDC) *oidc.IDTokenVerifier {
	checks := &oidc.Config{SkipClientIDCheck: true, SkipIssuerCheck: true, SkipExpiryCheck: true}
	for _, algorithm := range algorithms() {
		checks.SupportedSigningAlgs = append(checks.SupportedSigningAlgs, string(algorithm))
	}
	return oidc.NewVerifier(o.Issuer, contextKeys{}, checks)
}

// contextKeys is an oidc.KeySet of the public keys that the context holds.
type contextKeys struct{}

// VerifySignature implements oidc.KeySet.
func (contextKeys) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	public, _ := ctx.Value(contextKeys{}).([]crypto.PublicKey)
	return (&oidc.StaticKeySet{PublicKeys: public}).VerifySignature(ctx, token)
}

// algorithms are those whose keys an issuer can publish. The symmetric ones and
// none are not among them, so that no public key is ever taken for a secret.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
		jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
}

// remembered returns who holds a token that was verified before, by its hash.
func (a *accessTokens) remembered(ctx context.Context, hash [sha256.Size]byte) (who principal, ok bool) {
	held := a.keys.had()
	if held == nil {
		return principal{}, false
	}
	if _, ok := held.remembered(a, hash); !ok {
		return principal{}, false
	}
	// Keys that were withdrawn meanwhile vouch for nothing.
	held, _ = a.keys.current(ctx, true)
	return held.remembered(a, hash)
}

// holder returns who holds the token of that hash, or why it is not accepted.
// The error is ErrIssuerUnavailable where the issuer is at fault, not the token. Of an
// address that is above the limit, few tokens are verified at once, and none
// waits for keys that another one fetches.
func (a *accessTokens) holder(ctx context.Context, token string, hash [sha256.Size]byte, aboveLimit bool) (principal, error) {
	header, err := parseTokenHeader(token)
	if err != nil {
		return principal{}, err
	}
	held, err := a.keysFor(ctx, header, !aboveLimit)
	if err != nil {
		return principal{}, err
	}
	if aboveLimit {
		if err := a.beginVerifying(ctx); err != nil {
			return principal{}, err
		}
		defer func() { <-a.verifying }()
	}
	payload, err := a.payload(ctx, token, held.matching(header))
	if err != nil {
		return principal{}, err
	}
	granted, err := a.grant(payload, time.Now())
	if err != nil {
		return principal{}, err
	}
	held.remember(hash, granted)
	return granted.principal, nil
}

const (
	// verifiedAtOnce is how many tokens of addresses above the limit of failed
	// authentication are verified at once, so that a flood of bad ones leaves the
	// processors to others.
	verifiedAtOnce = 2
	// verifyPatience is how long such a token waits.
	verifyPatience = 100 * time.Millisecond
)

var errTooManyVerified = errors.New("too many tokens are being verified")

// beginVerifying waits until one more token may be verified. The caller receives
// from a.verifying when that has ended.
func (a *accessTokens) beginVerifying(ctx context.Context) error {
	timer := time.NewTimer(verifyPatience)
	defer timer.Stop()
	select {
	case a.verifying <- struct{}{}:
		return nil
	case <-timer.C:
		return errTooManyVerified
	case <-ctx.Done():
		return ctx.Err()
	}
}

// keysFor returns the issuer's keys, newer ones if those that are there have
// none for the header. Unless it waits, it fails where it would have to wait for
// somebody else.
func (a *accessTokens) keysFor(ctx context.Context, header tokenHeader, waits bool) (*keys, error) {
	had := a.keys.had()
	held, err := a.keys.current(ctx, waits)
	if err != nil || len(held.matching(header)) > 0 {
		return held, err
	}
	return a.keys.newer(ctx, had, waits) // than what was there before, so that nothing is fetched twice
}

// payload returns the claims of a token that one of the public keys signed.
func (a *accessTokens) payload(ctx context.Context, token string, public []crypto.PublicKey) ([]byte, error) {
	verified, err := a.verifier.Verify(context.WithValue(ctx, contextKeys{}, public), token)
	if err != nil { // which quotes the token
		return nil, errors.New("the token is malformed, or signed by none of the issuer's keys")
	}
	var payload json.RawMessage
	err = verified.Claims(&payload)
	return payload, err
}
