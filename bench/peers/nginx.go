package peers

import (
	"context"
	"fmt"
	"path/filepath"

	"originwarden/bench/process"
)

// startNginxPeer starts nginx with a static map of the listed origins.
func startNginxPeer(ctx context.Context, e *Environment, s Site, dir string) (*Instance, error) {
	address, err := process.FreeAddress()
	if err != nil {
		return nil, err
	}
	if err := s.writeLines(dir, "origins.map", "\"%s\" $http_origin;\n"); err != nil {
		return nil, err
	}
	key, listen := "$http_origin", "listen "+address+" backlog=4096;"
	if s.hasManyTenants() {
		key = `"$host|$http_origin"`
	}
	if s.TLS {
		listen = fmt.Sprintf("listen %s ssl http2 backlog=4096; ssl_certificate %[2]s/cert.pem; ssl_certificate_key %[2]s/key.pem; http2_max_requests 100000000;", address, e.dir)
	}
	configuration := fmt.Sprintf(nginxPeer, key, dir, e.upstream, listen, max(2048, s.originCount()*s.TenantCount()*4))
	p, err := startNginx(ctx, dir, e.cores.Proxy, address, configuration)
	if err != nil {
		return nil, err
	}
	return &Instance{Process: p, Address: address}, nil
}

// nginxPeer is formatted with the key of the map, the folder of the map, the upstream, the
// listener, and the size of the map.
const nginxPeer = `
 map_hash_max_size %[5]d;
 map_hash_bucket_size 256;
 map %[1]s $allowed { default ""; include %[2]s/origins.map; }
 map $http_upgrade $connection_header { default upgrade; "" ""; }
 upstream tenant { server %[3]s; keepalive 512; keepalive_requests 100000000; }
 server {
  %[4]s
  location / {
   if ($allowed = "") { return 403; }
   add_header Vary Origin always;
   add_header Access-Control-Allow-Origin $allowed always;
   add_header Access-Control-Allow-Credentials true always;
   if ($request_method = OPTIONS) {
    add_header Vary Origin always;
    add_header Access-Control-Allow-Origin $allowed always;
    add_header Access-Control-Allow-Credentials true always;
    add_header Access-Control-Allow-Methods $http_access_control_request_method always;
    add_header Access-Control-Allow-Headers $http_access_control_request_headers always;
    add_header Access-Control-Max-Age 600 always;
    return 204;
   }
   proxy_http_version 1.1;
   proxy_set_header Host $host;
   proxy_set_header Connection $connection_header;
   proxy_set_header Upgrade $http_upgrade;
   proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
   proxy_set_header X-Forwarded-Host $host;
   proxy_set_header X-Forwarded-Proto $scheme;
   proxy_hide_header Access-Control-Allow-Origin;
   proxy_read_timeout 300s;
   proxy_pass http://tenant;
  }
  location = /events {
   if ($allowed = "") { return 403; }
   add_header Vary Origin always;
   add_header Access-Control-Allow-Origin $allowed always;
   proxy_http_version 1.1;
   proxy_set_header Host $host;
   proxy_set_header Connection "";
   proxy_buffering off;
   proxy_pass http://tenant;
  }
 }`

// startNginx starts nginx in a folder with a section http. It is one process, so that its
// time and memory are those of nginx.
func startNginx(ctx context.Context, dir, core, address, http string) (*process.Process, error) {
	text := fmt.Sprintf(`daemon off;
master_process off;
pid %[1]s/pid;
worker_rlimit_nofile %[2]d;
events { worker_connections %[3]d; }
http {
 access_log off;
 keepalive_requests 100000000;
 keepalive_timeout 300s;
 client_body_temp_path %[1]s/body;
 proxy_temp_path %[1]s/proxy;
 fastcgi_temp_path %[1]s/fastcgi;
 uwsgi_temp_path %[1]s/uwsgi;
 scgi_temp_path %[1]s/scgi;
%[4]s
}
`, dir, process.MaxFiles(), min(process.MaxFiles()-100, 32768), http)
	if err := writeFile(dir, "nginx.conf", text); err != nil {
		return nil, err
	}
	p, err := process.Start(core, dir, "nginx", "-e", "stderr", "-c", filepath.Join(dir, "nginx.conf"))
	if err != nil {
		return nil, err
	}
	if err := p.AwaitPort(ctx, address); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}
