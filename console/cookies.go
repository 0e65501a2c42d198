package console

import "net/http"

const (
	sessionCookie = "originwarden-session"
	stateCookie   = "originwarden-sign-in"
	// hostPrefix makes browsers accept a cookie from this host alone, over https
	// (RFC 6265bis, section 4.1.3.2).
	hostPrefix = "__Host-"
)

// CookieNames returns the names of all cookies of a Console.
func CookieNames() []string {
	return []string{sessionCookie, stateCookie, hostPrefix + sessionCookie, hostPrefix + stateCookie}
}

// cookieName returns the name of a cookie for the client's scheme. A cookie that was
// set over http is never read over https.
func (r *request) cookieName(name string) string {
	if r.isSecure() {
		return hostPrefix + name
	}
	return name
}

// setCookie sets a cookie until the browser closes, or deletes it if the value is "".
func (r *request) setCookie(name, value string, sent http.SameSite) {
	c := &http.Cookie{Name: r.cookieName(name), Value: value, Path: "/", HttpOnly: true, Secure: r.isSecure(), SameSite: sent}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(r.w, c)
}

// cookie returns the value of a cookie. Several of that name are none: one may be that
// of another site.
func (r *request) cookie(name string) (value string, ok bool) {
	found := r.CookiesNamed(r.cookieName(name))
	if len(found) != 1 || found[0].Value == "" {
		return "", false
	}
	return found[0].Value, true
}

func (r *request) sessionCookie() (name string, ok bool) { return r.cookie(sessionCookie) }

// sendsSessionCookie reports whether the client has, or has had, a session, as far as it
// says.
func (r *request) sendsSessionCookie() bool {
	_, ok := r.sessionCookie()
	return ok
}
