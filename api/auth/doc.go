// Package auth authenticates the caller of a request, by static tokens or by
// access tokens of an OpenID Connect issuer, and limits the rate of requests. The
// library go-oidc verifies access tokens, with keys that this package fetches.
// It writes no responses: ResponseTo returns the response for an error.
package auth
