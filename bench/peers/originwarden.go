package peers

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"originwarden/bench/process"
)

func startFastLane(ctx context.Context, e *Environment, s Site, dir string) (*Instance, error) {
	return e.startGateway(ctx, s, dir, true)
}

func startReferenceLane(ctx context.Context, e *Environment, s Site, dir string) (*Instance, error) {
	return e.startGateway(ctx, s, dir, false)
}

// startGateway starts the gateway with its log and metrics, and without limits of rates.
func (e *Environment) startGateway(ctx context.Context, s Site, dir string, fastLane bool) (*Instance, error) {
	if err := e.writeLists(ctx, s, dir); err != nil {
		return nil, err
	}
	if err := e.writeGatewayConfiguration(s, dir, fastLane); err != nil {
		return nil, err
	}
	p, err := process.Start(e.cores.Proxy, dir, e.gateway, "serve", "--config", filepath.Join(dir, "config.yaml"))
	if err != nil {
		return nil, err
	}
	line, err := p.AwaitOutput(ctx, "originwarden ready")
	if err != nil {
		p.Stop()
		return nil, err
	}
	_, rest, _ := strings.Cut(line, "listen=")
	address, _, _ := strings.Cut(rest, " ")
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		address = u.Host
	}
	token, err := os.ReadFile(filepath.Join(dir, "admin-token"))
	if err != nil {
		p.Stop()
		return nil, err
	}
	return &Instance{Process: p, Address: address, Token: strings.TrimSpace(string(token))}, nil
}

func (e *Environment) writeGatewayConfiguration(s Site, dir string, fastLane bool) error {
	var text strings.Builder
	fmt.Fprintf(&text, "listen: 127.0.0.1:0\nadmin: {listen: \"127.0.0.1:0\"}\nfast_lane: %t\n", fastLane)
	fmt.Fprintf(&text, "store: {url: \"sqlite:%s/lists.db\"}\n", dir)
	fmt.Fprintf(&text, "cache: {tenants: %d}\n", max(s.TenantCount(), 10_000))
	fmt.Fprintf(&text, "api: {rate_limits: {tier1: 0, tier2: 0, failed: 0}}\n")
	if s.TLS {
		fmt.Fprintf(&text, "tls: {cert: %q, key: %q}\n", filepath.Join(e.dir, "cert.pem"), filepath.Join(e.dir, "key.pem"))
	}
	text.WriteString("tenants:\n")
	for tenant := range s.TenantCount() {
		host := "*"
		if s.hasManyTenants() {
			host = s.host(tenant)
		}
		fmt.Fprintf(&text, "  - {id: t%d, hosts: [%q], upstream: \"http://%s\"}\n", tenant, host, e.upstream)
	}
	return writeFile(dir, "config.yaml", text.String())
}
