package console

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"sync"

	"originwarden/api/auth"
)

// oneTimeLinks are links that sign in once. Its zero value has none.
type oneTimeLinks struct {
	mu     sync.Mutex
	tokens map[[sha256.Size]byte]string // by the hash of the key in the link
}

// OneTimeLink returns a path of the console that signs in once, as the bearer of a
// token. It is valid until it is used or the process ends: print it only where the
// token could be printed.
func (c *Console) OneTimeLink(token string) string {
	key := rand.Text()
	c.links.mu.Lock()
	defer c.links.mu.Unlock()
	if c.links.tokens == nil {
		c.links.tokens = map[[sha256.Size]byte]string{}
	}
	c.links.tokens[sha256.Sum256([]byte(key))] = token
	return "/sign-in/link?key=" + key
}

// take returns the token of a link, and ends the link.
func (l *oneTimeLinks) take(key string) (token string, ok bool) {
	hash := sha256.Sum256([]byte(key))
	l.mu.Lock()
	defer l.mu.Unlock()
	token, ok = l.tokens[hash]
	delete(l.tokens, hash)
	return token, ok
}

// signInByLink signs in by a OneTimeLink.
func (r *request) signInByLink() error {
	if r.isSignedIn() { // the link was opened again
		return r.redirect("/")
	}
	var identity auth.Identity
	var caller auth.Caller
	err := r.Auth.LimitFailures(r.clientAddress(), func() (err error) {
		token, ok := r.links.take(r.URL.Query().Get("key"))
		if !ok {
			return auth.ErrTokenMissing
		}
		identity, caller, err = r.Auth.Identify(r.withToken(token))
		return err
	})
	if refused, ok := auth.ResponseTo(err); ok {
		problem := signInProblem(refused)
		if refused.Status == http.StatusUnauthorized {
			problem = "This link is not valid, or was used already. Sign in with the token."
		}
		return r.sendSignIn(refused.Status, signInForm{To: "/", Problem: problem})
	}
	r.beginSession(identity, caller)
	return r.moveOn("/")
}
