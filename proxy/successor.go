package proxy

// Successor returns a gateway of cfg that is to take the place of g, or every
// mistake in its tenants at once. What g answers then comes to its end there.
// Both count the requests in flight of a tenant together, know what the other has
// sent to it, and share the tunnels and, if the timeouts are the same, the connections to tenants without TLS of
// their own. Lists are those of g.
func (g *Gateway) Successor(cfg Config) (*Gateway, error) {
	cfg.Lists = g.lists
	next, err := build(cfg, g.hosts.transports.successor(cfg.Timeouts))
	if err != nil {
		return nil, err
	}
	for id, t := range next.hosts.byID {
		if old := g.hosts.byID[id]; old != nil {
			t.inFlight, t.mark = old.inFlight, old.mark
		}
	}
	next.tunnels = g.tunnels
	return next, nil
}

// TakeOver is called when requests come here instead of to the predecessor. It
// makes the tunnels those of this gateway's tenants: each is decided on again,
// and those of a tenant that is gone are closed. It closes the predecessor's
// connections that no request uses, or as soon as none does.
func (g *Gateway) TakeOver(from *Gateway) {
	g.tunnels.use(g.hosts.byID)
	now := g.hosts.inUse()
	for old := range from.hosts.inUse() {
		if !now[old] {
			old.retire()
		}
	}
}
