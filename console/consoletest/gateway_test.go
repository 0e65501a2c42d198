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
	"sync/atomic"
	"syscall"
	"testing"
)

// operatorToken is the token of an administrator of all tenants.
const operatorToken = "operator-0123456789abcdef0123456789abcdef"

// tenant is a tenant of the gateway, with the tokens of its administrator and of its
// reader. It enforces its lists.
type tenant struct {
	id, host              string
	administrator, reader string
}

func newTenant(id string) tenant {
	return tenant{id, id + ".example.com", "administrator-of-" + id + "-0123456789abcdef", "reader-of-" + id + "-0123456789abcdef"}
}

// reporting returns the tenant beside this one that only reports, without tokens.
func (t tenant) reporting() tenant { return newTenant(t.id + "-report") }

// maxFlows is how many flows the shared gateway has tenants for.
const maxFlows = 120

var flows atomic.Int64

func flowName(n int64) string { return fmt.Sprintf("flow-%d", n) }

// nextTenant returns a tenant of the shared gateway that no other flow uses.
func nextTenant(t *testing.T) tenant {
	t.Helper()
	n := flows.Add(1)
	if n > maxFlows {
		t.Fatal("the shared gateway has no more tenants")
	}
	return newTenant(flowName(n))
}

// flowTenants is the configuration of the shared gateway.
func flowTenants(upstream string) string {
	var all []tenant
	for n := range int64(maxFlows) {
		all = append(all, newTenant(flowName(n+1)))
	}
	return configuration(upstream, "", all...)
}

// configuration is that of tenants, each with another one beside it that only reports.
// The part api may have more keys.
func configuration(upstream, api string, all ...tenant) string {
	var tenants, tokens strings.Builder
	for _, t := range all {
		fmt.Fprintf(&tenants, "  - {id: %s, hosts: [%s], upstream: %q}\n", t.id, t.host, upstream)
		fmt.Fprintf(&tenants, "  - {id: %s, hosts: [%s], upstream: %q, mode: report}\n", t.reporting().id, t.reporting().host, upstream)
		fmt.Fprintf(&tokens, "    - {subject: rita, tenant: %s, role: reader, sha256: %q}\n", t.id, hash(t.reader))
		fmt.Fprintf(&tokens, "    - {subject: anton, tenant: %s, role: admin, sha256: %q}\n", t.id, hash(t.administrator))
	}
	return fmt.Sprintf("tenants:\n%sapi:\n%s  tokens:\n    - {subject: olga, tenant: \"*\", role: admin, sha256: %q}\n%s", tenants.String(), api, hash(operatorToken), tokens.String())
}

func hash(token string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(token))) }

// gateway is a running gateway, as a test uses it.
type gateway struct {
	t              *testing.T
	address, admin string
	dir            string // with the store
}

// of returns the gateway for a test.
func (g *gateway) of(t *testing.T) *gateway {
	return &gateway{t, g.address, g.admin, g.dir}
}

func startUpstream() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "the tenant") }))
}

// startGateway starts a gateway with the tenants acme and acme-report, and more keys of
// the parts admin and api. It is stopped when the test ends.
func startGateway(t *testing.T, api string) (*gateway, tenant) {
	t.Helper()
	upstream, acme := startUpstream(), newTenant("acme")
	t.Cleanup(upstream.Close)
	started, stop, err := runGateway(t.TempDir(), configuration(upstream.URL, api, acme))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return started.of(t), acme
}

// runGateway runs a gateway whose store is in a folder, until it is stopped.
func runGateway(dir, config string) (g *gateway, stop func(), err error) {
	g = &gateway{dir: dir}
	if err := g.configure(config); err != nil {
		return nil, nil, err
	}
	var log bytes.Buffer
	command := exec.Command(binary, "serve", "--config", g.file())
	command.Stderr = &log
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := command.Start(); err != nil {
		return nil, nil, err
	}
	stop = func() {
		command.Process.Signal(syscall.SIGTERM)
		command.Wait()
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	found := regexp.MustCompile(`^originwarden ready listen=(\S+) admin=(\S+)`).FindStringSubmatch(line)
	if found == nil {
		stop()
		return nil, nil, fmt.Errorf("the gateway printed %q\n%s", line, &log)
	}
	g.address, g.admin = found[1], strings.TrimSpace(found[2])
	return g, stop, nil
}

func (g *gateway) file() string { return filepath.Join(g.dir, "originwarden.yaml") }

func (g *gateway) store() string { return filepath.Join(g.dir, "lists.db") }

// configure writes the file of the configuration.
func (g *gateway) configure(config string) error {
	if !strings.Contains(config, "\nadmin:") {
		config += "admin: {listen: \"127.0.0.1:0\"}\n"
	}
	config += fmt.Sprintf("listen: 127.0.0.1:0\nstore: {url: \"sqlite:%s\"}\n", g.store())
	return os.WriteFile(g.file(), []byte(config), 0o600)
}

// reload replaces the configuration.
func (g *gateway) reload(config string) {
	g.t.Helper()
	if err := g.configure(config); err != nil {
		g.t.Fatal(err)
	}
	command := exec.Command(binary, "reload", "--admin", "http://"+g.admin)
	command.Env = append(os.Environ(), "ORIGINWARDEN_TOKEN="+operatorToken)
	if out, err := command.CombinedOutput(); err != nil {
		g.t.Fatalf("reloading: %v\n%s", err, out)
	}
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
