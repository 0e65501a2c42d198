package ask

import (
	"originwarden/origins"
	"originwarden/origins/explain"
)

// Answer is what the gateway would do with the requests of a question.
type Answer struct {
	// Preflight is nil if a browser sends none.
	Preflight *Response
	Request   Response
}

// IsAllowed reports whether a page of the origin may send the request and read the
// response, as far as the gateway is concerned.
func (a *Answer) IsAllowed() bool { return a.Decisive().Verdict == origins.Allowed }

// Decisive returns the response of the request that was refused first, or of the last
// one.
func (a *Answer) Decisive() *Response {
	if a.Preflight != nil && a.Preflight.Verdict == origins.Refused {
		return a.Preflight
	}
	return &a.Request
}

// Response is what the gateway would do with one request.
type Response struct {
	Kind    origins.Kind
	Mode    string // of the tenant, for this request
	Verdict origins.Verdict
	// Reason is that of the decision, or of the problem that came before it.
	Reason string
	// Explanation has no Steps if there was no decision.
	Explanation explain.Explanation
	// Forwards says that the request reaches the tenant or the API.
	Forwards, API bool
	// KeepsCORS says that the CORS headers are the tenant's.
	KeepsCORS bool
	// Status is that of the gateway's own response, or 0.
	Status int
	// Header has the fields of the gateway's own response, or those that it sets in
	// that of the tenant.
	Header []Field
	Body   string
	// Curl sends the request.
	Curl string
}

// Field is a line of a header.
type Field struct{ Name, Value string }
