package console

import (
	"context"
	"errors"
	"net/http"

	"originwarden/api/auth"
	"originwarden/envelope"
	"originwarden/store"
)

// errNotFound: the page is that of something that does not exist.
var errNotFound = errors.New("not found")

// failWith sends the page for an error of a route.
func (r *request) failWith(err error) {
	if refused, ok := auth.ResponseTo(err); ok {
		for name, lines := range refused.Header {
			r.w.Header()[name] = lines
		}
		r.w.Header().Del("WWW-Authenticate")
		r.fail(refused.Status, refused.Error.Title, refused.Error.Detail)
		return
	}
	if refused, ok := errors.AsType[*apiError](err); ok {
		for _, line := range refused.Header.Values("Retry-After") {
			r.w.Header().Set("Retry-After", line)
		}
		r.fail(refused.Status, refused.Errors[0].Title, refused.Text())
		return
	}
	if errors.Is(err, errNotFound) || errors.Is(err, store.ErrNotFound) {
		r.fail(http.StatusNotFound, "Not found", "There is nothing at this address. It may have been deleted.")
		return
	}
	if r.Log != nil && !errors.Is(err, context.Canceled) {
		r.Log(r.Context(), err)
	}
	r.fail(http.StatusServiceUnavailable, "Unavailable", "The store does not answer, or this page failed. The lists in force are served as before. Try again in a moment.")
}

// failure is the data of the page that tells what went wrong.
type failure struct{ Detail, TraceID string }

// fail sends a page that tells what went wrong.
func (r *request) fail(status int, title, detail string) {
	r.show(status, "failure.html", page{Title: title, Section: "none", Data: failure{detail, envelope.TraceID(r.Context())}})
}
