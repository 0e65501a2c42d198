// Package signin signs users in by an OpenID Connect issuer: the authorization code
// flow with PKCE (OpenID Connect Core, section 3.1; RFC 7636). It returns the ID token
// and trusts nothing in it.
package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"originwarden/origins"
)

// Settings are what the issuer knows of the console. It is comparable.
type Settings struct {
	Issuer   string // its URL
	ClientID string // "": there is no sign-in by an issuer
	// Secret is that of the client, or "" for a public client.
	Secret string
	// RedirectURL is where the issuer sends the browser back to.
	RedirectURL string
}

const (
	// timeout bounds each request to the issuer.
	timeout = 5 * time.Second
	// maxAge is the age at which the issuer's metadata is fetched again, and
	// minRetryInterval the shortest time between two attempts that fail.
	maxAge           = 10 * time.Minute
	minRetryInterval = 5 * time.Second
)

// Issuer talks to the issuer of the Settings. It may be used concurrently.
type Issuer struct {
	client *http.Client

	mu      sync.Mutex
	of      string // the issuer of what is below
	fetched time.Time
	found   *oidc.Provider
	failure error
}

// New returns an Issuer, which fetches nothing before it is used. It uses no proxy and
// follows no redirects, like the API for the issuer's keys.
func New() *Issuer {
	return &Issuer{client: &http.Client{
		Timeout:       timeout,
		Transport:     &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// AuthorizationURL returns where the browser has to go.
func (i *Issuer) AuthorizationURL(ctx context.Context, s Settings, a Attempt) (string, error) {
	endpoint, err := i.endpoint(ctx, s.Issuer)
	if err != nil {
		return "", err
	}
	return s.client(endpoint).AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), nil
}

// Redeem exchanges the code that the browser came back with, in the query, for the ID
// token.
func (i *Issuer) Redeem(ctx context.Context, s Settings, a Attempt, query url.Values) (idToken string, err error) {
	if by := query.Get("iss"); by != "" && by != s.Issuer { // RFC 9207
		return "", errors.New("the answer is that of another issuer")
	}
	endpoint, err := i.endpoint(ctx, s.Issuer)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, i.client), timeout)
	defer cancel()
	tokens, err := s.client(endpoint).Exchange(ctx, query.Get("code"), oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return "", fmt.Errorf("exchanging the code: %w", trimResponse(err))
	}
	idToken, _ = tokens.Extra("id_token").(string)
	if idToken == "" {
		return "", errors.New("exchanging the code: the issuer sent no ID token")
	}
	return idToken, nil
}

// trimResponse returns an error of oauth2 without the issuer's response.
func trimResponse(err error) error {
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refused.Response != nil {
		return fmt.Errorf("the issuer answered with status %d", refused.Response.StatusCode)
	}
	return err
}

func (s Settings) client(endpoint oauth2.Endpoint) *oauth2.Config {
	return &oauth2.Config{ClientID: s.ClientID, ClientSecret: s.Secret, Endpoint: endpoint, RedirectURL: s.RedirectURL, Scopes: []string{oidc.ScopeOpenID, "profile"}}
}

// endpoint returns the issuer's endpoints. They are secure.
func (i *Issuer) endpoint(ctx context.Context, issuer string) (oauth2.Endpoint, error) {
	found, err := i.provider(ctx, issuer)
	if err != nil {
		return oauth2.Endpoint{}, fmt.Errorf("fetching the issuer's metadata: %w", err)
	}
	e := found.Endpoint()
	if !origins.IsSecureURL(e.AuthURL) || !origins.IsSecureURL(e.TokenURL) {
		return oauth2.Endpoint{}, errors.New("an endpoint of the issuer is neither https nor on this machine")
	}
	return e, nil
}

// provider returns the issuer's metadata (OpenID Connect Discovery, section 4). While
// one request fetches it, others wait.
func (i *Issuer) provider(ctx context.Context, issuer string) (*oidc.Provider, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	age := time.Since(i.fetched)
	if i.of == issuer && (i.found != nil && age < maxAge || age < minRetryInterval) {
		return i.found, i.failure
	}
	if !origins.IsSecureURL(issuer) {
		return nil, errors.New("the issuer is neither https nor on this machine")
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(context.WithoutCancel(ctx), i.client), timeout)
	defer cancel()
	i.found, i.failure = oidc.NewProvider(ctx, issuer)
	i.of, i.fetched = issuer, time.Now()
	return i.found, i.failure
}
