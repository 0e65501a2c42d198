package session

import (
	"crypto/rand"
	"crypto/sha256"
	"sync"
)

// Links are links that sign in once. Their zero value has none. They may be used
// concurrently.
type Links struct {
	mu     sync.Mutex
	tokens map[key]string // by the hash of the key in the link
}

// maxLinks bounds the links that were never used.
const maxLinks = 16

// Make returns the key of a new link, for the bearer of a token. It returns "" if there
// are too many links that were not used.
func (l *Links) Make(token string) (secret string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.tokens) >= maxLinks {
		return ""
	}
	if l.tokens == nil {
		l.tokens = map[key]string{}
	}
	secret = rand.Text()
	l.tokens[sha256.Sum256([]byte(secret))] = token
	return secret
}

// Take returns the token of the link with a key, and ends the link.
func (l *Links) Take(secret string) (token string, ok bool) {
	hash := key(sha256.Sum256([]byte(secret)))
	l.mu.Lock()
	defer l.mu.Unlock()
	token, ok = l.tokens[hash]
	delete(l.tokens, hash)
	return token, ok
}
