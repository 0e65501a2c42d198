package decide_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// A gateway is a running originwarden with the configuration of decide.md.
type gateway struct {
	config                string
	dir                   string
	command               *exec.Cmd
	log                   bytes.Buffer // complete when the command has ended
	listen, admin, decide string       // addresses
}

// startGateway starts a gateway. It is stopped when the test ends.
func startGateway(t *testing.T, config string) *gateway {
	t.Helper()
	g, decide := &gateway{dir: t.TempDir()}, ownIP()+":0" // the test asks there when the gateway is gone
	g.config = strings.NewReplacer("127.0.0.1:8080", "127.0.0.1:0", "127.0.0.1:9191", decide, "10.0.0.5:9191", decide).Replace(config)
	g.write(t, g.config)
	g.command = exec.Command(binary, "serve", "--config", g.path("originwarden.yaml"),
		"--admin-listen", "127.0.0.1:0", "--store", "sqlite:"+g.path("lists.db"))
	g.command.Stderr = &g.log
	out, err := g.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		g.kill()
		if t.Failed() {
			t.Logf("originwarden:\n%s", lastLines(g.log.String()))
		}
	})
	line, _ := bufio.NewReader(out).ReadString('\n')
	found := regexp.MustCompile(`listen=(\S+) admin=(\S+) decide=(\S+)`).FindStringSubmatch(line)
	if found == nil {
		g.kill()
		t.Fatalf("the gateway is not ready: %q\n%s", line, &g.log)
	}
	g.listen, g.admin, g.decide = found[1], found[2], found[3]
	return g
}

// lastLines returns the end of a log.
func lastLines(text string) string { return text[max(0, len(text)-4000):] }

// kill ends the process as a crash does.
func (g *gateway) kill() {
	g.command.Process.Kill()
	g.command.Wait()
}

// stop keeps the process from running, as on an overloaded machine.
func (g *gateway) stop(t *testing.T) {
	t.Helper()
	if err := g.command.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(g.command.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("status %v, %v, want stopped", status, err)
	}
}

// finalLog ends the process as an operator does, and returns its log.
func (g *gateway) finalLog(t *testing.T) string {
	t.Helper()
	g.command.Process.Signal(syscall.SIGTERM)
	if err := g.command.Wait(); err != nil {
		t.Fatal(err)
	}
	return g.log.String()
}

func (g *gateway) path(name string) string { return filepath.Join(g.dir, name) }

func (g *gateway) write(t *testing.T, config string) {
	t.Helper()
	if err := os.WriteFile(g.path("originwarden.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
}

// setMode changes the gateway's mode by a reload, as an operator does.
func (g *gateway) setMode(t *testing.T, mode string) {
	t.Helper()
	const tenant = "  - id: acme\n"
	g.write(t, replaceOnce(t, g.config, tenant, tenant+"    mode: "+mode+"\n"))
	reload := exec.Command(binary, "reload", "--admin", "http://"+g.admin, "--token-file", g.path("admin-token"))
	if out, err := reload.CombinedOutput(); err != nil {
		t.Fatalf("reload: %v\n%s", err, out)
	}
}

// list lists origins in a new web integration, and returns its id.
func (g *gateway) list(t *testing.T, name string, origins ...string) (id string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"name": name, "validOrigins": origins})
	if err != nil {
		t.Fatal(err)
	}
	response := g.callAPI(t, http.MethodPost, "", string(body), http.StatusCreated)
	var created struct{ ID string }
	if err := json.Unmarshal(response, &created); err != nil || created.ID == "" {
		t.Fatalf("created %q: %v", response, err)
	}
	return created.ID
}

// remove deletes a web integration.
func (g *gateway) remove(t *testing.T, id string) {
	t.Helper()
	g.callAPI(t, http.MethodDelete, "/"+id, "", http.StatusNoContent)
}
