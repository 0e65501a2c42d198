package console

import (
	"net/http"

	"originwarden/console/forms"
	"originwarden/console/keptform"
)

// keepForm responds to a form without a session. That of a browser that has never had
// one is not kept.
func (r *request) keepForm() {
	to := r.safePath(r.URL.Path)
	if !r.sendsSessionCookie() {
		forms.Skip(r.w)
		r.sendSignIn(http.StatusUnauthorized, signInForm{To: to, Problem: "You have not signed in. Nothing was changed."})
		return
	}
	r.sendSignIn(http.StatusUnauthorized, signInForm{To: to, Kept: keptform.New(to, r.PostForm),
		Problem: "Your session has ended. Nothing was changed, and what you entered is kept."})
}

// showKept sends a page from which the user sends the form again.
func (r *request) showKept(f *keptform.Form) error {
	if f.Path == "/" { // no form of the console
		return r.redirect("/")
	}
	return r.show(http.StatusOK, "kept.html", page{Title: "Signed in", Data: f})
}
