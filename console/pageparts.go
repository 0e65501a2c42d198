package console

import (
	"errors"
	"html/template"

	"originwarden/console/ask"
	"originwarden/console/listing"
	"originwarden/console/wording"
)

// pageFunctions are what the templates of some pages call.
func pageFunctions() template.FuncMap {
	return template.FuncMap{
		"advice":       wording.Advice,
		"sentence":     wording.Sentence,
		"relation":     wording.Relation,
		"agent":        wording.Agent,
		"field":        ask.NewInput,
		"response":     ask.NewSection,
		"requestTitle": ask.Title,
		"requestNote":  ask.Note,
	}
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
