package cli

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// adminTokenIn reads the token that serve has made in dir.
func adminTokenIn(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, adminTokenName))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func TestResync_AsksEveryGateway(t *testing.T) {
	var asked []string
	gateway := func(status int, body string) string {
		return upstream(t, func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.Method+" "+r.RequestURI+" "+r.Header.Get("Authorization"))
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		})
	}
	well := gateway(200, inForce(7, "one"))
	reset := gateway(409, `{"errors":[{"code":"STORE_RESET","title":"The store was reset","detail":"the store was reset: it is a different store, at revision 1; the known one was at 7","status":"409"}],"traceId":"t"}`)
	away := gateway(503, `{"errors":[{"code":"STORE_UNAVAILABLE","title":"The store does not answer","detail":"dial\u001b","status":"503"}],"traceId":"t"}`)
	unknown := gateway(401, `{"errors":[{"code":"AUTH-1","title":"Unauthorized","status":"401"}],"traceId":"t"}`)
	none := gateway(404, "<html>")
	for _, row := range []struct {
		rule           string
		admins         []string
		status         int
		stdout, stderr string
	}{
		{"nothing to do", []string{well}, exitDone, well + ": in step with store one at revision 7\n", ""},
		{"a reset", []string{reset}, exitFailed, "", "originwarden: " + reset + ": the store was reset: it is a different store, at revision 1; the known one was at 7; its lists are not used. To accept it as it is: originwarden resync --accept\n"},
		{"no store", []string{away}, exitFailed, "", away + ": 503 Service Unavailable\n  The store does not answer: dial\\x1b (STORE_UNAVAILABLE)\n  trace id t\n"},
		{"another token", []string{unknown}, exitFailed, "", unknown + ": 401 Unauthorized\n  Unauthorized (AUTH-1)\n"},
		{"another server", []string{none}, exitFailed, "", none + ": 404 Not Found: this is not a gateway"},
		{"no gateway", []string{"http://127.0.0.1:1"}, exitFailed, "", "http://127.0.0.1:1: dial tcp 127.0.0.1:1: "},
		{"several", []string{away, well, reset, well}, exitFailed, well + ": in step with store one at revision 7\n" + well + ": in step with store one at revision 7\n",
			"originwarden: " + away + ": 503…\n" + reset + ": the store was reset"},
	} {
		for accept, query := range map[string]string{"--accept=false": "", "--accept": "?accept=true"} {
			asked = nil
			status, stdout, stderr := execution(t, shell("", "secret"), "resync", accept, "--admin", strings.Join(row.admins, ","))
			if status != row.status || stdout != row.stdout || !inTurn(stderr, row.stderr) || !isHarmless(stderr) || strings.Contains(stderr, "secret") {
				t.Errorf("%s: exit status %d\n%s%s", row.rule, status, stdout, stderr)
			}
			for _, a := range asked {
				if a != "POST /resync"+query+" Bearer secret" {
					t.Errorf("%s: asked %q", row.rule, a)
				}
			}
			if row.rule != "no gateway" && len(asked) != len(row.admins) {
				t.Errorf("%s: asked %d times", row.rule, len(asked))
			}
		}
	}
}

func TestResync_OfAGateway(t *testing.T) {
	dir := t.TempDir()
	r := serving(t, dir, oneTenant(upstream(t, hello)))
	tokenFile := filepath.Join(dir, adminTokenName)
	for _, args := range []string{"resync", "resync --accept"} {
		status, stdout, stderr := execution(t, Environment{}, append(strings.Fields(args), "--admin", r.admin, "--token-file", tokenFile)...)
		if status != exitDone || !strings.HasPrefix(stdout, r.admin+": in step with store ") || !strings.HasSuffix(stdout, " at revision 0\n") || stderr != "" {
			t.Errorf("%s: exit status %d\n%s%s", args, status, stdout, stderr)
		}
	}
	status, _, stderr := execution(t, shell("", "other"), "resync", "--admin", r.admin)
	if status != exitFailed || !strings.Contains(stderr, ": 401 Unauthorized\n") {
		t.Errorf("exit status %d\n%s", status, stderr)
	}
}
