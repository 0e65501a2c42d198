package proxy

import (
	"originwarden/origins"
	"originwarden/proxy/tunnel"
)

// Tunnels returns the open WebSockets. Set.Review has to run for as long as the gateway
// serves, and Set.ListChanged to be called when a list may have shrunk.
func (g *Gateway) Tunnels() *tunnel.Set { return g.tunnels }

// isTunnelRefused reports whether a tenant, as it is configured now, would refuse
// a handshake where refusals are enforced. A tenant that is gone refuses
// everything.
func (g *Gateway) isTunnelRefused(tenant string, request *origins.Request, list *origins.List) bool {
	t := g.settings.Load().hosts.ByID(tenant)
	return t == nil || t.Mode == Enforce && t.Policy.Decide(request, list).Verdict() == origins.Refused
}

// TunnelEnds returns all values of Exchange.TunnelEnd but the empty one.
func TunnelEnds() []string { return tunnel.Ends() }
