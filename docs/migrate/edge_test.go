package migrate_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A product is a proxy that can be the edge.
type product struct {
	heading string // of its section in migrate.md
	command string
	file    string // of its configuration
	// wrap returns a complete configuration with the snippet, for a test's directory.
	wrap   func(dir, snippet, port string) string
	start  func(dir, port string) *exec.Cmd
	reload func(t *testing.T, dir string, running *exec.Cmd)
	// keepsSockets reports whether open WebSockets survive a reload.
	keepsSockets bool
}

var nginx = product{
	heading: "## nginx",
	command: "nginx",
	file:    "config",
	wrap: func(dir, snippet, port string) string {
		return fmt.Sprintf(`
pid %[1]s/nginx.pid;
error_log %[1]s/error.log;
user root;
events {}
http {
access_log off;
client_body_temp_path %[1]s/body;
proxy_temp_path %[1]s/proxy;
fastcgi_temp_path %[1]s/fastcgi;
uwsgi_temp_path %[1]s/uwsgi;
scgi_temp_path %[1]s/scgi;
%[2]s
}`, dir, strings.Replace(snippet, "listen 443", "listen 127.0.0.1:"+port, 1))
	},
	start: func(dir, _ string) *exec.Cmd {
		return exec.Command("nginx", "-e", dir+"/error.log", "-c", dir+"/config", "-g", "daemon off;")
	},
	reload: func(t *testing.T, dir string, _ *exec.Cmd) {
		runCommand(t, "nginx", "-e", dir+"/error.log", "-c", dir+"/config", "-s", "reload")
	},
	keepsSockets: true,
}

var caddy = product{
	heading: "## Caddy",
	command: "caddy",
	file:    "config",
	wrap: func(dir, snippet, port string) string {
		return fmt.Sprintf("{\n\tadmin unix/%s/admin.sock\n\thttps_port %s\n\tauto_https disable_redirects\n\tstorage file_system %s/storage\n}\n%s",
			dir, port, dir, snippet)
	},
	start: func(dir, _ string) *exec.Cmd {
		command := exec.Command("caddy", "run", "--config", dir+"/config", "--adapter", "caddyfile")
		command.Env = append(os.Environ(), "XDG_CONFIG_HOME="+dir)
		return command
	},
	reload: func(t *testing.T, dir string, _ *exec.Cmd) {
		runCommand(t, "caddy", "reload", "--config", dir+"/config", "--adapter", "caddyfile", "--address", "unix/"+dir+"/admin.sock")
	},
}

var haproxy = product{
	heading: "## HAProxy",
	command: "haproxy",
	file:    "config",
	wrap: func(dir, snippet, port string) string {
		return strings.Replace(strings.Replace(snippet, "bind :443", "bind 127.0.0.1:"+port, 1), "/run/haproxy/", dir+"/", 1)
	},
	start: func(dir, _ string) *exec.Cmd {
		return exec.Command("haproxy", "-W", "-f", dir+"/config")
	},
	reload: func(t *testing.T, _ string, running *exec.Cmd) {
		if err := running.Process.Signal(syscall.SIGUSR2); err != nil {
			t.Fatal(err)
		}
	},
	keepsSockets: true,
}

// traefik is not in Debian: its tests run where it is installed.
var traefik = product{
	heading: "## Traefik",
	command: "traefik",
	file:    "config.yaml",
	wrap: func(dir, snippet, _ string) string {
		return fmt.Sprintf("%stls: {certificates: [{certFile: %[2]s/api.example.com.crt, keyFile: %[2]s/api.example.com.key}]}\n", snippet, dir)
	},
	start: func(dir, port string) *exec.Cmd {
		return exec.Command("traefik", "--entryPoints.websecure.address=127.0.0.1:"+port, "--providers.file.filename="+dir+"/config.yaml")
	},
	reload:       func(*testing.T, string, *exec.Cmd) {}, // it watches the file
	keepsSockets: true,
}

// An edge is a running product.
type edge struct {
	product
	dir, port string
	running   *exec.Cmd
}

// startEdge starts a product with a configuration. It is stopped when the test ends.
func startEdge(t *testing.T, product product, certificate certificate, config string) *edge {
	t.Helper()
	e := &edge{product: product, dir: t.TempDir(), port: freePort(t)}
	certificate.write(t, e.dir)
	e.write(t, config)
	e.running = product.start(e.dir, e.port)
	log, err := os.Create(filepath.Join(e.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	e.running.Stdout, e.running.Stderr = log, log
	startCommand(t, e.running)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s: %s", product.heading, readLog(e.dir))
		}
	})
	return e
}

func readLog(dir string) string {
	text, _ := os.ReadFile(filepath.Join(dir, "log"))
	return string(text)
}

// write writes a configuration with the certificates of the test.
func (e *edge) write(t *testing.T, config string) {
	t.Helper()
	config = strings.NewReplacer("/etc/ssl/", e.dir+"/", "/etc/haproxy/", e.dir+"/").Replace(config)
	if err := os.WriteFile(filepath.Join(e.dir, e.file), []byte(e.wrap(e.dir, config, e.port)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// reloadNow makes the edge read its configuration again, as an operator does.
func (e *edge) reloadNow(t *testing.T) {
	t.Helper()
	e.reload(t, e.dir, e.running)
}

// freePort returns a port on which nothing listens. With port 0, these products would
// not report the port that they use.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}
