package etcd

import "originwarden/store"

// IdentityGuard exports identityGuard.
type IdentityGuard = identityGuard

// Check compares found with the position that was known when the request was sent.
func (g *identityGuard) Check(known, found store.Position) error { return g.check(known, found) }

// Accept makes found the known position.
func (g *identityGuard) Accept(found store.Position) { g.accept(found) }

// Position returns the known position.
func (g *identityGuard) Position() store.Position { return g.known }
