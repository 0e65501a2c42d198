// Package auth authenticates the bearer of a request and limits how often it
// may come back: static tokens, access tokens of an OpenID Connect issuer, and
// rate limits. It writes no responses; AnswerTo says which response an error
// stands for.
package auth
