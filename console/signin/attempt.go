package signin

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"

	"golang.org/x/oauth2"
)

// Attempt is one attempt to sign in. Its values are secrets of the browser that makes
// it.
type Attempt struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	// To is the path to go to afterwards.
	To string `json:"to"`
}

// NewAttempt returns an Attempt with random values.
func NewAttempt(to string) Attempt {
	return Attempt{rand.Text(), rand.Text(), oauth2.GenerateVerifier(), to}
}

// Encode returns the attempt as the value of a cookie.
func (a Attempt) Encode() string {
	text, _ := json.Marshal(a) // strings cannot fail
	return base64.RawURLEncoding.EncodeToString(text)
}

// DecodeAttempt returns the attempt in a cookie, and whether it has the state with which
// the browser has come back.
func DecodeAttempt(cookie, state string) (a Attempt, ok bool) {
	text, err := base64.RawURLEncoding.DecodeString(cookie)
	if err != nil || json.Unmarshal(text, &a) != nil || a.State == "" || a.Nonce == "" || a.Verifier == "" {
		return Attempt{}, false
	}
	return a, subtle.ConstantTimeCompare([]byte(state), []byte(a.State)) == 1
}

// SafePath returns to if it is a path of this host, with nothing that clients read
// differently, that owns accepts and that does not sign in or out; or else "/".
func SafePath(to string, owns func(rawPath string) bool) string {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || strings.HasPrefix(to, "//") || strings.Contains(to, `\`) ||
		strings.Contains(u.Path, "/.") || strings.HasPrefix(to, "/sign-") || !owns(u.EscapedPath()) {
		return "/"
	}
	return to
}
