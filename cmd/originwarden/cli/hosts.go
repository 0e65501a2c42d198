package cli

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"

	"go.uber.org/zap"

	"originwarden/cmd/originwarden/config"
	"originwarden/origins"
	"originwarden/proxy"
)

// isLoopback reports whether only this machine reaches what listens at an
// address. That is where pages need DNS rebinding to get to.
func isLoopback(at net.Addr) bool {
	tcp, ok := at.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

const everyHostFix = `set its hosts, or hosts: ["*"] if that is meant`

// warnOfEveryHost says that a tenant takes every host and does not say so.
func (p *plan) warnOfEveryHost() {
	if tenant := p.cfg.WithoutHosts(); tenant != "" && !isLoopback(p.at) {
		p.log.Warn("a tenant without hosts takes every host, and pages can reach it by DNS rebinding",
			zap.String("tenant", tenant), zap.String("fix", everyHostFix))
	}
}

// tellOfEveryHost is warnOfEveryHost for a configuration that is only checked.
func tellOfEveryHost(stderr io.Writer, cfg *config.Config) {
	if tenant := cfg.WithoutHosts(); tenant != "" && !cfg.OnLoopback() {
		fmt.Fprintf(stderr, "originwarden: warning: tenant %s has no hosts, and listen (%s) is not on loopback: it takes every host, and pages can reach it by DNS rebinding: %s\n",
			tenant, cfg.Listen, everyHostFix)
	}
}

// answersAt tells which hosts are answered at the admin address.
func (h *handlers) answersAt(at net.Addr) func(host string) bool {
	local := isLoopback(at)
	return func(host string) bool { return answersHost(local, h.current.Load().cfg.Admin.Hosts, host) }
}

// answersHost reports whether a host is one of an admin address, on loopback or
// elsewhere. Browsers always send one, and an address cannot be rebound: elsewhere
// Prometheus scrapes by it.
func answersHost(local bool, hosts []string, host string) bool {
	if host == "" || !local && len(hosts) == 0 || slices.Contains(hosts, proxy.AnyHost) {
		return true
	}
	name := proxy.HostName(host)
	if name == "" {
		return false
	}
	_, notAddress := netip.ParseAddr(name)
	return slices.Contains(hosts, name) || origins.IsLoopbackName(name) || !local && notAddress == nil
}
