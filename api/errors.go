package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"originwarden/api/auth"
	"originwarden/envelope"
	"originwarden/store"
)

// errorResponse is an error that a handler returns to have it sent as the response.
type errorResponse struct {
	status int
	errs   []envelope.Error
	header http.Header // besides those of every response
}

func newErrorResponse(status int, errs ...envelope.Error) *errorResponse {
	return &errorResponse{status: status, errs: errs}
}

func (e *errorResponse) Error() string { return e.errs[0].Code }

// RejectsWrite implements store.Rejection.
func (e *errorResponse) RejectsWrite() {}

// sendError sends the response for err and returns its code. It logs internal
// errors, about which clients learn no more than that the store is unavailable.
func (t *tenantRequest) sendError(w http.ResponseWriter, r *http.Request, err error) (code string) {
	response := errorResponseFor(err)
	if response == nil {
		response = storeUnavailable(r.Method, err)
		// A client that hung up has ended the call, not the store.
		if t.Log != nil && !errors.Is(err, context.Canceled) {
			t.Log(r.Context(), err)
		}
	}
	for name, lines := range response.header {
		w.Header()[name] = lines
	}
	envelope.Write(w, envelope.TraceID(r.Context()), response.status, response.errs...)
	return response.errs[0].Code
}

// errorResponseFor returns the response for an error that says what happened, or nil
// for an internal one, after which the outcome of a write may be unknown.
func errorResponseFor(err error) *errorResponse {
	if response, ok := errors.AsType[*errorResponse](err); ok {
		return response
	}
	if response, ok := auth.ResponseTo(err); ok {
		return &errorResponse{response.Status, []envelope.Error{response.Error}, response.Header}
	}
	if limit, ok := errors.AsType[*store.LimitError](err); ok {
		return overLimit(limit)
	}
	if errors.Is(err, store.ErrNotFound) {
		return notFound()
	}
	return nil
}

// limitOf returns the limit that err says is reached, or "".
func limitOf(err error) string {
	if limit, ok := errors.AsType[*auth.RateLimitError](err); ok {
		return limit.Limit
	}
	return ""
}

// tokenError returns err if it says why an access token was not accepted, or nil.
func tokenError(err error) error {
	if _, invalid := errors.AsType[*auth.InvalidTokenError](err); invalid || errors.Is(err, auth.ErrIssuerUnavailable) {
		return err
	}
	return nil
}

func requestError(status int, detail string) *errorResponse {
	return newErrorResponse(status, envelope.Error{Code: "BAD_REQUEST", Title: "Bad Request", Detail: detail})
}

// invalidBody is the response to a body that is not the expected JSON.
func invalidBody() *errorResponse {
	return requestError(http.StatusBadRequest, "Error parsing request body")
}

func overLimit(limit *store.LimitError) *errorResponse {
	if limit.What == store.LimitOrigins {
		return newErrorResponse(http.StatusBadRequest, invalidProperty("/validOrigins", limit.Error()))
	}
	return requestError(http.StatusBadRequest, limit.Error())
}

func notFound() *errorResponse {
	return newErrorResponse(http.StatusNotFound, envelope.Error{Code: "WEBINTEGRATIONS_NOT_FOUND", Title: "Not found"})
}

func methodNotAllowed(routes []route) *errorResponse {
	methods := make([]string, len(routes))
	for i, route := range routes {
		methods[i] = route.method
	}
	e := newErrorResponse(http.StatusMethodNotAllowed, envelope.Error{Code: "METHOD_NOT_ALLOWED", Title: "Method not allowed"})
	e.header = http.Header{"Allow": {strings.Join(methods, ", ")}}
	return e
}

// storeUnavailable is the response to an error of the store or of Lists.Keep. For a
// write, the detail says whether it was made, if that is known.
func storeUnavailable(method string, err error) *errorResponse {
	e := newErrorResponse(http.StatusServiceUnavailable, envelope.Error{
		Code: "STORE_UNAVAILABLE", Title: "Store unavailable", Detail: storeErrorDetail(method, err),
	})
	e.header = http.Header{"Retry-After": {"5"}}
	return e
}

func storeErrorDetail(method string, err error) string {
	if method == http.MethodGet || method == http.MethodHead {
		return "The store does not answer."
	}
	if failed, ok := errors.AsType[*keepError](err); ok {
		return failed.detail()
	}
	if isNotMade(err) {
		return "The write was not made: " + store.CauseOf(err).Text() + "."
	}
	return "It is not known whether the write was made: " + store.CauseOf(err).Text() + "."
}

// isNotMade reports whether the error of a write says that it was not made.
func isNotMade(err error) bool {
	if failed, ok := errors.AsType[*keepError](err); ok {
		return !failed.made
	}
	return !store.IsOutcomeUnknown(err)
}

// invalidProperty is the error for a property of a web integration, also as the
// value of a patch.
func invalidProperty(pointer, detail string) envelope.Error {
	return invalidAt(envelope.Source{Pointer: pointer}, detail)
}

func invalidParameter(name, detail string) envelope.Error {
	return invalidAt(envelope.Source{Parameter: name}, detail)
}

func invalidAt(source envelope.Source, detail string) envelope.Error {
	return envelope.Error{Code: "WEBINTEGRATIONS-6", Title: "Invalid property value", Detail: detail, Source: &source}
}

// invalidPatch is the error for an operation, or the part of it, at pointer. The
// pointer "" is that of the whole patch and is omitted.
func invalidPatch(pointer, detail string) envelope.Error {
	e := envelope.Error{Code: "WEBINTEGRATIONS-4", Title: "Invalid PATCH request", Detail: detail}
	if pointer != "" {
		e.Source = &envelope.Source{Pointer: pointer}
	}
	return e
}
