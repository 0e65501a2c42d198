package etcd

import (
	"sync"

	"originwarden/store"
)

// identityGuard detects that the store was reset. It knows the identity of the
// store and its newest revision that was seen. The zero value accepts the first
// store that it finds.
type identityGuard struct {
	mu    sync.Mutex
	known store.Position
	// rolledBack is set once the store was older than known. When it reaches that
	// revision again, it has other writes at known revisions.
	rolledBack bool
}

func (g *identityGuard) position() store.Position {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.known
}

// state returns the known position, and whether the store was rolled back.
func (g *identityGuard) state() (known store.Position, rolledBack bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.known, g.rolledBack
}

// check compares the position in an answer with the position that was known when
// the request was sent. A position that became known since does not count, as
// answers may overtake one another.
func (g *identityGuard) check(known, found store.Position) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	another := known.Store != "" && found.Store != known.Store
	older := !another && found.Revision < known.Revision
	if older && g.known.Store == known.Store {
		g.rolledBack = true
	}
	switch {
	case another || older || found.Store == "":
		return &store.ResetError{Known: known, Found: found}
	case g.known.Store == "":
		g.known = found
	case g.known.Store != found.Store, g.rolledBack:
		return &store.ResetError{Known: g.known, Found: found}
	default:
		g.known.Revision = max(g.known.Revision, found.Revision)
	}
	return nil
}

// rollBack records that the store was rolled back, and has reached the known
// revision again.
func (g *identityGuard) rollBack(reset store.ResetError) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.known.Store == reset.Known.Store {
		g.rolledBack = true
	}
	return &reset
}

// accept makes found the known position.
func (g *identityGuard) accept(found store.Position) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known, g.rolledBack = found, false
}
