package console

import (
	"errors"
	"net/http"
	"strings"

	"originwarden/console/entries"
	"originwarden/store"
)

// integrationForm is the data of the form of one web integration. Name and Origins are
// as they were typed.
type integrationForm struct {
	ID            string // "": of a new one
	Name, Origins string
	// Revision, BaseName and BaseOrigins are what was edited, to recognise what others
	// have changed meanwhile.
	Revision, BaseName, BaseOrigins string

	NameProblem string
	Checked     entries.Checked
	Problem     string // of the whole form
	Conflict    *conflict
	Saved       *integration // as it is in the store; nil of a new one
}

// conflict is what two have changed at once.
type conflict struct {
	TheirName, MyName string // "": not changed
	Theirs, Mine      entries.Diff
}

// readIntegrationForm returns the form that was sent.
func (r *request) readIntegrationForm() integrationForm {
	f := integrationForm{
		ID: r.PathValue("id"), Name: strings.TrimSpace(r.PostForm.Get("name")), Origins: r.PostForm.Get("origins"),
		Revision: r.PostForm.Get("revision"), BaseName: r.PostForm.Get("base_name"), BaseOrigins: r.PostForm.Get("base_origins"),
	}
	f.Checked = entries.Check(f.Origins, r.tenant.Patterns)
	return f
}

func (r *request) showForm(status int, f integrationForm) error {
	title := "New web integration"
	if f.ID != "" {
		title = "Edit web integration"
		if !canWrite(r.caller) {
			title = "Web integration"
		}
	}
	return r.show(status, "integration.html", page{Title: title, Section: integrationsPath, Data: f})
}

// showProblems shows a form again that was not saved, and reports whether it did.
func (r *request) showProblems(f integrationForm) (shown bool, err error) {
	f.NameProblem = store.NameProblem(f.Name)
	if r.PostForm.Get("do") == "check" {
		return true, r.showForm(http.StatusOK, f)
	}
	if f.NameProblem == "" && f.Checked.Problems == 0 {
		return false, nil
	}
	f.Problem = "This was not saved. What is wrong is marked below."
	return true, r.showForm(http.StatusUnprocessableEntity, f)
}

// showFailure shows a form again that the API has not accepted.
func (r *request) showFailure(f integrationForm, err error) error {
	refused, ok := errors.AsType[*apiError](err)
	if !ok {
		return err
	}
	f.Problem = refused.Text()
	for _, line := range refused.Header.Values("Retry-After") {
		r.w.Header().Set("Retry-After", line)
	}
	return r.showForm(refused.Status, f)
}

// showCreation shows the form of a new web integration, with an origin if the link has
// one.
func (r *request) showCreation() error {
	f := integrationForm{Origins: r.URL.Query().Get("origin")}
	f.Checked = entries.Check(f.Origins, r.tenant.Patterns)
	return r.showForm(http.StatusOK, f)
}

// creation is the body of a POST to the API.
type creation struct {
	Name         string   `json:"name"`
	ValidOrigins []string `json:"validOrigins"`
}

func (r *request) createIntegration() error {
	f := r.readIntegrationForm()
	if shown, err := r.showProblems(f); shown {
		return err
	}
	if _, err := r.callAPI(http.MethodPost, integrationsPath, nil, creation{f.Name, f.Checked.Entries()}, nil); err != nil {
		return r.showFailure(f, err)
	}
	return r.done("created")
}

// checkEntries sends the part of the form's page that tells what the entries are.
func (r *request) checkEntries() error {
	return r.execute(http.StatusOK, "integration.html", "entries", entries.Check(r.PostForm.Get("origins"), r.tenant.Patterns))
}

// readIntegration reads the web integration of the path, and its revision.
func (r *request) readIntegration() (i integration, revision string, err error) {
	id := r.PathValue("id")
	if !store.IsID(id) {
		return i, "", errNotFound
	}
	header, err := r.callAPI(http.MethodGet, integrationsPath+"/"+id, nil, nil, &i)
	if isStatus(err, http.StatusNotFound) {
		return i, "", errNotFound
	}
	if err != nil {
		return i, "", err
	}
	return i, strings.Trim(header.Get("ETag"), `"`), nil
}

// newForm returns the form of a web integration as it is.
func (r *request) newForm(i integration, revision string) integrationForm {
	text := strings.Join(i.ValidOrigins, "\n")
	return integrationForm{
		ID: i.ID, Name: i.Name, Origins: text, Revision: revision, BaseName: i.Name, BaseOrigins: text,
		Checked: entries.Check(text, r.tenant.Patterns), Saved: &i,
	}
}

// showIntegration shows the form of a web integration, with one more origin if the link
// has one.
func (r *request) showIntegration() error {
	i, revision, err := r.readIntegration()
	if err != nil {
		return err
	}
	f := r.newForm(i, revision)
	if more := r.URL.Query().Get("origin"); more != "" {
		f.Origins += "\n" + more
		f.Checked = entries.Check(f.Origins, r.tenant.Patterns)
	}
	return r.showForm(http.StatusOK, f)
}

// operation is one of a JSON Patch.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// patch returns what the form changes.
func (f *integrationForm) patch() (all []operation) {
	if f.Name != f.BaseName {
		all = append(all, operation{"replace", "/name", f.Name})
	}
	if !entries.Compare(entries.Split(f.BaseOrigins), f.Checked.Entries()).IsEmpty() {
		all = append(all, operation{"replace", "/validOrigins", f.Checked.Entries()})
	}
	return all
}

func (r *request) editIntegration() error {
	f := r.readIntegrationForm()
	if shown, err := r.showProblems(f); shown {
		return err
	}
	patch := f.patch()
	if patch == nil {
		return r.done("unchanged")
	}
	_, err := r.callAPI(http.MethodPatch, integrationsPath+"/"+f.ID, ifMatch(f.Revision), patch, nil)
	switch {
	case isStatus(err, http.StatusPreconditionFailed):
		return r.showConflict(f)
	case isStatus(err, http.StatusNotFound):
		return r.showDeletedMeanwhile(f)
	case err != nil:
		return r.showFailure(f, err)
	}
	return r.done("edited")
}

// ifMatch makes a write fail if the web integration has another revision.
func ifMatch(revision string) http.Header { return http.Header{"If-Match": {`"` + revision + `"`}} }

// showConflict shows what others have changed meanwhile, and both changes together in
// the form. Nothing is saved until somebody has looked at that.
func (r *request) showConflict(f integrationForm) error {
	theirs, revision, err := r.readIntegration()
	if err != nil {
		return err
	}
	base, mine := entries.Split(f.BaseOrigins), f.Checked.Entries()
	c := &conflict{Theirs: entries.Compare(base, theirs.ValidOrigins), Mine: entries.Compare(base, mine)}
	merged := r.newForm(theirs, revision)
	merged.Origins = strings.Join(entries.Merge(base, theirs.ValidOrigins, mine), "\n")
	merged.Checked = entries.Check(merged.Origins, r.tenant.Patterns)
	if theirs.Name != f.BaseName {
		c.TheirName = theirs.Name
	}
	if f.Name != f.BaseName {
		c.MyName, merged.Name = f.Name, f.Name
	}
	merged.Conflict = c
	return r.showForm(http.StatusConflict, merged)
}

// showDeletedMeanwhile shows the input as the form of a new web integration.
func (r *request) showDeletedMeanwhile(f integrationForm) error {
	created := integrationForm{Name: f.Name, Origins: f.Origins, Checked: f.Checked}
	created.Problem = "Somebody else has deleted this web integration meanwhile. Nothing was saved. Save to create it again."
	return r.showForm(http.StatusConflict, created)
}

// deletion is the data of the page that asks before a web integration is deleted.
type deletion struct {
	integration
	Revision string
	Changed  bool // since the page was shown before
}

func (r *request) showDeletion() error { return r.askToDelete(http.StatusOK, false) }

func (r *request) askToDelete(status int, changed bool) error {
	i, revision, err := r.readIntegration()
	if err != nil {
		return err
	}
	return r.show(status, "deletion.html", page{Title: "Delete web integration", Section: integrationsPath, Data: deletion{i, revision, changed}})
}

func (r *request) deleteIntegration() error {
	_, err := r.callAPI(http.MethodDelete, integrationsPath+"/"+r.PathValue("id"), ifMatch(r.PostForm.Get("revision")), nil, nil)
	switch {
	case isStatus(err, http.StatusPreconditionFailed):
		return r.askToDelete(http.StatusConflict, true)
	case isStatus(err, http.StatusNotFound): // somebody else has deleted it
		return r.done("deleted")
	case err != nil:
		return err
	}
	return r.done("deleted")
}
