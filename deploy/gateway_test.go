// Package deploy_test tests the files of deploy with the current gateway: the
// configurations must be valid, and the metrics that the dashboard and the alerts
// query must exist.
package deploy_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// binary is the path of the originwarden command that TestMain builds.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "originwarden-deploy-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "originwarden.exe")
		statSources("..")
		build := exec.Command("go", "build", "-o", binary, "./cmd/originwarden")
		build.Dir = ".."
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// statSources calls os.Stat on every source file, so that go test does not use a cached
// result when one has changed: it does not know about the build in TestMain.
func statSources(root string) {
	filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && (strings.HasSuffix(path, ".go") || filepath.Base(path) == "go.mod") {
			os.Stat(path)
		}
		return err
	})
}

// gateway is a running gateway that has served requests of every kind.
type gateway struct {
	tenants, admin string // addresses
	token          string
}

// serveTenant is the handler of a tenant. It accepts WebSockets at /socket.
func serveTenant(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/socket" {
		io.WriteString(w, "hello")
		return
	}
	socket, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // the gateway checks the origin
	if err == nil {
		socket.Read(r.Context())
		socket.CloseNow()
	}
}

// startGateway starts a gateway with a reachable and an unreachable tenant. It stops
// when the test ends.
func startGateway(t *testing.T) *gateway {
	t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(serveTenant))
	t.Cleanup(upstream.Close)
	dir := t.TempDir()
	file := filepath.Join(dir, "originwarden.yaml")
	writeFile(t, file, fmt.Sprintf(`
listen: 127.0.0.1:0
admin: {listen: "127.0.0.1:0"}
tenants:
  - {id: acme, upstream: "%s"}
  - {id: gone, hosts: [gone.example], upstream: "http://%s"}
store: {url: "sqlite:%s"}
`, upstream.URL, closedPort(t), filepath.ToSlash(filepath.Join(dir, "lists.db"))))
	ready := startProgram(t, `(?m)^originwarden ready listen=(\S+) admin=(\S+)$`, binary, "serve", "--config", file)
	token, err := os.ReadFile(filepath.Join(dir, "admin-token"))
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{tenants: ready[1], admin: ready[2], token: strings.TrimSpace(string(token))}
	g.sendRequests(t)
	return g
}

func writeFile(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func closedPort(t *testing.T) net.Addr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr()
}

// startProgram starts a program, waits until its output matches pattern, and returns
// the match and its groups. The program is killed when the test ends.
func startProgram(t *testing.T, pattern string, argv ...string) []string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "output")
	file, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = file, file
	cmd.Env = append(os.Environ(), "ORIGINWARDEN_CONFIG=")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		file.Close()
	})
	var found []string
	var text []byte
	if !eventually(t, func() bool {
		text, _ = os.ReadFile(out)
		found = regexp.MustCompile(pattern).FindStringSubmatch(string(text))
		return found != nil
	}) {
		t.Fatalf("%q: output does not match %s\n%s", argv, pattern, text)
	}
	return found
}

// eventually reports whether condition becomes true within twenty seconds.
func eventually(t *testing.T, condition func() bool) bool {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for timeout := time.After(20 * time.Second); ; {
		if condition() {
			return true
		}
		select {
		case <-tick.C:
		case <-timeout:
			return false
		}
	}
}

// sendRequests sends a request of every kind, so that every metric has a value. One
// WebSocket stays open.
func (g *gateway) sendRequests(t *testing.T) {
	t.Helper()
	const listed, other = "https://app.example.com", "https://other.example"
	const lists = "/api/v1/web-integrations"
	authorized := http.Header{"Authorization": {"Bearer " + g.token}, "Content-Type": {"application/json"}}
	preflight := func(origin string) http.Header {
		return http.Header{"Origin": {origin}, "Access-Control-Request-Method": {"PUT"}}
	}
	for _, row := range []struct {
		method, host, target, body string
		header                     http.Header
		status                     int
	}{
		{"POST", "", lists, `{"name":"app","validOrigins":["` + listed + `"]}`, authorized, http.StatusCreated},
		{"GET", "", lists, "", nil, http.StatusUnauthorized},
		{"GET", "", "/", "", nil, http.StatusOK},
		{"POST", "", "/", "body", http.Header{"Origin": {listed}}, http.StatusOK},
		{"GET", "", "/", "", http.Header{"Origin": {other}}, http.StatusForbidden},
		{"OPTIONS", "", "/", "", preflight(listed), http.StatusNoContent},
		{"OPTIONS", "", "/", "", preflight(other), http.StatusForbidden},
		{"GET", "gone.example", "/", "", nil, http.StatusBadGateway},
		{"GET", "", "/" + strings.Repeat("a", 17<<10), "", nil, http.StatusRequestURITooLong},
	} {
		if got := sendRequest(t, row.method, "http://"+g.tenants+row.target, row.host, row.body, row.header); got != row.status {
			t.Fatalf("%s %.60s: status %d, want %d", row.method, row.target, got, row.status)
		}
	}
	sendRequest(t, "POST", "http://"+g.admin+"/reload", "", "", authorized)
	g.dial(t, listed).CloseNow()
	g.dial(t, listed)
	// An exchange is counted when it ends, after its response.
	for _, name := range []string{"tunnels_closed_total{", "limited_total{", "upstream_errors_total{", `reason="origin_not_listed"`} {
		if !eventually(t, func() bool { return strings.Contains(getBody(t, "http://"+g.admin+"/metrics"), name) }) {
			t.Fatalf("/metrics does not contain %s", name)
		}
	}
}

// sendRequest returns the status of the response.
func sendRequest(t *testing.T, method, url, host, body string, header http.Header) int {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	if header != nil {
		r.Header = header.Clone()
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// dial opens a WebSocket through the gateway. It is closed when the test ends.
func (g *gateway) dial(t *testing.T, origin string) *websocket.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	socket, _, err := websocket.Dial(ctx, "ws://"+g.tenants+"/socket", &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {origin}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.CloseNow() })
	return socket
}
