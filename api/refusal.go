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

// refusal is an answer that is an error, and as an error what a handler returns
// to have it sent.
type refusal struct {
	status int
	errs   []envelope.Error
	header http.Header // beside those of every answer
	limit  string      // that was reached, as Outcome has it
	cause  error       // that the client is not told
}

func (e *refusal) Error() string { return e.errs[0].Code }

// RefusesWrite implements store.Refusal.
func (e *refusal) RefusesWrite() {}

// refuse answers with what err comes down to. What has no place among the
// answers of the API comes from inside: it is for the log.
func (t *tenant) refuse(w http.ResponseWriter, r *http.Request, err error) *refusal {
	answer := refusalFor(err)
	if answer == nil {
		answer = unavailable(r.Method, err)
		// A reader who hung up has ended the call, not the store.
		if t.Log != nil && !errors.Is(err, context.Canceled) {
			t.Log(r.Context(), err)
		}
	}
	for name, lines := range answer.header {
		w.Header()[name] = lines
	}
	envelope.Write(w, envelope.TraceID(r.Context()), answer.status, answer.errs...)
	return answer
}

// refusalFor returns the answer to an error that tells what happened, or nil
// for one that comes from inside: of a write it may not be known then.
func refusalFor(err error) *refusal {
	if answer, ok := errors.AsType[*refusal](err); ok {
		return answer
	}
	if answer, ok := auth.AnswerTo(err); ok {
		return unauthenticated(answer, err)
	}
	if limit, ok := errors.AsType[*store.LimitError](err); ok {
		return overLimit(limit)
	}
	if errors.Is(err, store.ErrNotFound) {
		return notFound()
	}
	return nil
}

// unauthenticated returns the refusal for an error of auth.
func unauthenticated(answer auth.Answer, err error) *refusal {
	e := refuseWith(answer.Status, answer.Error)
	e.header = answer.Header
	if limit, ok := errors.AsType[*auth.RateLimitError](err); ok {
		e.limit = limit.Limit
	}
	if _, invalid := errors.AsType[*auth.InvalidTokenError](err); invalid || errors.Is(err, auth.ErrIssuerUnavailable) {
		e.cause = err
	}
	return e
}

func refuseWith(status int, errs ...envelope.Error) *refusal {
	return &refusal{status: status, errs: errs}
}

func badRequest(status int, detail string) *refusal {
	return refuseWith(status, envelope.Error{Code: "BAD_REQUEST", Title: "Bad Request", Detail: detail})
}

// unreadable is the answer to a body that is not the JSON it has to be.
func unreadable() *refusal {
	return badRequest(http.StatusBadRequest, "Error parsing request body")
}

func overLimit(limit *store.LimitError) *refusal {
	if limit.What == store.LimitOrigins {
		return refuseWith(http.StatusBadRequest, invalidProperty("/validOrigins", limit.Error()))
	}
	return badRequest(http.StatusBadRequest, limit.Error())
}

func notFound() *refusal {
	return refuseWith(http.StatusNotFound, envelope.Error{Code: "WEBINTEGRATIONS_NOT_FOUND", Title: "Not found"})
}

// methodNotAllowed names the methods of the routes that there are.
func methodNotAllowed(routes []route) *refusal {
	methods := make([]string, len(routes))
	for i, route := range routes {
		methods[i] = route.method
	}
	e := refuseWith(http.StatusMethodNotAllowed, envelope.Error{Code: "METHOD_NOT_ALLOWED", Title: "Method not allowed"})
	e.header = http.Header{"Allow": {strings.Join(methods, ", ")}}
	return e
}

func conflict() *refusal {
	return refuseWith(http.StatusPreconditionFailed, envelope.Error{
		Code: "WEBINTEGRATIONS_CONFLICT", Title: "Precondition failed",
		Detail: "The web integration is not the one that If-Match names.",
	})
}

// unavailable is the answer to what the store could not do, or what could not be
// kept. Of a write it says whether it is known to have been made or not.
func unavailable(method string, err error) *refusal {
	e := refuseWith(http.StatusServiceUnavailable, envelope.Error{
		Code: "STORE_UNAVAILABLE", Title: "Store unavailable", Detail: unavailableDetail(method, err),
	})
	e.header = http.Header{"Retry-After": {"5"}}
	return e
}

func unavailableDetail(method string, err error) string {
	if method == http.MethodGet || method == http.MethodHead {
		return "The store does not answer."
	}
	if failed, ok := errors.AsType[*keepError](err); ok {
		return failed.detail()
	}
	if notMade(err) {
		return "The write was not made: " + store.CauseOf(err).Text() + "."
	}
	return "It is not known whether the write was made: " + store.CauseOf(err).Text() + "."
}

// notMade reports whether the error of a write says that it was not made.
func notMade(err error) bool {
	if kept, ok := errors.AsType[*keepError](err); ok {
		return !kept.made
	}
	return !store.IsOutcomeUnknown(err)
}

// missingFields names members that a body must have.
func missingFields(names ...string) envelope.Error {
	return envelope.Error{
		Code: "WEBINTEGRATIONS-5", Title: "Missing required fields",
		Meta: map[string]any{"requiredFields": names},
	}
}

// invalidProperty is about a property of the web integration, also when it came
// as the value of a patch.
func invalidProperty(pointer, detail string) envelope.Error {
	return envelope.Error{
		Code: "WEBINTEGRATIONS-6", Title: "Invalid property value", Detail: detail,
		Source: &envelope.Source{Pointer: pointer},
	}
}

func invalidParameter(name, detail string) envelope.Error {
	return envelope.Error{
		Code: "WEBINTEGRATIONS-6", Title: "Invalid property value", Detail: detail,
		Source: &envelope.Source{Parameter: name},
	}
}

// invalidPatch is about the operation, or the part of it, at pointer; or about
// the patch as a whole, which has no pointer in the error document.
func invalidPatch(pointer, detail string) envelope.Error {
	e := envelope.Error{Code: "WEBINTEGRATIONS-4", Title: "Invalid PATCH request", Detail: detail}
	if pointer != "" {
		e.Source = &envelope.Source{Pointer: pointer}
	}
	return e
}
