// Package identity detects that a store was replaced by another one, or by an older state
// of itself.
package identity

import (
	"sync"

	"originwarden/store"
)

// Guard detects that the store was reset. It knows the identity of the store and its
// newest revision that was seen. The zero value accepts the first store that it finds.
// It may be used concurrently.
type Guard struct {
	mu    sync.Mutex
	known store.Position
	// rolledBack is set once the store was older than known. When it reaches that
	// revision again, it has other writes at known revisions.
	rolledBack bool
}

// Position returns the known position, and whether the store was rolled back.
func (g *Guard) Position() (known store.Position, rolledBack bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.known, g.rolledBack
}

// Check compares the position in a response with the position that was known when
// the request was sent. Positions that became known later do not count, because
// responses can arrive out of order.
func (g *Guard) Check(known, found store.Position) error {
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

// NewGuard returns a guard that knows a position.
func NewGuard(known store.Position) *Guard { return &Guard{known: known} }

// RecordRollback records that the store was rolled back, and has reached the known
// revision again.
func (g *Guard) RecordRollback(reset store.ResetError) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.known.Store == reset.Known.Store {
		g.rolledBack = true
	}
	return &reset
}

// Accept makes found the known position.
func (g *Guard) Accept(found store.Position) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known, g.rolledBack = found, false
}
