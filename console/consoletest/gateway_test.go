package consoletest_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// Tokens of the configuration.
const (
	operatorToken = "operator-0123456789abcdef0123456789abcdef"
	readerToken   = "reader-0123456789abcdef0123456789abcdef"
	acmeToken     = "acme-0123456789abcdef0123456789abcdef"
)

// Hosts of the tenants: acme enforces its lists, and beta only reports.
const (
	acmeHost = "acme.example.com"
	betaHost = "beta.example.com"
)

// gateway is a running gateway with the tenants acme and beta.
type gateway struct {
	t              *testing.T
	address, admin string
}

// startGateway starts a gateway. It is stopped when the test ends.
func startGateway(t *testing.T) *gateway {
	t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "the tenant") }))
	t.Cleanup(upstream.Close)
	dir := t.TempDir()
	config := fmt.Sprintf(`listen: 127.0.0.1:0
admin: {listen: "127.0.0.1:0"}
store: {url: "sqlite:%s"}
tenants:
  - {id: acme, hosts: [%s], upstream: "%s"}
  - {id: beta, hosts: [%s], upstream: "%s", mode: report}
api:
  tokens:
    - {subject: olga, tenant: "*", role: admin, sha256: "%x"}
    - {subject: rita, tenant: acme, role: reader, sha256: "%x"}
    - {subject: anton, tenant: acme, role: admin, sha256: "%x"}
`, filepath.Join(dir, "lists.db"), acmeHost, upstream.URL, betaHost, upstream.URL,
		sha256.Sum256([]byte(operatorToken)), sha256.Sum256([]byte(readerToken)), sha256.Sum256([]byte(acmeToken)))
	file := filepath.Join(dir, "originwarden.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	line := startCommand(t, exec.Command(binary, "serve", "--config", file))
	found := regexp.MustCompile(`^originwarden ready listen=(\S+) admin=(\S+)`).FindStringSubmatch(line)
	if found == nil {
		t.Fatalf("the gateway printed %q", line)
	}
	return &gateway{t, found[1], strings.TrimSpace(found[2])}
}

// startCommand starts a command and returns the first line that it prints. The command
// is stopped when the test ends.
func startCommand(t *testing.T, command *exec.Cmd) string {
	t.Helper()
	var log bytes.Buffer
	command.Stderr = &log
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		command.Process.Signal(syscall.SIGTERM)
		command.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s", command, &log)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s printed %q: %v\n%s", command, line, err, &log)
	}
	return line
}

// request sends a request of an origin to a tenant, and returns the status of the
// response.
func (g *gateway) request(host, method, path, origin string) int {
	g.t.Helper()
	r, err := http.NewRequest(method, "http://"+g.address+path, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	r.Host = host
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// create creates a web integration through the API, and returns its id.
func (g *gateway) create(host, name string, origins ...string) string {
	g.t.Helper()
	var made struct{ ID string }
	g.callAPI(http.MethodPost, host, "/web-integrations", map[string]any{"name": name, "validOrigins": origins}, &made)
	return made.ID
}

// edit replaces the origins of a web integration through the API.
func (g *gateway) edit(host, id string, origins ...string) {
	g.t.Helper()
	g.callAPI(http.MethodPatch, host, "/web-integrations/"+id, []map[string]any{{"op": "replace", "path": "/validOrigins", "value": origins}}, nil)
}

func (g *gateway) callAPI(method, host, path string, body, result any) {
	g.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		g.t.Fatal(err)
	}
	r, err := http.NewRequest(method, "http://"+g.address+"/api/v1"+path, bytes.NewReader(text))
	if err != nil {
		g.t.Fatal(err)
	}
	r.Host = host
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+operatorToken)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		g.t.Fatalf("%s %s: %s, %s, %v", method, path, response.Status, answer, err)
	}
	if result != nil {
		if err := json.Unmarshal(answer, result); err != nil {
			g.t.Fatal(err)
		}
	}
}
