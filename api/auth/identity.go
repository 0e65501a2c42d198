package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"originwarden/envelope/clientaddr"
)

// Identity is who has signed in to a session. It is comparable. What it permits is
// decided for each request by Authenticator.Caller, so that a session ends or
// changes with the settings. It holds no token.
type Identity struct {
	token  [sha256.Size]byte // the hash of a bearer token, or zero
	signIn signIn
}

// signIn is what an ID token grants, as long as the settings are those by which it was
// verified.
type signIn struct {
	principal
	by OIDC
	at Client
}

// Client is what the issuer knows of the client that its users sign in to. It is
// comparable. Its zero value is none.
type Client struct{ ID, RedirectURL string }

// Identify authenticates the request, and returns who sent it for a session.
func (a *Authenticator) Identify(r *http.Request) (Identity, Caller, error) {
	caller, err := a.Authenticate(r)
	if err != nil {
		return Identity{}, Caller{}, err
	}
	token, _ := bearerToken(r.Header.Values("Authorization"))
	return Identity{token: sha256.Sum256([]byte(token))}, caller, nil
}

// Caller returns what the identity permits now, when users sign in to a client. The
// error is ErrTokenMissing if its token is no longer configured, or has expired, or if
// the settings of the issuer or the client have changed.
func (a *Authenticator) Caller(ctx context.Context, i Identity, c Client) (Caller, error) {
	s := a.current.Load()
	p, known := i.signIn.principal, s.oidc != nil && s.oidc.OIDC == i.signIn.by && c.ID != "" && c == i.signIn.at
	if i.token != ([sha256.Size]byte{}) {
		p, known = s.knownPrincipal(ctx, i.token)
	}
	if !known {
		return Caller{}, ErrTokenMissing
	}
	return Caller{p, &a.buckets, s.limits}, nil
}

// SignIn verifies an ID token (OpenID Connect Core, section 3.1.3.7) that the issuer
// gave to a client, for the sign-in with a nonce. Its claims grant what
// those of an access token would. The Identity outlives the token: the issuer has
// signed the user in once. The error is one of this package.
func (a *Authenticator) SignIn(ctx context.Context, idToken string, c Client, nonce string) (Identity, error) {
	v := a.current.Load().oidc
	if v == nil || c.ID == "" || len(idToken) > maxTokenLength {
		return Identity{}, ErrTokenMissing
	}
	p, err := v.forClient(c.ID).verifyIDToken(ctx, idToken, nonce)
	if err != nil && !errors.Is(err, ErrIssuerUnavailable) {
		err = &InvalidTokenError{err}
	}
	if err != nil {
		return Identity{}, err
	}
	return Identity{signIn: signIn{p, v.OIDC, c}}, nil
}

// forClient returns a verifier of the ID tokens for a client.
func (v *oidcVerifier) forClient(id string) *oidcVerifier {
	o := v.OIDC
	o.Audience = id
	return v.withSettings(o)
}

// verifyIDToken returns the principal of an ID token for the sign-in with a nonce.
func (v *oidcVerifier) verifyIDToken(ctx context.Context, token, nonce string) (principal, error) {
	verified, _, err := v.verifySignature(ctx, token, false)
	if err != nil {
		return principal{}, err
	}
	if subtle.ConstantTimeCompare([]byte(verified.Nonce), []byte(nonce)) != 1 {
		return principal{}, errors.New("the token is that of another sign-in")
	}
	var party struct {
		Authorized string `json:"azp"`
	}
	_ = verified.Claims(&party) // leaves it empty on errors
	if (party.Authorized != "" || len(verified.Audience) > 1) && party.Authorized != v.Audience {
		return principal{}, errors.New("the token was issued to another client")
	}
	granted, err := v.grantOf(verified)
	return granted.principal, err
}

// LimitFailures runs an attempt to sign in from a client's address. It returns a
// RateLimitError instead while the limit of failed attempts of that address is
// reached. An attempt that ends with an error counts, unless that is
// ErrIssuerUnavailable.
func (a *Authenticator) LimitFailures(address netip.Addr, attempt func() error) error {
	limits := a.current.Load().limits
	attempts := a.buckets.failures.bucket(clientaddr.Network(address), limits.Failed, limits.since)
	if wait := attempts.beginAttempt(time.Now()); wait > 0 {
		return &RateLimitError{LimitFailed, wait}
	}
	err := attempt()
	attempts.endAttempt(time.Now(), err != nil && !errors.Is(err, ErrIssuerUnavailable))
	return err
}

type callerKey struct{}

// WithCaller returns a context whose requests are those of an authenticated caller:
// Authenticate returns it and reads no token. It is for requests that this process
// makes itself; a client cannot set it.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// Tenant returns the id of the tenant that the token is for, "*" for all tenants, or
// "" for none.
func (c Caller) Tenant() string {
	if c.allTenants {
		return "*"
	}
	return c.tenant
}
