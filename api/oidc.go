package api

import (
	"cmp"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
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

// accessTokens tells who holds a token of the issuer. It may be used
// concurrently.
type accessTokens struct {
	OIDC
	keys *keyring
}

func newAccessTokens(o OIDC, log func(context.Context, error)) *accessTokens {
	o.TenantClaim = cmp.Or(o.TenantClaim, "tenantId")
	o.RoleClaim = cmp.Or(o.RoleClaim, "roles")
	o.AdminRole = cmp.Or(o.AdminRole, "TenantAdmin")
	return &accessTokens{o, newKeyring(newIssuer(o.Issuer), log)}
}

// algorithms are those whose keys an issuer can publish. The symmetric ones and
// none are not among them, so that no public key is ever taken for a secret.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
		jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
}

// remembered returns who holds a token that was looked at before, by its hash.
func (a *accessTokens) remembered(ctx context.Context, hash [sha256.Size]byte) (who principal, ok bool) {
	held := a.keys.had()
	if held == nil {
		return principal{}, false
	}
	if _, ok := held.remembered(hash); !ok {
		return principal{}, false
	}
	// Keys that were withdrawn meanwhile vouch for nothing.
	held, _ = a.keys.current(ctx)
	return held.remembered(hash)
}

// holder returns who holds the token of that hash, or why it is not accepted.
// The error is errNoKeys where the issuer is at fault, not the token.
func (a *accessTokens) holder(ctx context.Context, token string, hash [sha256.Size]byte) (principal, error) {
	signed, err := jose.ParseSignedCompact(token, algorithms())
	if err != nil {
		return principal{}, err
	}
	header := signed.Signatures[0].Protected
	if err := checkHeader(header); err != nil {
		return principal{}, err
	}
	held, err := a.keysFor(ctx, header)
	if err != nil {
		return principal{}, err
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

// checkHeader refuses what is signed by the issuer but is no access token, such
// as a logout token (RFC 8725, section 3.11), and extensions that have to be
// understood (RFC 7515, section 4.1.11).
func checkHeader(header jose.Header) error {
	if _, ok := header.ExtraHeaders["crit"]; ok {
		return errors.New("the token has critical header parameters")
	}
	given, ok := header.ExtraHeaders[jose.HeaderType]
	if !ok {
		return nil
	}
	name, _ := given.(string)
	switch strings.TrimPrefix(strings.ToLower(name), "application/") {
	case "jwt", "at+jwt": // RFC 9068, section 2.1
		return nil
	}
	return fmt.Errorf("the token's type is %q", given)
}

// keysFor returns the issuer's keys, newer ones if those that are there have
// none for the header.
func (a *accessTokens) keysFor(ctx context.Context, header jose.Header) (*keys, error) {
	had := a.keys.had()
	held, err := a.keys.current(ctx)
	if err != nil || len(held.matching(header)) > 0 {
		return held, err
	}
	return a.keys.newer(ctx, had) // than what was there before, so that nothing is fetched twice
}

// payload returns the claims of a token that one of the public keys signed, of
// this issuer for this audience. When it is good for is not looked at.
func (a *accessTokens) payload(ctx context.Context, token string, public []crypto.PublicKey) ([]byte, error) {
	pinned := &oidc.Config{ClientID: a.Audience, SkipExpiryCheck: true}
	for _, algorithm := range algorithms() {
		pinned.SupportedSigningAlgs = append(pinned.SupportedSigningAlgs, string(algorithm))
	}
	verifier := oidc.NewVerifier(a.Issuer, &oidc.StaticKeySet{PublicKeys: public}, pinned)
	verified, err := verifier.Verify(ctx, token)
	if err != nil {
		return nil, err
	}
	var payload json.RawMessage
	err = verified.Claims(&payload)
	return payload, err
}
