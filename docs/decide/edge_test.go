package decide_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A product is a proxy that asks the gateway.
type product struct {
	name    string // the heading of its section in decide.md, and the language of its block
	dialect string
	command string
	// files returns the files with the configuration, of which "config" is the one
	// that start reads.
	files func(t *testing.T, dir, address string) map[string]string
	start func(dir string) *exec.Cmd
	// useTLS makes the changes of the section acrossNetwork. ownCertificate is what names
	// the product's own certificate then, of which the files have the name of the command.
	useTLS         func(t *testing.T, files map[string]string)
	ownCertificate string

	// Statuses while the gateway does not run, while it does not respond, and while the
	// application does not run.
	gone, stopped, unreachable int
	// otherHost is the status for a host that no tenant has.
	otherHost int
	// Statuses if the gateway and the product do not accept each other's certificates.
	unasked []int

	// rejects are lines of requests that the gateway in the path refuses by the list or the
	// method, and the product refuses itself.
	rejects []string
}

var nginx = product{
	name: "nginx", dialect: "nginx", command: "nginx", gone: 503, stopped: 503, unreachable: 502, otherHost: 403, unasked: []int{503},
	rejects: []string{"get /assets/app.js", "Get /assets/app.js", "GET /.well-known/jwks.json%00", "GET http://api.example.com?/assets/x", "GET /assets/%00",
		"TRACE /orders", "CONNECT /orders", "CONNECT api.example.com:443"},
	files: func(t *testing.T, dir, address string) map[string]string {
		config := replaceOnce(t, readBlock(t, "nginx", "nginx"), "listen 443", "listen "+address)
		return map[string]string{"config": fmt.Sprintf(`
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
}`, dir, config)}
	},
	start: func(dir string) *exec.Cmd {
		return exec.Command("nginx", "-e", dir+"/error.log", "-c", dir+"/config", "-g", "daemon off;")
	},
	useTLS: func(t *testing.T, files map[string]string) {
		config := replaceOnce(t, files["config"], "server 127.0.0.1:9191;", "server 10.0.0.5:9191;")
		files["config"] = replaceOnce(t, config, "        proxy_pass http://originwarden/decide;\n", readBlock(t, acrossNetwork, "nginx"))
	},
	ownCertificate: "proxy_ssl_certificate /etc/ssl/nginx.crt;\n        proxy_ssl_certificate_key /etc/ssl/nginx.key;",
}

var caddy = product{
	name: "Caddy", dialect: "caddy", command: "caddy", gone: 502, stopped: 504, unreachable: 502, otherHost: 200, unasked: []int{502},
	files: func(t *testing.T, dir, address string) map[string]string {
		ip, port, _ := net.SplitHostPort(address)
		return map[string]string{"config": fmt.Sprintf("{\n\tadmin off\n\tdefault_bind %s\n\thttps_port %s\n\tauto_https off\n\tstorage file_system %s/storage\n}\n%s",
			ip, port, dir, readBlock(t, "Caddy", "caddyfile"))}
	},
	start: func(dir string) *exec.Cmd {
		command := exec.Command("caddy", "run", "--config", dir+"/config", "--adapter", "caddyfile")
		command.Env = append(os.Environ(), "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
		return command
	},
	useTLS: func(t *testing.T, files map[string]string) {
		config := replaceOnce(t, files["config"], "reverse_proxy 127.0.0.1:9191", "reverse_proxy https://10.0.0.5:9191")
		files["config"] = replaceOnce(t, config, "transport http {\n", "transport http {\n"+readBlock(t, acrossNetwork, "caddyfile"))
	},
	ownCertificate: "tls_client_auth /etc/ssl/caddy.crt /etc/ssl/caddy.key",
}

var haproxy = product{
	name: "HAProxy", dialect: "caddy", command: "haproxy", gone: 503, stopped: 504, unreachable: 503, otherHost: 421, unasked: []int{502, 503}, // after or in the TLS handshake
	rejects: []string{"GET /assets#/app.js", "GET http://api.example.com", "GET http://api.example.com?/assets/x",
		"PRI /orders", "CONNECT /orders", "CONNECT api.example.com:443"},
	files: func(t *testing.T, dir, address string) map[string]string {
		return map[string]string{
			"config":           replaceOnce(t, readBlock(t, "HAProxy", "haproxy"), "bind :443", "bind "+address),
			"originwarden.lua": readBlock(t, "HAProxy", "lua"),
		}
	},
	start: func(dir string) *exec.Cmd { return exec.Command("haproxy", "-W", "-f", dir+"/config") },
	useTLS: func(t *testing.T, files map[string]string) {
		listen := strings.NewReplacer("127.0.0.1:9191", freeAddress(t))
		files["config"] += listen.Replace(readBlock(t, acrossNetwork, "haproxy"))
		files["originwarden.lua"] = listen.Replace(files["originwarden.lua"])
	},
	ownCertificate: "crt /etc/haproxy/haproxy.pem ",
}

// startEdge starts a product, which asks a gateway and forwards to an application. It is
// stopped when the test ends. It returns its address.
func startEdge(t *testing.T, p product, addresses *strings.Replacer) string {
	t.Helper()
	if _, err := exec.LookPath(p.command); err != nil {
		t.Skipf("%s is not installed", p.command)
	}
	dir, address := t.TempDir(), freeAddress(t)
	newAuthority(t).issue(t, host, time.Now().Add(time.Hour)).write(t, dir, host) // the clients here do not check it
	folders := strings.NewReplacer("/etc/ssl/", dir+"/", "/etc/haproxy/", dir+"/")
	for name, text := range p.files(t, dir, address) {
		write(t, filepath.Join(dir, name), folders.Replace(addresses.Replace(text)))
	}
	command := p.start(dir)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		command.Process.Signal(syscall.SIGTERM)
		command.Wait()
		if text, _ := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("%s:\n%s", p.name, lastLines(string(text)))
		}
	})
	return address
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// servers counts those that were started with an IP address of their own.
var servers atomic.Uint32

// freeAddress returns an address on which nothing listens. With port 0, these products
// would not report the port that they use. Nothing else takes the port before the product
// does.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp4", net.JoinHostPort(ownIP(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// ownIP returns a loopback address that only its caller uses, so that a port of it that
// is closed stays so.
func ownIP() string {
	process := os.Getpid()
	return net.IPv4(127, byte(servers.Add(1)), byte(process>>8), byte(process)|1).String()
}
