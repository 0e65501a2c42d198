package api

import (
	"net/http"

	"originwarden/api/auth"
)

// The values of Outcome.Limit.
const (
	LimitTier1  = auth.LimitTier1
	LimitTier2  = auth.LimitTier2
	LimitFailed = auth.LimitFailed
	// LimitInFlight is how many requests of a tenant, and of all, may read or send
	// long lists at once. It is not configurable.
	LimitInFlight = "api_in_flight"
)

// Outcome is what Config.Observe receives of a request. Except for Refused and Call,
// each field has a fixed set of values, so that it can be a metric label.
type Outcome struct {
	// Route is the path of the resource as in OpenAPI, or "none".
	Route string
	// Method is one of the API's methods, or "other".
	Method string
	Status int
	// Code is the error code of the response, the first of several, one of Codes,
	// or "".
	Code string
	// Limit is the limit that the request exceeded: LimitTier1, LimitTier2,
	// LimitFailed, LimitInFlight or "". A response that LimitInFlight cut off has
	// the status with which it began.
	Limit string
	// Refused is why an access token was not accepted, or nil. The response does not
	// contain it. It may quote the token's claims.
	Refused error
	Call    Call
}

// Codes returns all values of Outcome.Code but the empty one. The names of those
// with a status of 500 or above, and of no others, end in UNAVAILABLE.
func Codes() []string {
	return []string{
		"AUTH-1", "BAD_REQUEST", "HTTP-429", "ISSUER_UNAVAILABLE", "METHOD_NOT_ALLOWED", "STORE_UNAVAILABLE",
		"WEBINTEGRATIONS-4", "WEBINTEGRATIONS-5", "WEBINTEGRATIONS-6",
		"WEBINTEGRATIONS_CONFLICT", "WEBINTEGRATIONS_FORBIDDEN", "WEBINTEGRATIONS_NOT_FOUND",
	}
}

// boundedMethod returns a method of the API, or "other" for any that clients
// invent.
func boundedMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodDelete:
		return method
	}
	return "other"
}
