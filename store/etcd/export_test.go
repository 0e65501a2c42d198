package etcd

import "originwarden/store"

// IdentityGuard is for the tests outside the package.
type IdentityGuard = identityGuard

// Check is what a call does that knew a position when it asked.
func (g *identityGuard) Check(known, found store.Position) error { return g.check(known, found) }

// Accept makes found the known position.
func (g *identityGuard) Accept(found store.Position) { g.accept(found) }

// Position returns the known position.
func (g *identityGuard) Position() store.Position { return g.known }
