// Package problem has the error responses of the API that say what is wrong with a
// request. It sends nothing itself.
package problem

import (
	"net/http"

	"originwarden/envelope"
)

// Response is an error that a handler returns to have it sent as the response.
type Response struct {
	// Status is the status code (RFC 9110, section 15).
	Status int
	// Errors are what is wrong, at least one.
	Errors []envelope.Error
	// Header is sent besides the fields of every response. It may be nil.
	Header http.Header
}

// New returns a response without further fields.
func New(status int, errs ...envelope.Error) *Response {
	return &Response{Status: status, Errors: errs}
}

// Error implements error. It is the code of the first error.
func (r *Response) Error() string { return r.Errors[0].Code }

// RejectsWrite implements store.Rejection.
func (r *Response) RejectsWrite() {}

// BadRequest is the response to a request that is wrong as a whole.
func BadRequest(status int, detail string) *Response {
	return New(status, envelope.Error{Code: "BAD_REQUEST", Title: "Bad Request", Detail: detail})
}

// InvalidBody is the response to a body that is not the expected JSON.
func InvalidBody() *Response { return BadRequest(http.StatusBadRequest, "Error parsing request body") }

// InvalidQuery is the response to a query that cannot be parsed.
func InvalidQuery() *Response {
	return BadRequest(http.StatusBadRequest, "The query cannot be parsed.")
}

// NotFound is the response if what was asked for does not exist. detail may be "".
func NotFound(detail string) *Response {
	return New(http.StatusNotFound, envelope.Error{Code: "WEBINTEGRATIONS_NOT_FOUND", Title: "Not found", Detail: detail})
}

// PreconditionFailed is the response if If-Match does not permit a write.
func PreconditionFailed(detail string) *Response {
	return New(http.StatusPreconditionFailed, envelope.Error{Code: "WEBINTEGRATIONS_CONFLICT", Title: "Precondition failed", Detail: detail})
}

// MissingField is the error for a field that is required.
func MissingField(name string) envelope.Error {
	return envelope.Error{
		Code: "WEBINTEGRATIONS-5", Title: "Missing required fields",
		Meta: map[string]any{"requiredFields": []string{name}},
	}
}

// InvalidProperty is the error for a property of a web integration, also as the value of a
// patch.
func InvalidProperty(pointer, detail string) envelope.Error {
	return invalidAt(envelope.Source{Pointer: pointer}, detail)
}

// InvalidParameter is the error for a parameter of the query.
func InvalidParameter(name, detail string) envelope.Error {
	return invalidAt(envelope.Source{Parameter: name}, detail)
}

func invalidAt(source envelope.Source, detail string) envelope.Error {
	return envelope.Error{Code: "WEBINTEGRATIONS-6", Title: "Invalid property value", Detail: detail, Source: &source}
}

// InvalidPatch is the error for an operation, or the part of it, at pointer. The pointer ""
// is that of the whole patch and is omitted.
func InvalidPatch(pointer, detail string) envelope.Error {
	e := envelope.Error{Code: "WEBINTEGRATIONS-4", Title: "Invalid PATCH request", Detail: detail}
	if pointer != "" {
		e.Source = &envelope.Source{Pointer: pointer}
	}
	return e
}
