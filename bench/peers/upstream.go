package peers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"originwarden/bench/process"
)

// Sizes of the upstream's responses in bytes: of most paths, and of /large.
const (
	SmallBody = 1 << 10
	LargeBody = 100 << 10
)

// startUpstream starts the server behind the proxies: bench/tenant, with
// nginx before it for ordinary responses if nginx is installed.
func (e *Environment) startUpstream(ctx context.Context) error {
	program := filepath.Join(e.dir, "tenant")
	if err := build(ctx, program, "./bench/tenant"); err != nil {
		return err
	}
	dir, err := e.makeFolder("tenant-run")
	if err != nil {
		return err
	}
	tenant, err := process.Start(e.cores.Load, dir, program)
	if err != nil {
		return err
	}
	e.closers = append(e.closers, tenant.Stop)
	if e.upstream, err = tenant.AwaitOutput(ctx, "127.0.0.1:"); err != nil {
		return err
	}
	e.UpstreamName = "bench/tenant"
	if process.IsInstalled("nginx") {
		e.UpstreamName = "nginx"
		return e.startUpstreamNginx(ctx, e.upstream)
	}
	return nil
}

func (e *Environment) startUpstreamNginx(ctx context.Context, tenant string) error {
	address, err := process.FreeAddress()
	if err != nil {
		return err
	}
	dir, err := e.makeFolder("upstream")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "large"), []byte(strings.Repeat("x", LargeBody)), 0o644); err != nil {
		return err
	}
	server := fmt.Sprintf(`
 map $http_upgrade $connection_header { default upgrade; "" ""; }
 server {
  listen %s backlog=4096;
  default_type application/json;
  location / { return 200 '%s'; }
  location = /large { root %s; }
  location ~ ^/(events|socket)$ {
   proxy_pass http://%s;
   proxy_http_version 1.1;
   proxy_buffering off;
   proxy_read_timeout 300s;
   proxy_set_header Connection $connection_header;
   proxy_set_header Upgrade $http_upgrade;
  }
 }`, address, strings.Repeat("x", SmallBody), dir, tenant)
	nginx, err := startNginx(ctx, dir, e.cores.Load, address, server)
	if err != nil {
		return err
	}
	e.closers = append(e.closers, nginx.Stop)
	e.upstream = address
	return nil
}

// makeFolder makes a folder for a program that is not measured.
func (e *Environment) makeFolder(name string) (string, error) {
	dir := filepath.Join(e.dir, name)
	return dir, os.Mkdir(dir, 0o755)
}
