//go:build linux

package upgrade_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"originwarden/api/client"
)

const (
	token   = "token-of-this-test"
	timeout = 30 * time.Second
)

// gateway is a running gateway with one tenant, acme.
type gateway struct {
	*testing.T
	listen, admin string
	log           string // its file
	http          *http.Client
	command       *exec.Cmd
	ready         chan string // has the first line of its output
	ended         chan struct{}
}

// writeConfig writes a configuration that both builds accept, and returns its path. more
// are further lines.
func writeConfig(t *testing.T, store string, more ...string) string {
	t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	t.Cleanup(upstream.Close)
	text := fmt.Sprintf(`listen: 127.0.0.1:0
admin: {listen: "127.0.0.1:0"}
tenants: [{id: acme, hosts: [acme.test], upstream: "%s"}]
store: {url: "%s"}
api: {tokens: [{subject: ops, tenant: "*", role: admin, sha256: "%x"}]}
`, upstream.URL, store, sha256.Sum256([]byte(token)))
	file := filepath.Join(t.TempDir(), "originwarden.yaml")
	if err := os.WriteFile(file, []byte(text+strings.Join(more, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// start starts a gateway and waits until it serves. It is killed when t ends.
func start(t *testing.T, path, config string) *gateway {
	t.Helper()
	g := launch(t, path, config)
	g.awaitReady()
	return g
}

func launch(t *testing.T, path, config string) *gateway {
	t.Helper()
	g := &gateway{T: t, log: filepath.Join(t.TempDir(), "log"), ready: make(chan string, 1), ended: make(chan struct{})}
	log, err := os.Create(g.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	g.command = exec.Command(path, "serve", "--config", config)
	g.command.Stderr = log
	stdout, err := g.command.StdoutPipe()
	if err == nil {
		err = g.command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		g.ready <- line
		_, _ = io.Copy(io.Discard, stdout)
		_ = g.command.Wait()
		close(g.ended)
	}()
	t.Cleanup(func() { g.end(syscall.SIGKILL) })
	return g
}

// awaitReady waits for the line that a gateway prints when it serves.
func (g *gateway) awaitReady() {
	g.Helper()
	line := ""
	select {
	case line = <-g.ready:
	case <-time.After(timeout):
	}
	addresses := regexp.MustCompile(`ready listen=(\S+) admin=(\S+)`).FindStringSubmatch(line)
	if addresses == nil {
		g.Fatalf("%s is not ready:\n%s", g.command.Path, g.logged())
	}
	g.listen, g.admin = addresses[1], addresses[2]
	g.http = &http.Client{Timeout: timeout, Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, g.listen)
		},
	}}
}

// stop stops the gateway, which writes what it has not written to the store yet.
func (g *gateway) stop() {
	g.Helper()
	g.end(syscall.SIGTERM)
	if status := g.command.ProcessState.ExitCode(); status != 0 {
		g.Fatalf("exit status %d\n%s", status, g.logged())
	}
}

func (g *gateway) end(s syscall.Signal) {
	_ = g.command.Process.Signal(s)
	<-g.ended
}

func (g *gateway) logged() string {
	text, err := os.ReadFile(g.log)
	if err != nil {
		g.Fatal(err)
	}
	return string(text)
}

func (g *gateway) api() *client.Client {
	return &client.Client{Server: "http://acme.test", Token: token, HTTPClient: g.http}
}

func (g *gateway) create(name string, entries ...string) client.WebIntegration {
	g.Helper()
	w, err := g.api().Create(g.Context(), name, entries)
	if err != nil {
		g.Fatalf("creating %s: %v", name, err)
	}
	return w
}

// set replaces the entries of a web integration, and returns the revision.
func (g *gateway) set(id string, entries ...string) uint64 {
	g.Helper()
	response, err := g.api().Patch(g.Context(), id, []client.Operation{client.ReplaceValidOrigins(entries...)}, "")
	if err != nil {
		g.Fatalf("setting %v: %v", entries, err)
	}
	return response.Revision
}

// listed returns the web integrations, a line each.
func (g *gateway) listed() string {
	g.Helper()
	var lines []string
	for w, err := range g.api().All(g.Context(), client.ListOptions{}) {
		if err != nil {
			g.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%s %s by %s, %s: %s", w.ID, w.Name, w.CreatedBy, w.Created, strings.Join(w.ValidOrigins, " ")))
	}
	return strings.Join(lines, "\n")
}

// history returns the records, the oldest first.
func (g *gateway) history() (records []string) {
	g.Helper()
	var since uint64
	for c, err := range g.api().Changes(g.Context(), client.ChangeOptions{Since: &since}) {
		if err != nil {
			g.Fatal(err)
		}
		records = append(records, fmt.Sprintf("%s %s by %s", strings.TrimPrefix(c.Type, "com.qlik.core.web-integration."), c.Data.Name, c.UserID))
	}
	return records
}

// status returns the status of a request with the origin: 200 or 403.
func (g *gateway) status(origin string) int {
	g.Helper()
	r, err := http.NewRequestWithContext(g.Context(), http.MethodGet, "http://acme.test/", nil)
	if err != nil {
		g.Fatal(err)
	}
	r.Header.Set("Origin", origin)
	response, err := g.http.Do(r)
	if err != nil {
		g.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

// statusOf is the status of requests that are allowed, and of others.
var statusOf = map[bool]int{true: http.StatusOK, false: http.StatusForbidden}

// wantAllowed checks which origins gateways allow, once a revision is in force.
func wantAllowed(t *testing.T, b builds, revision uint64, want map[string]bool, gateways ...*gateway) {
	t.Helper()
	for _, g := range gateways {
		command(t, 0, b.current, "wait", "--revision", fmt.Sprint(revision), "--admin", "http://"+g.admin)
		for origin, allowed := range want {
			if status := g.status(origin); status != statusOf[allowed] {
				t.Errorf("%s, %s: status %d, want %d", g.command.Path, origin, status, statusOf[allowed])
			}
		}
	}
}

// readiness is a part of the response of /readyz.
type readiness struct {
	Ready   bool
	Problem string
}

func (g *gateway) readiness() (r readiness) {
	g.Helper()
	response, err := http.Get("http://" + g.admin + "/readyz")
	if err != nil {
		g.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&r); err != nil {
		g.Fatal(err)
	}
	return r
}
