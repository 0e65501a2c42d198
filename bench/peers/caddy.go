package peers

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"originwarden/bench/process"
)

// startCaddy starts Caddy with a static map of the listed origins.
func startCaddy(ctx context.Context, e *Environment, s Site, dir string) (*Instance, error) {
	address, err := process.FreeAddress()
	if err != nil {
		return nil, err
	}
	if err := s.writeLines(dir, "origins.map", "%[1]s %[1]s\n"); err != nil {
		return nil, err
	}
	lines, err := os.ReadFile(filepath.Join(dir, "origins.map"))
	if err != nil {
		return nil, err
	}
	certificate := ""
	if s.TLS {
		certificate = fmt.Sprintf("tls %[1]s/cert.pem %[1]s/key.pem", e.dir)
	}
	_, port, _ := net.SplitHostPort(address)
	text := fmt.Sprintf(caddyPeer, s.scheme(), port, certificate, lines, e.upstream)
	if err := writeFile(dir, "Caddyfile", text); err != nil {
		return nil, err
	}
	p, err := process.Start(e.cores.Proxy, dir, "caddy", "run", "--adapter", "caddyfile", "--config", filepath.Join(dir, "Caddyfile"))
	if err != nil {
		return nil, err
	}
	if err := p.AwaitPort(ctx, address); err != nil {
		p.Stop()
		return nil, err
	}
	return &Instance{Process: p, Address: address}, nil
}

// caddyPeer is formatted with the scheme, the port, the certificate, the map, and the
// upstream.
const caddyPeer = `{
	admin off
	auto_https disable_redirects
	skip_install_trust
	default_sni bench.example
	log {
		level ERROR
	}
}
%[1]s://:%[2]s {
	bind 127.0.0.1
	%[3]s
	map {header.Origin} {allowed} {
%[4]s
		default ""
	}
	@refused expression ` + "`{allowed} == \"\"`" + `
	@preflight {
		method OPTIONS
		header Access-Control-Request-Method *
	}
	handle @refused {
		respond 403
	}
	header {
		Vary Origin
		Access-Control-Allow-Origin {allowed}
		Access-Control-Allow-Credentials true
		defer
	}
	handle @preflight {
		header Access-Control-Allow-Methods {header.Access-Control-Request-Method}
		header Access-Control-Allow-Headers {header.Access-Control-Request-Headers}
		header Access-Control-Max-Age 600
		respond 204
	}
	handle {
		reverse_proxy %[5]s {
			header_down -Access-Control-Allow-Origin
		}
	}
}
`
