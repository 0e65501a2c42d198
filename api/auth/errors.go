package auth

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"originwarden/envelope"
)

var (
	// ErrTokenMissing: the request has no token, or one that is unknown and not
	// signed.
	ErrTokenMissing = errors.New("no access token")
	// ErrIssuerUnavailable: the issuer's keys, which are needed to verify the
	// token, are unavailable.
	ErrIssuerUnavailable = errors.New("the issuer's keys are unavailable")
)

// InvalidTokenError says why an access token was not accepted. The text may
// quote its claims and is not for the sender.
type InvalidTokenError struct{ Err error }

// Error implements error.
func (e *InvalidTokenError) Error() string { return e.Err.Error() }

// Unwrap is for package errors.
func (e *InvalidTokenError) Unwrap() error { return e.Err }

// ForbiddenError says what the token does not permit.
type ForbiddenError struct{ Detail string }

// Error implements error.
func (e *ForbiddenError) Error() string { return e.Detail }

// RateLimitError says that a limit is reached, and for how long.
type RateLimitError struct {
	Limit string // its name
	Wait  time.Duration
}

// Error implements error.
func (e *RateLimitError) Error() string { return "the limit " + e.Limit + " is reached" }

// Response is the response to a refused request.
type Response struct {
	Status int
	Error  envelope.Error
	Header http.Header // besides those of every response
}

// ResponseTo returns the response for an error of this package. It reports false
// for any other error.
func ResponseTo(err error) (Response, bool) {
	if limit, ok := errors.AsType[*RateLimitError](err); ok {
		return limit.response(), true
	}
	if forbidden, ok := errors.AsType[*ForbiddenError](err); ok {
		return Response{Status: http.StatusForbidden, Error: envelope.Error{
			Code: "WEBINTEGRATIONS_FORBIDDEN", Title: "Forbidden", Detail: forbidden.Detail,
		}}, true
	}
	if errors.Is(err, ErrIssuerUnavailable) {
		return Response{http.StatusServiceUnavailable, envelope.Error{
			Code: "ISSUER_UNAVAILABLE", Title: "Issuer unavailable", Detail: "The keys of the token's issuer are unavailable.",
		}, http.Header{"Retry-After": {"5"}}}, true
	}
	if _, invalid := errors.AsType[*InvalidTokenError](err); !invalid && !errors.Is(err, ErrTokenMissing) {
		return Response{}, false
	}
	// The response is the same whatever the cause.
	return Response{http.StatusUnauthorized, envelope.Error{Code: "AUTH-1", Title: "Unauthorized"}, http.Header{"Www-Authenticate": {"Bearer"}}}, true
}

func (e *RateLimitError) response() Response {
	seconds := strconv.FormatInt(int64((e.Wait+time.Second-1)/time.Second), 10)
	return Response{http.StatusTooManyRequests, envelope.Error{
		Code: "HTTP-429", Title: "API rate limit reached.",
		Detail: "You need to wait " + seconds + " seconds until limit is lifted.",
	}, http.Header{"Retry-After": {seconds}}}
}
