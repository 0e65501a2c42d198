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

// A product is what stands at the edge.
type product struct {
	heading string // of its section
	// frame puts the page's snippet into a configuration for a test's directory.
	frame  func(dir, snippet, port string) string
	start  func(dir string) *exec.Cmd
	reload func(t *testing.T, dir string, running *exec.Cmd)
	// keepsSockets says that a reload leaves open WebSockets alone.
	keepsSockets bool
}

var nginx = product{
	heading: "## nginx",
	frame: func(dir, snippet, port string) string {
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
	start: func(dir string) *exec.Cmd {
		return exec.Command("nginx", "-e", dir+"/error.log", "-c", dir+"/config", "-g", "daemon off;")
	},
	reload: func(t *testing.T, dir string, _ *exec.Cmd) {
		execute(t, "nginx", "-e", dir+"/error.log", "-c", dir+"/config", "-s", "reload")
	},
	keepsSockets: true,
}

var caddy = product{
	heading: "## Caddy",
	frame: func(dir, snippet, port string) string {
		return fmt.Sprintf("{\n\tadmin unix/%s/admin.sock\n\thttps_port %s\n\tauto_https disable_redirects\n\tstorage file_system %s/storage\n}\n%s",
			dir, port, dir, snippet)
	},
	start: func(dir string) *exec.Cmd {
		command := exec.Command("caddy", "run", "--config", dir+"/config", "--adapter", "caddyfile")
		command.Env = append(os.Environ(), "XDG_CONFIG_HOME="+dir)
		return command
	},
	reload: func(t *testing.T, dir string, _ *exec.Cmd) {
		execute(t, "caddy", "reload", "--config", dir+"/config", "--adapter", "caddyfile", "--address", "unix/"+dir+"/admin.sock")
	},
}

var haproxy = product{
	heading: "## HAProxy",
	frame: func(dir, snippet, port string) string {
		return strings.Replace(strings.Replace(snippet, "bind :443", "bind 127.0.0.1:"+port, 1), "/run/haproxy/", dir+"/", 1)
	},
	start: func(dir string) *exec.Cmd {
		return exec.Command("haproxy", "-W", "-f", dir+"/config")
	},
	reload: func(t *testing.T, _ string, running *exec.Cmd) {
		if err := running.Process.Signal(syscall.SIGUSR2); err != nil {
			t.Fatal(err)
		}
	},
	keepsSockets: true,
}

// An edge is a product that runs.
type edge struct {
	product
	dir, port string
	running   *exec.Cmd
}

// startEdge starts a product with a configuration.
func startEdge(t *testing.T, product product, certificate certificate, config string) *edge {
	t.Helper()
	e := &edge{product: product, dir: t.TempDir(), port: freePort(t)}
	certificate.write(t, e.dir)
	e.write(t, config)
	e.running = product.start(e.dir)
	log, err := os.Create(filepath.Join(e.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	e.running.Stdout, e.running.Stderr = log, log
	start(t, e.running)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s: %s", product.heading, logOf(e.dir))
		}
	})
	return e
}

func logOf(dir string) string {
	text, _ := os.ReadFile(filepath.Join(dir, "log"))
	return string(text)
}

// write writes a configuration whose certificates are the test's.
func (e *edge) write(t *testing.T, config string) {
	t.Helper()
	config = strings.NewReplacer("/etc/ssl/", e.dir+"/", "/etc/haproxy/", e.dir+"/").Replace(config)
	if err := os.WriteFile(filepath.Join(e.dir, "config"), []byte(e.frame(e.dir, config, e.port)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// reloadNow has the edge read its configuration, as an operator does.
func (e *edge) reloadNow(t *testing.T) {
	t.Helper()
	e.reload(t, e.dir, e.running)
}

// freePort returns one that nobody listens at: these products do not say which
// one they were given for port 0.
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
