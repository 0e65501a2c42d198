package console

import (
	"net/http"
	"net/url"
	"slices"
)

// keptForm is a form that arrived without a session. It is sent back to the browser, so
// that its user can sign in and send it again.
type keptForm struct {
	Path   string
	Text   string // the form, encoded
	Fields []keptField
}

type keptField struct{ Name, Value string }

func newKeptForm(path string, form url.Values) *keptForm {
	k := &keptForm{Path: path, Text: form.Encode()}
	for name, values := range form {
		for _, value := range values {
			k.Fields = append(k.Fields, keptField{name, value})
		}
	}
	slices.SortFunc(k.Fields, func(a, b keptField) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return k
}

// keepForm responds to a form without a session.
func (r *request) keepForm() {
	to := r.safePath(r.URL.Path)
	r.sendSignIn(http.StatusUnauthorized, signInForm{To: to, Kept: newKeptForm(to, r.PostForm),
		Problem: "Your session has ended. Nothing was changed, and what you entered is kept."})
}

// readKept returns the form that a sign-in keeps, or nil.
func readKept(form url.Values) *keptForm {
	kept, err := url.ParseQuery(form.Get("kept"))
	if err != nil || len(kept) == 0 {
		return nil
	}
	return newKeptForm("", kept)
}

// showKept sends a page from which the user sends the form again.
func (r *request) showKept(k keptForm) error {
	k.Path = r.safePath(r.PostForm.Get("to"))
	if k.Path == "/" {
		return r.redirect("/")
	}
	return r.show(http.StatusOK, "kept.html", page{Title: "Signed in", Data: k})
}
