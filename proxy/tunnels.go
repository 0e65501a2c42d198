package proxy

import (
	"context"

	"originwarden/origins"
	"originwarden/proxy/tunnel"
)

// Tunnels returns the number of open tunnels by tenant. Tenants without tunnels
// are missing.
func (g *Gateway) Tunnels() map[string]int { return g.tunnels.Counts() }

// ListChanged marks the tenant for Review, because its list may have shrunk.
func (g *Gateway) ListChanged(tenant string) { g.tunnels.ListChanged(tenant) }

// Review decides again about the open tunnels of every tenant whose list has
// changed, and closes those that would be refused, with 1008, until ctx ends.
// It has to run for as long as the gateway serves.
func (g *Gateway) Review(ctx context.Context) { g.tunnels.Review(ctx) }

// ReviewPeriodically decides again about the open tunnels of one tenant after the
// other, in case that a change was not announced, until ctx ends. It may run
// beside Review.
func (g *Gateway) ReviewPeriodically(ctx context.Context) { g.tunnels.ReviewPeriodically(ctx) }

// CloseTunnels closes all tunnels with 1001, and every one that is opened from
// now on, and returns when none is left or ctx ends.
func (g *Gateway) CloseTunnels(ctx context.Context) { g.tunnels.Close(ctx) }

// isTunnelRefused reports whether a tenant, as it is configured now, would refuse
// a handshake where refusals are enforced. A tenant that is gone refuses
// everything.
func (g *Gateway) isTunnelRefused(tenant string, request *origins.Request, list *origins.List) bool {
	t := g.settings.Load().hosts.byID[tenant]
	return t == nil || t.Mode == Enforce && t.Policy.Decide(request, list).Verdict() == origins.Refused
}

// TunnelEnds returns all values of Exchange.TunnelEnd but the empty one.
func TunnelEnds() []string { return tunnel.Ends() }
