package recipes_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A gateway is a running originwarden with the configuration of a recipe.
type gateway struct {
	dir       string // has the configuration and its files
	address   string
	authority authority // of its certificate
}

// startGateway starts a gateway by the command of recipes.md, at an address, in a folder
// with the given files besides those that every recipe names. It is stopped when the
// test ends.
func startGateway(t *testing.T, config, address string, files map[string][]byte) *gateway {
	t.Helper()
	g := &gateway{dir: t.TempDir(), authority: newAuthority(t)}
	_, certificate, key := g.authority.issue(t, "*.example.com")
	g.write(t, "originwarden.yaml", []byte(config))
	g.write(t, "fullchain.pem", certificate)
	g.write(t, "privkey.pem", key)
	for name, content := range files {
		g.write(t, name, content)
	}
	start := append(readStart(t), "--listen", address, "--admin-listen", "127.0.0.1:0")
	command := exec.Command(binary, start[1:]...)
	command.Dir = g.dir
	line := startCommand(t, command)
	found := regexp.MustCompile(`^originwarden ready listen=(\S+) `).FindStringSubmatch(line)
	if found == nil {
		t.Fatalf("the gateway printed %q", line)
	}
	g.address = found[1]
	return g
}

func (g *gateway) write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// checkExamples runs the commands of a recipe, whose curl connects to the gateway and
// trusts its certificate, and compares what they print.
func (g *gateway) checkExamples(t *testing.T, examples []example) {
	t.Helper()
	g.write(t, "authority.pem", g.authority.file())
	g.write(t, ".curlrc", fmt.Appendf(nil, "connect-to = \"::%s\"\ncacert = \"%s/authority.pem\"\nmax-time = 10\n", g.address, g.dir))
	for _, e := range examples {
		command := exec.Command("bash", "-c", e.command)
		command.Env = append(os.Environ(), "CURL_HOME="+g.dir)
		out, err := command.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != e.output {
			t.Errorf("%s\nprinted %q, want %q: %v", e.command, got, e.output, err)
		}
	}
}
