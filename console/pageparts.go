package console

import (
	"errors"
	"html/template"
	"net/url"

	"originwarden/console/ask"
	"originwarden/console/listing"
	"originwarden/console/wording"
	"originwarden/origins"
)

// pageFunctions are what the templates of some pages call.
func pageFunctions() template.FuncMap {
	return template.FuncMap{
		"advice":       wording.Advice,
		"sentence":     wording.Sentence,
		"relation":     wording.Relation,
		"agent":        wording.Agent,
		"field":        newField,
		"response":     newShownResponse,
		"requestTitle": requestTitle,
		"requestNote":  requestNote,
	}
}

// field is an input of the form of the page Ask.
type field struct{ Name, Label, Value, Mistake, Hint string }

func newField(name, label string, form url.Values, mistakes map[string]string, hint string) field {
	return field{name, label, form.Get(name), mistakes[name], hint}
}

// shownResponse is a response on the page Ask.
type shownResponse struct {
	ID, Title, Note string
	Response        *ask.Response
	Open            bool // its steps are shown at once
}

func newShownResponse(id, title, note string, of any, open bool) shownResponse {
	s := shownResponse{ID: id, Title: title, Note: note, Open: open}
	switch r := of.(type) {
	case *ask.Response:
		s.Response = r
	case ask.Response:
		s.Response = &r
	}
	return s
}

func requestTitle(r ask.Response) string {
	if r.Kind == origins.WebSocket {
		return "WebSocket handshake"
	}
	return "Request"
}

func requestNote(a *ask.Answer) string {
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

// mayWrite and mayEnforce report whether the navigation has a page.
func mayWrite(r *request) bool { return canWrite(r.caller) }

func mayEnforce(r *request) bool { return canWrite(r.caller) && r.tenant.Mode != Enforce }

// api returns the API of the request's tenant.
func (r *request) api() listing.API { return r.callAPI }

// decide does what a button for an origin says, and sends the browser to the page that
// tells what was done. If the API refuses that, it shows the page with the problem.
func (r *request) decide(show func(problem string) error) error {
	next, err := r.api().Decide(r.PostForm)
	if refusal, ok := errors.AsType[*apiError](err); ok {
		return show(refusal.Text())
	}
	if err != nil {
		return err
	}
	return r.redirect(r.URL.Path + "?" + next.Encode())
}
