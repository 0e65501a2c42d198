package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"originwarden/escape"
)

// What an *Error is, by its status.
var (
	// ErrUnauthorized: 401, no token or one that the server does not know.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrForbidden: 403, the token may not do this.
	ErrForbidden = errors.New("forbidden")
	// ErrNotFound: 404, the tenant has no web integration of that id.
	ErrNotFound = errors.New("not found")
	// ErrPreconditionFailed: 412, the web integration is not as of that ETag.
	ErrPreconditionFailed = errors.New("precondition failed")
	// ErrRateLimited: 429, and waiting was not possible or not enough.
	ErrRateLimited = errors.New("rate limited")
)

// Error is an answer other than the one that says success.
type Error struct {
	// Status is that of the answer.
	Status int
	// Errors are what the server says is wrong. It is empty if the answer is not
	// a document of errors, as that of another server on the way.
	Errors []Problem
	// TraceID finds the request in the server's log. It may be empty.
	TraceID string
	// RetryAfter is when to ask again (RFC 9110, section 10.2.3), counted from
	// the answer; at least a second, or 0 if the server does not say.
	RetryAfter time.Duration
}

// Problem is one of the things that are wrong.
type Problem struct {
	Code   string `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Source Source `json:"source"`
	// Meta is what else there is, as JSON.
	Meta json.RawMessage `json:"meta"`
}

// Source is the part of the request that a Problem is about.
type Source struct {
	Pointer   string `json:"pointer"`   // a JSON Pointer (RFC 6901) into the body
	Parameter string `json:"parameter"` // a parameter of the query
}

// Is reports whether e is one of the package's errors for a status.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrUnauthorized:
		return e.Status == http.StatusUnauthorized
	case ErrForbidden:
		return e.Status == http.StatusForbidden
	case ErrNotFound:
		return e.Status == http.StatusNotFound
	case ErrPreconditionFailed:
		return e.Status == http.StatusPreconditionFailed
	case ErrRateLimited:
		return e.Status == http.StatusTooManyRequests
	}
	return false
}

const problemsTold = 10 // by Error, which is for a line of a log

// Error is one line, whatever the server sent.
func (e *Error) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d %s", e.Status, http.StatusText(e.Status))
	separator := ": "
	for _, problem := range e.Errors[:min(len(e.Errors), problemsTold)] {
		text.WriteString(separator + problem.String())
		separator = "; "
	}
	if more := len(e.Errors) - problemsTold; more > 0 {
		fmt.Fprintf(&text, "; and %d more", more)
	}
	if e.TraceID != "" {
		fmt.Fprintf(&text, " (trace id %s)", escape.Text(e.TraceID))
	}
	return text.String()
}

// String is one line with all that the Problem says.
func (p Problem) String() string {
	text := p.Title
	if at := p.Source.Pointer + p.Source.Parameter; at != "" {
		text += " at " + at
	}
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	if meta := string(p.Meta); meta != "" && meta != "null" && meta != "{}" {
		text += " " + meta
	}
	if p.Code != "" {
		text += " (" + p.Code + ")"
	}
	return escape.Text(strings.TrimSpace(text))
}
