// Package deploy_test holds what is deployed to the gateway that there is: the
// configurations have to be valid, and the queries of dashboard and alerts have
// to find their metrics.
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

// binary is the built command.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "originwarden-deploy-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "originwarden.exe")
		stamp("..")
		build := exec.Command("go", "build", "-o", binary, "./cmd/originwarden")
		build.Dir = ".."
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// stamp looks at every source file, so that the Go command takes no result from
// its cache when one has changed: it does not know what is built here.
func stamp(root string) {
	filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && (strings.HasSuffix(path, ".go") || filepath.Base(path) == "go.mod") {
			os.Stat(path)
		}
		return err
	})
}

// gateway is a running one that has seen requests of every sort.
type gateway struct {
	tenants, admin string // addresses
	token          string
}

// tenant answers, and takes WebSockets.
func tenant(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/socket" {
		io.WriteString(w, "hello")
		return
	}
	socket, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // the gateway has decided
	if err == nil {
		socket.Read(r.Context())
		socket.CloseNow()
	}
}

// startGateway starts a gateway in front of a tenant that answers and of one
// that does not, until the test ends.
func startGateway(t *testing.T) *gateway {
	t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(tenant))
	t.Cleanup(upstream.Close)
	dir := t.TempDir()
	file := filepath.Join(dir, "originwarden.yaml")
	write(t, file, fmt.Sprintf(`
listen: 127.0.0.1:0
admin: {listen: "127.0.0.1:0"}
tenants:
  - {id: acme, upstream: "%s"}
  - {id: gone, hosts: [gone.example], upstream: "http://%s"}
store: {url: "sqlite:%s"}
`, upstream.URL, closedPort(t), filepath.ToSlash(filepath.Join(dir, "lists.db"))))
	ready := start(t, `(?m)^originwarden ready listen=(\S+) admin=(\S+)$`, binary, "serve", "--config", file)
	token, err := os.ReadFile(filepath.Join(dir, "admin-token"))
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{tenants: ready[1], admin: ready[2], token: strings.TrimSpace(string(token))}
	g.use(t)
	return g
}

func write(t *testing.T, file, text string) {
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

// start starts a program until the test ends, and waits until it has written
// what matches the pattern.
func start(t *testing.T, pattern string, argv ...string) []string {
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
		t.Fatalf("%q has not written %s\n%s", argv, pattern, text)
	}
	return found
}

// eventually asks until the answer is yes, for twenty seconds.
func eventually(t *testing.T, holds func() bool) bool {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for give := time.After(20 * time.Second); ; {
		if holds() {
			return true
		}
		select {
		case <-tick.C:
		case <-give:
			return false
		}
	}
}

// use sends a request of every sort, so that every metric has something to
// tell. One WebSocket stays open.
func (g *gateway) use(t *testing.T) {
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
		if got := ask(t, row.method, "http://"+g.tenants+row.target, row.host, row.body, row.header); got != row.status {
			t.Fatalf("%s %.60s: %d, not %d", row.method, row.target, got, row.status)
		}
	}
	ask(t, "POST", "http://"+g.admin+"/reload", "", "", authorized)
	g.dial(t, listed).CloseNow()
	g.dial(t, listed)
	// An exchange is counted when it has ended, which is after its response.
	for _, name := range []string{"tunnels_closed_total{", "limited_total{", "upstream_errors_total{", `reason="origin_not_listed"`} {
		if !eventually(t, func() bool { return strings.Contains(text(t, "http://"+g.admin+"/metrics"), name) }) {
			t.Fatalf("nothing is counted as %s", name)
		}
	}
}

func ask(t *testing.T, method, url, host, body string, header http.Header) int {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	if header != nil {
		r.Header = header.Clone()
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

// dial opens a WebSocket through the gateway, until the test ends.
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
