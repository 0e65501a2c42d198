package decide_test

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The commands of the page list an origin.
func TestDecide_CommandsListTheFirstOrigin(t *testing.T) {
	t.Parallel()
	g := startGateway(t, nginx.config(t, startApplication(t)))
	commands := strings.NewReplacer("127.0.0.1:8080", g.listen, "/var/lib/originwarden", g.dir).Replace(readBlock(t, "Configuration", "sh"))
	shell := exec.Command("sh", "-euc", commands)
	shell.Env = append(shell.Environ(), "PATH="+filepath.Dir(binary)+":/usr/bin:/bin")
	if out, err := shell.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := string(g.callAPI(t, http.MethodGet, "", "", http.StatusOK)); !strings.Contains(got, `"`+shop+`"`) {
		t.Errorf("%s, want %s", got, shop)
	}
}
