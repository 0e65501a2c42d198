// Package envelope is the error document that the API and the gateway both
// answer with, and the trace id that ties an answer to its log line.
//
// It knows HTTP and JSON and nothing of origins, lists or tenants.
package envelope

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// Error is one mistake or failure, in the form of Qlik Cloud's APIs.
type Error struct {
	// Code is stable and meant for programs.
	Code string `json:"code"`
	// Title is the short text that belongs to Code.
	Title string `json:"title"`
	// Detail tells this occurrence, for people. It never holds what came from
	// inside (paths, SQL, addresses).
	Detail string `json:"detail,omitempty"`
	// Status repeats the HTTP status as a string; Write fills it in.
	Status string `json:"status"`
	// Source says which part of the request is at fault.
	Source *Source `json:"source,omitempty"`
	// Meta holds further members that belong to Code.
	Meta map[string]any `json:"meta,omitempty"`
}

// Source names the part of a request that an Error is about: one of both.
type Source struct {
	// Pointer is a JSON Pointer (RFC 6901) into the request's body.
	Pointer string `json:"pointer,omitempty"`
	// Parameter is the name of a query parameter.
	Parameter string `json:"parameter,omitempty"`
}

// Document is the body of every error answer.
type Document struct {
	Errors  []Error `json:"errors"`
	TraceID string  `json:"traceId"`
}

// Write answers with status and a Document of errs. Headers that belong to the
// error (Allow, Retry-After, WWW-Authenticate) are set by the caller before.
func Write(w http.ResponseWriter, traceID string, status int, errs ...Error) {
	for i := range errs {
		errs[i].Status = strconv.Itoa(status)
	}
	body, err := json.Marshal(Document{Errors: errs, TraceID: traceID})
	if err != nil { // only an unmarshalable Meta, which is a mistake in this program
		panic(err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body)
}
