package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"originwarden/envelope/escape"
)

// An *Error matches one of these in errors.Is, by its status.
var (
	// ErrUnauthorized: 401, the token is missing or invalid.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrForbidden: 403, the token does not permit the call.
	ErrForbidden = errors.New("forbidden")
	// ErrNotFound: 404, the tenant has no web integration with the id.
	ErrNotFound = errors.New("not found")
	// ErrConflict: 409, later changes would be undone, or nothing can be.
	ErrConflict = errors.New("conflict")
	// ErrPreconditionFailed: 412, the web integration's ETag is another.
	ErrPreconditionFailed = errors.New("precondition failed")
	// ErrRateLimited: 429, the rate limit is reached, also after waiting.
	ErrRateLimited = errors.New("rate limited")
)

// Error is a response other than the one that means success.
type Error struct {
	Status int
	// Errors are what the server says is wrong. It is empty if the body is not an
	// error document, as that of a proxy.
	Errors []Problem
	// ETag is that of the response, or "": see Undo.
	ETag string
	// TraceID identifies the request in the server's log. It may be empty.
	TraceID string
	// RetryAfter is the time to wait before the next request (RFC 9110, section
	// 10.2.3), at least a second, or 0 if the server does not say.
	RetryAfter time.Duration
}

// Problem is one error of an error document.
type Problem struct {
	Code   string `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Source Source `json:"source"`
	// Meta has further members, as JSON.
	Meta json.RawMessage `json:"meta"`
}

// Source is the part of the request that a Problem is about.
type Source struct {
	Pointer   string `json:"pointer"`   // a JSON Pointer (RFC 6901) into the body
	Parameter string `json:"parameter"` // a query parameter
}

// Is reports whether target is the package's error for the status.
func (e *Error) Is(target error) bool {
	byStatus := map[int]error{
		http.StatusUnauthorized:       ErrUnauthorized,
		http.StatusForbidden:          ErrForbidden,
		http.StatusNotFound:           ErrNotFound,
		http.StatusConflict:           ErrConflict,
		http.StatusPreconditionFailed: ErrPreconditionFailed,
		http.StatusTooManyRequests:    ErrRateLimited,
	}
	return target != nil && byStatus[e.Status] == target
}

const maxShownProblems = 10 // in Error

// Error returns one line, whatever the server sent.
func (e *Error) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d %s", e.Status, http.StatusText(e.Status))
	separator := ": "
	for _, problem := range e.Errors[:min(len(e.Errors), maxShownProblems)] {
		text.WriteString(separator + problem.String())
		separator = "; "
	}
	if more := len(e.Errors) - maxShownProblems; more > 0 {
		fmt.Fprintf(&text, "; and %d more", more)
	}
	if e.TraceID != "" {
		fmt.Fprintf(&text, " (trace id %s)", escape.Text(e.TraceID))
	}
	return text.String()
}

// String returns all of the Problem in one line.
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
