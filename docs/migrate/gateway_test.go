package migrate_test

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A gateway is a running originwarden with the configuration of migrate.md.
type gateway struct {
	config        string // as in migrate.md
	dir           string
	listen, admin string // addresses
}

// startGateway starts a gateway in mode report. It is stopped when the test ends.
func startGateway(t *testing.T, config, upstream string) *gateway {
	t.Helper()
	g := &gateway{config: config, dir: t.TempDir()}
	g.write(t, "report")
	command := exec.Command(binary, "serve", "--config", g.path("originwarden.yaml"), "--upstream", "http://"+upstream,
		"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--store", "sqlite:"+g.path("lists.db"))
	var log bytes.Buffer
	command.Stderr = &log
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	startCommand(t, command)
	line, _ := bufio.NewReader(out).ReadString('\n')
	found := regexp.MustCompile(`listen=(\S+) admin=(\S+)`).FindStringSubmatch(line)
	if found == nil {
		command.Process.Kill()
		command.Wait()
		t.Fatalf("the gateway is not ready: %q\n%s", line, &log)
	}
	g.listen, g.admin = found[1], found[2]
	return g
}

func (g *gateway) path(name string) string { return filepath.Join(g.dir, name) }

// write writes the configuration with the mode.
func (g *gateway) write(t *testing.T, mode string) {
	t.Helper()
	config := replaceOnce(t, g.config, "mode: report", "mode: "+mode)
	if err := os.WriteFile(g.path("originwarden.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
}

// setMode changes the gateway's mode by a reload, as an operator does.
func (g *gateway) setMode(t *testing.T, mode string) {
	t.Helper()
	g.write(t, mode)
	runCommand(t, binary, "reload", "--admin", "http://"+g.admin, "--token-file", g.path("admin-token"))
}

// token returns the token that the gateway created at its first start.
func (g *gateway) token(t *testing.T) string {
	t.Helper()
	token, err := os.ReadFile(g.path("admin-token"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(token))
}
