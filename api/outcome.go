package api

import (
	"net/http"

	"originwarden/api/auth"
)

// The limits by name, as Outcome.Limit has them.
const (
	LimitTier1  = auth.LimitTier1
	LimitTier2  = auth.LimitTier2
	LimitFailed = auth.LimitFailed
	// LimitInFlight is how many requests of a tenant, or of all, may read or send
	// long lists at once. auth.RateLimits has no setting for it.
	LimitInFlight = "api_in_flight"
)

// Outcome is what one request came to, for whoever counts or logs. But for
// Refused and Call, each field is one of a few values whatever the client sent.
type Outcome struct {
	// Route is the path of the resource as OpenAPI has it, or "none".
	Route string
	// Method is one that the API has, or "other".
	Method string
	Status int
	// Code is that of the error, the first of several, that was the answer, of
	// Codes, or "".
	Code string
	// Limit is the limit that the request ran into: LimitTier1, LimitTier2,
	// LimitFailed, LimitInFlight or "". An answer that LimitInFlight has cut off
	// has the status with which it began.
	Limit string
	// Refused is why an access token of the issuer was not accepted, which its
	// sender is not told; nil otherwise. It may hold what the token claims.
	Refused error
	Call    Call
}

// boundedMethod returns a method of the API, or "other" for what clients make up.
func boundedMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodDelete:
		return method
	}
	return "other"
}
