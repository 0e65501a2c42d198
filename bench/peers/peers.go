// Package peers has the proxies that are measured: the gateway with and without its fast
// lane, and other proxies with a configuration that makes them do the same. It starts
// them, and the server behind them.
package peers

import (
	"context"
	"os"

	"originwarden/bench/process"
)

// Names of the proxies that others are compared with, or that have goals.
const (
	Nginx     = "nginx"
	FastLane  = "originwarden"
	Reference = "reference-lane"
)

// Peer is a proxy, and how it is started for a site.
type Peer struct {
	Name    string
	Install string // the command that installs it
	// HasAPI reports whether the proxy is the gateway, which has an API.
	HasAPI  bool
	program string   // that must be installed; "": built from this module
	version []string // the command that prints its version
	maxKeys int      // how many listed origins it loads in reasonable time; 0: any
	start   func(ctx context.Context, e *Environment, s Site, dir string) (*Instance, error)
}

// Instance is a running proxy.
type Instance struct {
	*process.Process
	Address string // host:port
	Token   string // of its API; "" if it has none
	dir     string
}

// All returns the proxies in the order in which they are driven.
func All() []Peer {
	return []Peer{
		{Name: Nginx, program: "nginx", Install: "apt-get install nginx", version: []string{"nginx", "-v"}, start: startNginxPeer},
		{Name: "haproxy", program: "haproxy", Install: "apt-get install haproxy", version: []string{"haproxy", "-v"}, start: startHAProxy},
		{Name: "caddy", program: "caddy", Install: "apt-get install caddy", version: []string{"caddy", "version"}, start: startCaddy, maxKeys: 10_000},
		{Name: FastLane, HasAPI: true, start: startFastLane},
		{Name: Reference, HasAPI: true, start: startReferenceLane},
	}
}

// Names returns the names of all proxies.
func Names() []string {
	var names []string
	for _, p := range All() {
		names = append(names, p.Name)
	}
	return names
}

// IsInstalled reports whether the proxy can be started here.
func (p Peer) IsInstalled() bool { return p.program == "" || process.IsInstalled(p.program) }

// CanServe reports whether the proxy loads the site in reasonable time.
func (p Peer) CanServe(s Site) bool {
	return p.maxKeys == 0 || s.originCount()*s.TenantCount() <= p.maxKeys
}

// Versions returns the versions of the proxies that are installed, by their names. That of
// the gateway is the commit.
func Versions(ctx context.Context) map[string]string {
	all := map[string]string{FastLane: process.Version(ctx, "git", "describe", "--always", "--dirty")}
	for _, p := range All() {
		if p.program != "" && p.IsInstalled() {
			all[p.Name] = process.Version(ctx, p.version...)
		}
	}
	return all
}

// Start starts the proxy with a site, on the core of the proxies.
func (p Peer) Start(ctx context.Context, e *Environment, s Site) (*Instance, error) {
	dir, err := os.MkdirTemp(e.dir, p.Name+"-")
	if err != nil {
		return nil, err
	}
	x, err := p.start(ctx, e, s, dir)
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	x.dir = dir
	return x, nil
}

// Stop ends the proxy, and removes its files.
func (x *Instance) Stop() {
	x.Process.Stop()
	os.RemoveAll(x.dir)
}
