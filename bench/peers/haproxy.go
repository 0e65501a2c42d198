package peers

import (
	"context"
	"fmt"
	"path/filepath"

	"originwarden/bench/process"
)

// startHAProxy starts HAProxy with a static map of the listed origins.
func startHAProxy(ctx context.Context, e *Environment, s Site, dir string) (*Instance, error) {
	address, err := process.FreeAddress()
	if err != nil {
		return nil, err
	}
	if err := s.writeLines(dir, "origins.map", "%s 1\n"); err != nil {
		return nil, err
	}
	key, bind, scheme := "req.hdr(Origin)", address, s.scheme()
	if s.hasManyTenants() {
		key = `req.hdr(Host),concat("|",txn.origin)`
	}
	if s.TLS {
		bind += fmt.Sprintf(" ssl crt %s/both.pem alpn h2,http/1.1", e.dir)
	}
	text := fmt.Sprintf(haproxyPeer, bind, key, filepath.Join(dir, "origins.map"), e.upstream, scheme)
	if err := writeFile(dir, "haproxy.cfg", text); err != nil {
		return nil, err
	}
	p, err := process.Start(e.cores.Proxy, dir, "haproxy", "-db", "-q", "-f", filepath.Join(dir, "haproxy.cfg"))
	if err != nil {
		return nil, err
	}
	if err := p.AwaitPort(ctx, address); err != nil {
		p.Stop()
		return nil, err
	}
	return &Instance{Process: p, Address: address}, nil
}

// haproxyPeer is formatted with the address and options of the listener, the key of the
// map, the file of the map, the upstream, and the scheme.
const haproxyPeer = `global
  maxconn 12000
  nbthread 1
  no strict-limits
defaults
  mode http
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  timeout tunnel 300s
  http-reuse always
  option http-no-delay
frontend clients
  bind %[1]s
  option forwardfor
  http-request set-header X-Forwarded-Proto %[5]s
  http-request set-var(txn.origin) req.hdr(Origin)
  http-request deny deny_status 403 unless { %[2]s,map_str(%[3]s) -m found }
  http-request return status 204 hdr Vary Origin hdr Access-Control-Allow-Origin %%[req.hdr(Origin)] hdr Access-Control-Allow-Credentials true hdr Access-Control-Allow-Methods %%[req.hdr(Access-Control-Request-Method)] hdr Access-Control-Allow-Headers %%[req.hdr(Access-Control-Request-Headers)] hdr Access-Control-Max-Age 600 if METH_OPTIONS
  http-response set-header Vary Origin
  http-response set-header Access-Control-Allow-Origin %%[var(txn.origin)]
  http-response set-header Access-Control-Allow-Credentials true
  default_backend tenant
backend tenant
  server tenant %[4]s
`
