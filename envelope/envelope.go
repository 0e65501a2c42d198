// Package envelope has the error document of the API and the gateway, and the
// trace id that connects a response with its log line.
package envelope

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// Error is one error, in the form of Qlik Cloud's APIs.
type Error struct {
	// Code is for programs, and stable.
	Code string `json:"code"`
	// Title is the text that belongs to Code.
	Title string `json:"title"`
	// Detail explains this occurrence, for people. It never has internals, such as
	// paths, SQL or addresses.
	Detail string `json:"detail,omitempty"`
	// Status is the HTTP status as a string. Write sets it.
	Status string `json:"status"`
	// Source is the part of the request that is invalid, or nil.
	Source *Source `json:"source,omitempty"`
	// Meta has further members that depend on Code.
	Meta map[string]any `json:"meta,omitempty"`
}

// Source is the part of a request that an Error is about. One field is set.
type Source struct {
	// Pointer is a JSON Pointer (RFC 6901) into the request's body.
	Pointer string `json:"pointer,omitempty"`
	// Parameter is the name of a query parameter.
	Parameter string `json:"parameter,omitempty"`
}

// Document is the body of every error response.
type Document struct {
	Errors  []Error `json:"errors"`
	TraceID string  `json:"traceId"`
}

// Write sends a response with status and a Document of errs. The caller has set
// the headers that belong to the error: Allow, Retry-After, WWW-Authenticate.
func Write(w http.ResponseWriter, traceID string, status int, errs ...Error) {
	body := Encode(traceID, status, errs...)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body)
}

// Encode returns the Document of errs as JSON. It sets their Status.
func Encode(traceID string, status int, errs ...Error) []byte {
	for i := range errs {
		errs[i].Status = strconv.Itoa(status)
	}
	body, err := json.Marshal(Document{Errors: errs, TraceID: traceID})
	if err != nil { // Meta cannot be encoded, which is a bug
		panic(err)
	}
	return body
}

// Fixed is the Document of one error, of which only the trace id varies. It is encoded
// once. It may be used concurrently.
type Fixed struct{ beforeID []byte }

// NewFixed returns the Document of e, whose Status it sets.
func NewFixed(status int, e Error) *Fixed {
	body := Encode("", status, e)
	return &Fixed{body[:len(body)-len(endOfDocument)]}
}

const endOfDocument = `"}`

// Encode returns the Document as JSON. The trace id has only letters and digits.
func (f *Fixed) Encode(traceID string) []byte {
	body := make([]byte, 0, len(f.beforeID)+len(traceID)+len(endOfDocument))
	body = append(body, f.beforeID...)
	body = append(body, traceID...)
	return append(body, endOfDocument...)
}
