package console

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"originwarden/console/ask"
	"originwarden/console/keptform"
	"originwarden/console/listing"
	"originwarden/origins"
)

// askPage is the data of the page that explains what the gateway does with a request.
type askPage struct {
	Form     url.Values
	Kept     []keptform.Field  // of the Form
	Mistakes map[string]string // by field
	Answer   *ask.Answer       // nil: nothing was asked, or the question has mistakes
	// Names are those of the web integrations that list the origin, by id.
	Names   map[string]string
	Targets listing.Targets
	// MayList says that the user can list the origin, and that this would help.
	MayList bool
	Problem string // why the last form changed nothing
}

func (r *request) showAsk() error { return r.sendAnswer("") }

// listAsked lists the origin of the question, which is then answered again.
func (r *request) listAsked() error { return r.decide(r.sendAnswer) }

func (r *request) sendAnswer(problem string) error {
	data := askPage{Form: r.view(), Problem: problem}
	if data.Form.Get("path") == "" {
		data.Form.Set("path", "/")
	}
	if data.Form.Get("method") != "" || data.Form.Get("origin") != "" {
		if err := r.answer(&data); err != nil {
			return err
		}
	}
	data.Kept = keptform.New("", data.Form).Fields
	status := http.StatusOK
	if problem != "" {
		status = http.StatusConflict
	}
	return r.show(status, "ask.html", page{Title: "Ask", Section: "/ask", Data: data, Notice: r.api().Notice(r.URL.Query())})
}

// answer answers the question of the form, or says what is wrong with it.
func (r *request) answer(data *askPage) error {
	q := readQuestion(data.Form)
	if mistakes := q.Mistakes(); mistakes != nil {
		data.Mistakes = map[string]string{}
		for _, m := range mistakes {
			data.Mistakes[m.Field] = m.Problem
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), listsTimeout)
	defer cancel()
	answer := r.Ask(ctx, r.tenant.ID, q)
	data.Answer, data.Names = &answer, map[string]string{}
	decisive := answer.Decisive()
	for _, listing := range decisive.Explanation.Listings {
		if w, err := r.Store.Integration(ctx, r.tenant.ID, listing.Integration); err == nil {
			data.Names[w.ID] = w.Name
		}
	}
	if _, err := origins.ParseEntry(q.Origin); err != nil || origins.Reason(decisive.Reason) != origins.OriginNotListed || !canWrite(r.caller) {
		return nil
	}
	data.MayList = true
	var err error
	data.Targets, err = r.api().ReadTargets(r.FormValue(listing.FieldInto))
	return err
}

// readQuestion reads the question of a form. An empty origin is none, and no method is
// GET.
func readQuestion(form url.Values) ask.Question {
	q := ask.Question{
		Origin: strings.TrimSpace(form.Get("origin")), Method: strings.TrimSpace(form.Get("method")), Path: strings.TrimSpace(form.Get("path")),
		Integration: strings.TrimSpace(form.Get("integration")), WebSocket: form.Get("websocket") != "",
		Headers: strings.FieldsFunc(form.Get("headers"), func(c rune) bool { return c == ',' || c == ' ' || c == '\n' || c == '\r' }),
	}
	q.NoOrigin = q.Origin == ""
	if q.Method == "" {
		q.Method = http.MethodGet
	}
	return q
}
