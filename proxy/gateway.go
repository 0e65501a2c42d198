package proxy

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"originwarden/proxy/fastlane"
	"originwarden/proxy/tunnel"
)

// Gateway is an http.Handler and a fastlane.Handler for all tenants. It may be used
// concurrently.
type Gateway struct {
	lists   Lists
	tunnels *tunnel.Set

	settings      atomic.Pointer[settings]
	reconfiguring sync.Mutex
	closing       atomic.Bool // see CloseConnections
	date          fastlane.Clock
	running       atomic.Int64
}

// New returns a gateway with the configuration cfg. The error lists all mistakes in
// its tenants.
func New(cfg Config) (*Gateway, error) {
	s, err := compile(cfg, new(settings))
	if err != nil {
		return nil, err
	}
	g := &Gateway{lists: cfg.Lists}
	g.tunnels = tunnel.NewSet(tunnel.Config{List: cfg.Lists.List, IsRefused: g.isTunnelRefused})
	g.settings.Store(s)
	return g, nil
}

// Close closes the connections to tenants that no request uses.
func (g *Gateway) Close() {
	g.settings.Load().upstreams.CloseIdle()
}

// Running returns the number of exchanges that have not ended, with the tunnels.
func (g *Gateway) Running() int64 { return g.running.Load() }

// Wait returns when no exchange is left, or when ctx ends. An http.Server does not wait
// for tunnels.
func (g *Gateway) Wait(ctx context.Context) {
	for g.Running() > 0 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
}

// CloseConnections has every HTTP/1.1 connection closed after its next response.
func (g *Gateway) CloseConnections() { g.closing.Store(true) }
