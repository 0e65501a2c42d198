package cli

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// hostCase is a value of Host, and whether it is accepted.
type hostCase struct {
	host     string
	accepted bool
}

// loopbackHosts returns hosts, and whether a loopback address accepts them by
// default.
func loopbackHosts() []hostCase {
	return []hostCase{
		{"localhost", true}, {"localhost:8080", true}, {"LocalHost.", true}, {"app.localhost", true}, {"a.b.localhost:80", true},
		{"127.0.0.1", true}, {"127.0.0.1:9", true}, {"127.255.3.4", true}, {"127.0.0.1.", true},
		{"[::1]", true}, {"[::1]:8080", true}, {"[0:0:0:0:0:0:0:1]", true}, {"[::ffff:127.0.0.1]:1", true}, {"[::ffff:7f00:1]", true},
		{"evil.example", false}, {"evil.example:8080", false}, {"localhost.evil.example", false}, {"evil-localhost", false}, {"127.0.0.1.evil.example", false},
		{"127.1", false}, {"0x7f000001", false}, {"0x7f.0.0.1", false}, {"2130706433", false}, {"0177.0.0.1", false}, {"127.0.0.01", false}, {"localhost..", false},
		{"0.0.0.0", false}, {"[::]", false}, {"192.0.2.1", false}, {"10.0.0.1:8080", false}, {"[fe80::1]", false}, {"[::ffff:10.0.0.1]", false}, {"[::1%25lo]", false},
		{"::1", false}, {"[::1", false}, {"[127.0.0.1]", false}, {"localhost:x", false}, {"localhost:80:80", false},
	}
}

// sendToHost sends a request with this value of Host, unchanged, and returns the
// status and the body.
func sendToHost(t *testing.T, url, line, host string, headers ...string) (status int, body string) {
	t.Helper()
	scheme, address, _ := strings.Cut(url, "://")
	var conn net.Conn
	var err error
	if scheme == "https" {
		conn, err = tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	} else {
		conn, err = net.Dial("tcp", address)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	lines := append([]string{line, "Host: " + host, "Connection: close"}, headers...)
	if strings.HasSuffix(line, "/1.0") {
		lines = append([]string{line}, headers...)
	}
	go io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%s of %q: %v", line, host, err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(text)
}

func hostStatus(accepted bool) int {
	if accepted {
		return http.StatusOK
	}
	return http.StatusMisdirectedRequest
}

func TestServe_AcceptsOnlyLoopbackHostsOnLoopback(t *testing.T) {
	up := startServer(t, hello)
	for _, listen := range []string{"127.0.0.1:0", "localhost:0"} {
		r := startCommand(t, Environment{}, "serve", "--upstream", up, "--listen", listen, "--admin-listen", "127.0.0.1:0", "--store", "sqlite:"+filepath.Join(t.TempDir(), "lists.db"))
		found := r.await(t, r.stdout, readyLine)
		for _, c := range loopbackHosts() {
			if got, text := sendToHost(t, "http://"+found[1], "GET / HTTP/1.1", c.host); got != hostStatus(c.accepted) && !(got == 400 && !c.accepted) {
				t.Errorf("%s, Host %q: %d %s", listen, c.host, got, text)
			}
		}
		for _, line := range []string{"GET / HTTP/1.0", "GET / HTTP/1.1"} { // without Host, and with an empty one
			if got, text := sendToHost(t, "http://"+found[1], line, ""); got != 421 {
				t.Errorf("%s, no host, %s: %d %s", listen, line, got, text)
			}
		}
		if strings.Contains(r.stderr.String(), "rebinding") {
			t.Errorf("unexpected warning:\n%s", r.stderr)
		}
		if status := r.stop(t); status != exitDone {
			t.Errorf("exit status %d:\n%s", status, r.stderr)
		}
	}
}

func TestServe_RefusesDNSRebindingOnEveryPath(t *testing.T) {
	const page = "evil.example"
	up := startServer(t, hello)
	requests := []struct{ rule, line, headers string }{
		{"GET", "GET /", ""},
		{"GET with Origin", "GET /", "Origin: http://evil.example"},
		{"POST", "POST /", "Origin: http://evil.example\r\nContent-Length: 0"},
		{"preflight", "OPTIONS /", "Origin: http://evil.example\r\nAccess-Control-Request-Method: PUT"},
		{"WebSocket handshake", "GET /", "Origin: http://evil.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="},
		{"API", "GET " + collection, ""},
		{"refused origins", "GET /api/v1/refused-origins", ""},
		{"absolute target", "GET http://evil.example/", ""},
		{"X-Forwarded-Host", "GET /", "X-Forwarded-Host: localhost"},
	}
	for _, mode := range []string{"enforce", "headers", "report"} {
		r := startGateway(t, t.TempDir(), fmt.Sprintf("tenants: [{id: acme, mode: %s, upstream: '%s'}]", mode, up))
		for _, request := range requests {
			if got, text := sendToHost(t, r.tenants, request.line+" HTTP/1.1", page, request.headers); got != 421 || !strings.Contains(text, `"code":"TENANT_UNKNOWN"`) || !strings.Contains(text, "should add the host to its hosts") {
				t.Errorf("%s in %s: %d %s", request.rule, mode, got, text)
			}
		}
		for _, path := range []string{"/metrics", "/readyz", "/healthz", "/openapi.yaml", "/log-level", "/nothing"} {
			for _, origin := range []string{"X-No: origin", "Origin: http://evil.example"} {
				if got, text := sendToHost(t, r.admin, "GET "+path+" HTTP/1.1", page, origin); got != 421 || !strings.Contains(text, `"code":"HOST_UNKNOWN"`) {
					t.Errorf("%s of the admin address: %d %s", path, got, text)
				}
			}
		}
	}
}

func TestDemo_RefusesDNSRebinding(t *testing.T) {
	r, _ := startDemo(t)
	for _, url := range []string{r.tenants, r.admin} {
		if got, text := sendToHost(t, url, "GET /readyz HTTP/1.1", "evil.example"); got != 421 {
			t.Errorf("%s: %d %s", url, got, text)
		}
	}
	for _, host := range []string{"localhost", "127.0.0.1"} {
		if got, text := sendToHost(t, r.tenants, "GET /api/orders HTTP/1.1", host); got != 200 {
			t.Errorf("%s: %d %s", host, got, text)
		}
	}
	r.stop(t)
}

func TestServe_AcceptsEveryHostWhenConfigured(t *testing.T) {
	up := startServer(t, hello)
	r := startGateway(t, t.TempDir(), "tenants: [{id: named, hosts: [named.example], mode: report, upstream: '"+up+"'}, {id: rest, hosts: ['*'], upstream: '"+up+"'}]\nadmin: {hosts: ['*']}")
	for _, host := range []string{"any.example", "192.0.2.1", "localhost"} {
		if got, text := sendToHost(t, r.tenants, "GET / HTTP/1.1", host, "Origin: https://strange.example"); got != 403 {
			t.Errorf("%s: %d %s", host, got, text)
		}
		if got, text := sendToHost(t, r.admin, "GET /healthz HTTP/1.1", host); got != 200 {
			t.Errorf("%s at the admin address: %d %s", host, got, text)
		}
	}
	if got, text := sendToHost(t, r.tenants, "GET / HTTP/1.1", "named.example", "Origin: https://strange.example"); got != 200 {
		t.Errorf("host of another tenant: %d %s", got, text)
	}
}

// listenEverywhere listens on all addresses.
func listenEverywhere(network, _ string) (net.Listener, error) { return net.Listen(network, ":0") }

func TestServe_WarnsAboutEveryHostBeyondLoopback(t *testing.T) {
	up := startServer(t, hello)
	for _, row := range []struct {
		hosts string
		warns bool
	}{{"", true}, {"hosts: ['*'], ", false}, {"hosts: [evil.example], ", false}} {
		r := launchGateway(t, Environment{Listen: listenEverywhere}, t.TempDir(), "tenants: [{id: acme, "+row.hosts+"upstream: '"+up+"'}]")
		_, port, _ := net.SplitHostPort(strings.TrimPrefix(r.tenants, "http://"))
		if got, text := sendToHost(t, "http://127.0.0.1:"+port, "GET / HTTP/1.1", "evil.example"); got != 200 {
			t.Errorf("%q: %d %s", row.hosts, got, text)
		}
		if status := r.stop(t); status != exitDone {
			t.Errorf("exit status %d:\n%s", status, r.stderr)
		}
		if got := strings.Contains(r.stderr.String(), `"level":"warn"`) && strings.Contains(r.stderr.String(), "DNS rebinding"); got != row.warns {
			t.Errorf("%q: warning: %v, want %v\n%s", row.hosts, got, row.warns, r.stderr)
		}
	}
}

func TestServe_CheckWarnsAboutEveryHost(t *testing.T) {
	for _, row := range []struct {
		rule, listen, hosts string
		warns               bool
	}{
		{"loopback", "127.0.0.1:8080", "", false},
		{"loopback by name", "localhost:8080", "", false},
		{"IPv6 loopback", "[::1]:8080", "", false},
		{"every address", ":8080", "", true},
		{"every IPv4 address", "0.0.0.0:8080", "", true},
		{"address", "192.0.2.1:8080", "", true},
		{"name", "gateway.example:8080", "", true},
		{"every address, with hosts", ":8080", "hosts: [acme.example], ", false},
		{"every address, with every host", ":8080", "hosts: ['*'], ", false},
	} {
		file := writeConfig(t, "listen: '"+row.listen+"'\ntenants: [{id: acme, "+row.hosts+"upstream: 'http://127.0.0.1:1'}]")
		status, stdout, stderr := runCommand(t, noListeners(t), "serve", "--check", "--config", file)
		if status != exitDone || stdout != "configuration is valid\n" || strings.Contains(stderr, "DNS rebinding") != row.warns || (stderr != "") != row.warns {
			t.Errorf("%s: exit status %d, %s%s", row.rule, status, stdout, stderr)
		}
	}
}

func TestAdmin_AcceptsConfiguredHosts(t *testing.T) {
	r := startGateway(t, t.TempDir(), tenantConfig(startServer(t, hello), "admin: {hosts: [ops.example, '[fd00::7]']}"))
	hosts := append(loopbackHosts(), hostCase{"OPS.example.:9090", true}, hostCase{"[fd00::7]:9090", true}, hostCase{"sub.ops.example", false})
	for _, c := range hosts {
		if got, text := sendToHost(t, r.admin, "GET /healthz HTTP/1.1", c.host); got != hostStatus(c.accepted) && !(got == 400 && !c.accepted) {
			t.Errorf("Host %q: %d %s", c.host, got, text)
		}
	}
	if got, text := sendToHost(t, r.admin, "GET /healthz HTTP/1.0", ""); got != 200 {
		t.Errorf("health check without Host: %d %s", got, text)
	}
}

func TestAdmin_AcceptsAnyHostBeyondLoopback(t *testing.T) {
	up := startServer(t, hello)
	for _, row := range []struct {
		hosts, host string
		status      int
	}{
		{"[]", "gateway.example:9090", 200},
		{"[]", "192.0.2.7:9090", 200},
		{"[ops.example]", "ops.example", 200},
		{"[ops.example]", "evil.example", 421},
		{"[ops.example]", "192.0.2.7:9090", 200}, // as Prometheus sends it
		{"[ops.example]", "[2001:db8::7]:9090", 200},
		{"[ops.example]", "localhost", 200},
		{"['*']", "gateway.example", 200},
	} {
		r := launchGateway(t, Environment{Listen: listenEverywhere}, t.TempDir(), tenantConfig(up, "admin: {hosts: "+row.hosts+"}"))
		_, port, _ := net.SplitHostPort(strings.TrimPrefix(r.admin, "http://"))
		if got, text := sendToHost(t, "http://127.0.0.1:"+port, "GET /metrics HTTP/1.1", row.host); got != row.status {
			t.Errorf("%s, %s: %d %.99s", row.hosts, row.host, got, text)
		}
		r.stop(t)
	}
}
