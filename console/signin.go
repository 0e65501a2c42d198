package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"originwarden/api/auth"
	"originwarden/console/keptform"
	"originwarden/console/signin"
)

// signInForm is the data of the page to sign in at.
type signInForm struct {
	To        string // the path to go to afterwards
	ByIssuer  string // the link for that; "": it is not offered
	Problem   string
	Kept      *keptform.Form // a form that arrived without a session, or nil
	SignedOut bool
	// ReadableByOthers says that the token would be sent without encryption over a
	// network.
	ReadableByOthers bool
}

func (r *request) showSignIn() error {
	return r.sendSignIn(http.StatusOK, signInForm{To: r.safePath(r.URL.Query().Get("to")), SignedOut: r.URL.Query().Has("signed-out")})
}

func (r *request) sendSignIn(status int, f signInForm) error {
	f.ReadableByOthers = !r.isSecure() && !r.clientAddress().IsLoopback()
	if r.current.SignIn.ClientID != "" {
		f.ByIssuer = "/sign-in/issuer?to=" + url.QueryEscape(f.To)
	}
	return r.show(status, "signin.html", page{Title: "Sign in", Data: f})
}

// askToSignIn responds to a request without a session.
func (r *request) askToSignIn() {
	to := r.safePath(r.URL.RequestURI())
	switch {
	case r.Method == http.MethodPost:
		r.keepForm()
	case r.Header.Get("Sec-Fetch-Site") == "cross-site":
		// The cookie is not sent with links of other sites, but with those of this page.
		r.moveOn(to)
	default:
		r.redirect("/sign-in?to=" + url.QueryEscape(to))
	}
}

// safePath returns a path of the console, or "/" for anything else that a client may
// have put in its place.
func (r *request) safePath(to string) string { return signin.SafePath(to, r.Owns) }

// moveOn sends a page that goes on to a path by itself.
func (r *request) moveOn(to string) error {
	return r.execute(http.StatusOK, "moveon.html", "moveon", to)
}

// signIn signs in by a token.
func (r *request) signIn() error {
	to := r.safePath(r.PostForm.Get("to"))
	f := signInForm{To: to, Kept: keptform.Parse(to, r.PostForm.Get("kept"))}
	identity, caller, err := r.Auth.Identify(r.withToken(r.PostForm.Get("token")))
	if err != nil {
		refused, _ := auth.ResponseTo(err) // every error of auth has one
		for _, line := range refused.Header.Values("Retry-After") {
			r.w.Header().Set("Retry-After", line)
		}
		f.Problem = signin.Problem(refused.Status, refused.Error.Detail)
		r.reportFailure(refused.Status)
		return r.sendSignIn(refused.Status, f)
	}
	r.beginSession(identity, caller)
	if f.Kept != nil {
		return r.showKept(f.Kept)
	}
	return r.redirect(f.To)
}

// reportFailure reports a sign-in by a token or link that was refused.
func (r *request) reportFailure(status int) {
	if r.SignInFailed != nil {
		r.SignInFailed(r.Context(), r.clientAddress().String(), status)
	}
}

// withToken returns a request of the client with a bearer token.
func (r *request) withToken(token string) *http.Request {
	token = strings.TrimSpace(token)
	token = strings.TrimSpace(strings.TrimPrefix(token, "Bearer "))
	with := (&http.Request{Header: http.Header{"Authorization": {"Bearer " + token}}}).WithContext(r.Context())
	with.RemoteAddr = r.clientAddress().String()
	return with
}

// beginSession ends the browser's session, if it has one, and begins another one.
func (r *request) beginSession(identity auth.Identity, caller auth.Caller) {
	if old, ok := r.sessionCookie(); ok {
		r.sessions.End(old)
	}
	r.session, r.caller = r.sessions.Begin(identity), caller
	r.setCookie(sessionCookie, r.session, http.SameSiteStrictMode)
	if r.SignedIn != nil {
		r.SignedIn(r.Context(), caller, r.clientAddress().String())
	}
}

func (r *request) signOut() error {
	if name, ok := r.sessionCookie(); ok {
		r.sessions.End(name)
	}
	r.setCookie(sessionCookie, "", http.SameSiteStrictMode)
	return r.redirect("/sign-in?signed-out")
}

// signInByIssuer sends the browser to the issuer. The cookie is sent along when it
// comes back, which is a navigation from another site.
func (r *request) signInByIssuer() error {
	settings := r.current.SignIn
	if settings.ClientID == "" {
		return errNotFound
	}
	attempt := signin.NewAttempt(r.safePath(r.URL.Query().Get("to")))
	to, err := r.issuer.AuthorizationURL(r.Context(), settings, attempt)
	if err != nil {
		return r.issuerFailed(err, attempt.To)
	}
	r.setCookie(stateCookie, attempt.Encode(), http.SameSiteLaxMode)
	return r.redirect(to)
}

// signInCallback signs in the browser that comes back from the issuer.
func (r *request) signInCallback() error {
	begun, _ := r.cookie(stateCookie)
	r.setCookie(stateCookie, "", http.SameSiteLaxMode)
	query := r.URL.Query()
	attempt, ok := signin.DecodeAttempt(begun, query.Get("state"))
	if !ok {
		return r.sendSignIn(http.StatusBadRequest, signInForm{To: "/", Problem: "This is not the answer to a sign-in of this browser, or that was too long ago. Try again."})
	}
	to := r.safePath(attempt.To)
	if query.Get("code") == "" {
		return r.sendSignIn(http.StatusForbidden, signInForm{To: to, Problem: "The issuer did not sign you in."})
	}
	var identity auth.Identity
	err := r.Auth.LimitFailures(r.clientAddress(), func() (err error) {
		identity, err = r.redeem(r.Context(), attempt, query)
		return err
	})
	if err != nil {
		return r.issuerFailed(err, to)
	}
	caller, err := r.Auth.Caller(r.Context(), identity, r.current.client())
	if err != nil {
		return r.issuerFailed(err, to)
	}
	r.beginSession(identity, caller)
	return r.moveOn(to) // the new cookie is not sent with a redirect of the issuer's
}

// redeem exchanges the code of the query, and returns whom the issuer has signed in.
func (r *request) redeem(ctx context.Context, a signin.Attempt, query url.Values) (auth.Identity, error) {
	settings := r.current.SignIn
	if settings.ClientID == "" {
		return auth.Identity{}, auth.ErrTokenMissing
	}
	token, err := r.issuer.Redeem(ctx, settings, a, query)
	if err != nil {
		return auth.Identity{}, err
	}
	return r.Auth.SignIn(ctx, token, r.current.client(), a.Nonce)
}

// issuerFailed sends the page to sign in at, and logs the cause, which it does not
// tell.
func (r *request) issuerFailed(err error, to string) error {
	if limit, ok := errors.AsType[*auth.RateLimitError](err); ok {
		refused, _ := auth.ResponseTo(limit)
		r.w.Header().Set("Retry-After", refused.Header.Get("Retry-After"))
		return r.sendSignIn(refused.Status, signInForm{To: to, Problem: signin.Problem(refused.Status, refused.Error.Detail)})
	}
	if r.Log != nil && !errors.Is(err, context.Canceled) {
		r.Log(r.Context(), fmt.Errorf("signing in by the issuer: %w", err))
	}
	return r.sendSignIn(http.StatusBadGateway, signInForm{To: to, Problem: "Signing in by the issuer failed. The gateway's log has the cause."})
}
