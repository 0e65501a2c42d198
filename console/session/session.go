// Package session keeps the sessions of the console: who has signed in, by the random
// name in a browser's cookie. It decides nothing about what they may do.
package session

import (
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"

	"originwarden/api/auth"
)

const (
	// Idle is how long a session lasts without a request.
	Idle = 30 * time.Minute
	// Lifetime is how long it lasts in any case.
	Lifetime = 12 * time.Hour
	// maxSessions bounds the memory of all sessions to about a megabyte.
	maxSessions = 4096
	// maxPerIdentity is how many sessions one identity has, so that it cannot end
	// those of others.
	maxPerIdentity = 16
)

// Sessions are those of one process. They are lost when it ends. They may be used
// concurrently.
type Sessions struct {
	mu    sync.Mutex
	byKey *lru.LRU[key, *session]
	count map[auth.Identity]int
}

// key is the hash of a session's name, so that the time of a lookup tells nothing
// about the names.
type key [sha256.Size]byte

type session struct {
	identity    auth.Identity
	begun, used time.Time
}

// New returns Sessions without any.
func New() *Sessions {
	s := &Sessions{count: map[auth.Identity]int{}}
	s.byKey, _ = lru.NewLRU(maxSessions, s.ended) // the only error is that of no size
	return s
}

// ended is called with mu held.
func (s *Sessions) ended(_ key, old *session) {
	if s.count[old.identity]--; s.count[old.identity] == 0 {
		delete(s.count, old.identity)
	}
}

// Begin begins a session and returns its name, a secret of at least 128 bits. Of too
// many sessions the one that was used least recently ends.
func (s *Sessions) Begin(identity auth.Identity) (name string) {
	name = rand.Text()
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count[identity] >= maxPerIdentity {
		s.endOldest(identity)
	}
	s.byKey.Add(sha256.Sum256([]byte(name)), &session{identity, now, now})
	s.count[identity]++
	return name
}

func (s *Sessions) endOldest(identity auth.Identity) {
	for _, k := range s.byKey.Keys() { // the one used least recently is first
		if held, _ := s.byKey.Peek(k); held.identity == identity {
			s.byKey.Remove(k)
			return
		}
	}
}

// Find returns who has signed in to the session with a name, and notes that it was
// used. It reports false if there is none, or it has ended.
func (s *Sessions) Find(name string) (auth.Identity, bool) {
	k, now := key(sha256.Sum256([]byte(name))), time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.byKey.Get(k)
	if !ok {
		return auth.Identity{}, false
	}
	if now.Sub(found.used) >= Idle || now.Sub(found.begun) >= Lifetime {
		s.byKey.Remove(k)
		return auth.Identity{}, false
	}
	found.used = now
	return found.identity, true
}

// End ends the session with a name, if there is one.
func (s *Sessions) End(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byKey.Remove(sha256.Sum256([]byte(name)))
}
