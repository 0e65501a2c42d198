package auth

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"originwarden/envelope"
)

var (
	// ErrTokenMissing says that a request has no token, or one that is unknown
	// and not signed.
	ErrTokenMissing = errors.New("no access token")
	// ErrIssuerUnavailable says that the issuer did not give the keys that it
	// takes to verify a token.
	ErrIssuerUnavailable = errors.New("fetching the issuer's keys")
)

// InvalidTokenError says why an access token was not accepted. The sender is
// not told, and the text may hold what the token claims.
type InvalidTokenError struct{ Err error }

// Error implements error.
func (e *InvalidTokenError) Error() string { return e.Err.Error() }

// Unwrap is for package errors.
func (e *InvalidTokenError) Unwrap() error { return e.Err }

// ForbiddenError says what the token does not permit.
type ForbiddenError struct{ Detail string }

// Error implements error.
func (e *ForbiddenError) Error() string { return e.Detail }

// RateLimitError says that a limit is reached, until Wait is over.
type RateLimitError struct {
	Limit string // its name
	Wait  time.Duration
}

// Error implements error.
func (e *RateLimitError) Error() string { return "the limit " + e.Limit + " is reached" }

// Answer is the response to a request that was refused.
type Answer struct {
	Status int
	Error  envelope.Error
	Header http.Header // beside those of every response
}

// AnswerTo returns the response for an error of this package. It reports false
// for any other error.
func AnswerTo(err error) (Answer, bool) {
	if limit, ok := errors.AsType[*RateLimitError](err); ok {
		return limit.answer(), true
	}
	if forbidden, ok := errors.AsType[*ForbiddenError](err); ok {
		return Answer{Status: http.StatusForbidden, Error: envelope.Error{
			Code: "WEBINTEGRATIONS_FORBIDDEN", Title: "Forbidden", Detail: forbidden.Detail,
		}}, true
	}
	if errors.Is(err, ErrIssuerUnavailable) {
		return Answer{http.StatusServiceUnavailable, envelope.Error{
			Code: "ISSUER_UNAVAILABLE", Title: "Issuer unavailable",
			Detail: "The keys of the token's issuer are not to be had.",
		}, http.Header{"Retry-After": {"5"}}}, true
	}
	if _, invalid := errors.AsType[*InvalidTokenError](err); !invalid && !errors.Is(err, ErrTokenMissing) {
		return Answer{}, false
	}
	// It looks the same whatever the cause.
	return Answer{http.StatusUnauthorized, envelope.Error{Code: "AUTH-1", Title: "Unauthorized"}, http.Header{"Www-Authenticate": {"Bearer"}}}, true
}

func (e *RateLimitError) answer() Answer {
	seconds := strconv.FormatInt(int64((e.Wait+time.Second-1)/time.Second), 10)
	return Answer{http.StatusTooManyRequests, envelope.Error{
		Code: "HTTP-429", Title: "API rate limit reached.",
		Detail: "You need to wait " + seconds + " seconds until limit is lifted.",
	}, http.Header{"Retry-After": {seconds}}}
}
