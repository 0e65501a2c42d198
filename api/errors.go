package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"originwarden/api/auth"
	"originwarden/api/problem"
	"originwarden/envelope"
	"originwarden/store"
)

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
	for name, lines := range response.Header {
		w.Header()[name] = lines
	}
	envelope.Write(w, envelope.TraceID(r.Context()), response.Status, response.Errors...)
	return response.Errors[0].Code
}

// errorResponseFor returns the response for an error that says what happened, or nil
// for an internal one, after which the outcome of a write may be unknown.
func errorResponseFor(err error) *problem.Response {
	if response, ok := errors.AsType[*problem.Response](err); ok {
		return response
	}
	if response, ok := auth.ResponseTo(err); ok {
		return &problem.Response{Status: response.Status, Errors: []envelope.Error{response.Error}, Header: response.Header}
	}
	if limit, ok := errors.AsType[*store.LimitError](err); ok {
		return overLimit(limit)
	}
	if errors.Is(err, store.ErrNotFound) {
		return problem.NotFound("")
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

func overLimit(limit *store.LimitError) *problem.Response {
	if limit.What == store.LimitOrigins {
		return problem.New(http.StatusBadRequest, problem.InvalidProperty("/validOrigins", limit.Error()))
	}
	return problem.BadRequest(http.StatusBadRequest, limit.Error())
}

func methodNotAllowed(routes []route) *problem.Response {
	methods := make([]string, len(routes))
	for i, route := range routes {
		methods[i] = route.method
	}
	e := problem.New(http.StatusMethodNotAllowed, envelope.Error{Code: "METHOD_NOT_ALLOWED", Title: "Method not allowed"})
	e.Header = http.Header{"Allow": {strings.Join(methods, ", ")}}
	return e
}

// storeUnavailable is the response to an error of the store or of Lists.Keep. For a
// write, the detail says whether it was made, if that is known.
func storeUnavailable(method string, err error) *problem.Response {
	e := problem.New(http.StatusServiceUnavailable, envelope.Error{
		Code: "STORE_UNAVAILABLE", Title: "Store unavailable", Detail: storeErrorDetail(method, err),
	})
	e.Header = http.Header{"Retry-After": {"5"}}
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
