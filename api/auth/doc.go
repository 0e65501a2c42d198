// Package auth authenticates the caller of a request, by static tokens or by
// access tokens of an OpenID Connect issuer, and limits the rate of requests.
// It writes no responses: AnswerTo returns the response for an error.
package auth
