package api

import (
	"net/http"

	"originwarden/api/auth"
	"originwarden/api/undo"
	"originwarden/store"
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
		"AUTH-1", "BAD_REQUEST", "HTTP-429", "ISSUER_UNAVAILABLE", "METHOD_NOT_ALLOWED",
		"REFUSED_ORIGIN_NOT_FOUND", "STORE_UNAVAILABLE", undo.CodeConflict, undo.CodeImpossible,
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

// Call is the caller of a request and what it asked for, as far as that was
// known when the response was sent.
type Call struct {
	// Issuer and Subject are those of the token. Issuer is "" for a static one.
	Issuer, Subject string
	// Integration is the id of the web integration that was asked for or created,
	// or "".
	Integration string
	// Diff is what a write changed; nil if it changed nothing, or is known not
	// to have been made. With status 503 the change was made and is not kept, or
	// it is unknown whether it was made.
	Diff *Diff
	// Dismissed and Restored are the refused origin that was dismissed, or whose
	// dismissal was undone, or "", as Diff. It is what a client once sent.
	Dismissed, Restored string
}

// HasChanged reports whether the request changed something, as far as is known.
func (c *Call) HasChanged() bool { return c.Diff != nil || c.Dismissed != "" || c.Restored != "" }

// Diff is what a write changed in a web integration, for the log.
type Diff struct {
	Name    string
	OldName string // if the write changed it
	// Added and Removed are numbers of origins, and FirstAdded and FirstRemoved
	// the first of them, at most ShownOrigins.
	Added, Removed           int
	FirstAdded, FirstRemoved []string
}

// ShownOrigins is the number of origins that a Diff names.
const ShownOrigins = 10

// newDiff returns what changed from one state of a web integration to another.
// The zero value is the state of one that does not exist.
func newDiff(before, after store.WebIntegration) *Diff {
	c := &Diff{Name: after.Name}
	if after.Name == "" {
		c.Name = before.Name
	} else if after.Name != before.Name {
		c.OldName = before.Name
	}
	c.Added, c.FirstAdded = countMissing(after.ValidOrigins, before.ValidOrigins)
	c.Removed, c.FirstRemoved = countMissing(before.ValidOrigins, after.ValidOrigins)
	return c
}

// countMissing returns how many of all are not in others, and the first of them.
func countMissing(all, others []string) (n int, first []string) {
	known := make(map[string]bool, len(others))
	for _, origin := range others {
		known[origin] = true
	}
	for _, origin := range all {
		if known[origin] {
			continue
		}
		if n++; n <= ShownOrigins {
			first = append(first, origin)
		}
	}
	return n, first
}
