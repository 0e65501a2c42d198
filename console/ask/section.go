package ask

import (
	"net/url"

	"originwarden/origins"
)

// Input is one of the form of a question.
type Input struct{ Name, Label, Value, Mistake, Hint string }

// NewInput returns the input of a form, and what is wrong with it.
func NewInput(name, label string, form url.Values, mistakes map[string]string, hint string) Input {
	return Input{name, label, form.Get(name), mistakes[name], hint}
}

// Section is a response as a page shows it.
type Section struct {
	ID, Title, Note string
	Response        *Response
	Open            bool // its steps are shown at once
}

// NewSection returns the section of a Response, or of a pointer to one.
func NewSection(id, title, note string, of any, open bool) Section {
	s := Section{ID: id, Title: title, Note: note, Open: open}
	switch r := of.(type) {
	case *Response:
		s.Response = r
	case Response:
		s.Response = &r
	}
	return s
}

// Title returns what a request is.
func Title(r Response) string {
	if r.Kind == origins.WebSocket {
		return "WebSocket handshake"
	}
	return "Request"
}

// Note says when a browser sends the request.
func Note(a *Answer) string {
	switch {
	case a.Preflight != nil && a.Preflight.Verdict == origins.Refused:
		return "A browser does not send it, because the preflight is refused. A program could."
	case a.Request.Kind == origins.WebSocket:
		return "A browser sends no preflight before it."
	case a.Preflight == nil:
		return "A browser sends it without a preflight."
	}
	return "The request that follows the preflight."
}
