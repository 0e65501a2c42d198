package console

import (
	"net/http"

	"originwarden/api/auth"
	"originwarden/console/signin"
)

// OneTimeLink returns a path of the console that signs in once, as the bearer of a
// token. It is valid until it is used or the process ends: print it only where the
// token could be printed.
func (c *Console) OneTimeLink(token string) string { return "/sign-in/link?key=" + c.links.Make(token) }

// signInByLink signs in by the link of OneTimeLink.
func (r *request) signInByLink() error {
	if r.isSignedIn() { // the link was opened again
		return r.redirect("/")
	}
	var identity auth.Identity
	var caller auth.Caller
	err := r.Auth.LimitFailures(r.clientAddress(), func() (err error) {
		token, ok := r.links.Take(r.URL.Query().Get("key"))
		if !ok {
			return auth.ErrTokenMissing
		}
		identity, caller, err = r.Auth.Identify(r.withToken(token))
		return err
	})
	if refused, ok := auth.ResponseTo(err); ok {
		r.reportFailure(refused.Status)
		problem := signin.Problem(refused.Status, refused.Error.Detail)
		if refused.Status == http.StatusUnauthorized {
			problem = "This link is not valid, or was used already. Sign in with the token."
		}
		return r.sendSignIn(refused.Status, signInForm{To: "/", Problem: problem})
	}
	r.beginSession(identity, caller)
	return r.moveOn("/")
}
