package cli

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// readAdminToken reads the admin token that serve has created in dir.
func readAdminToken(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, adminTokenName))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func TestResync_CallsEveryGateway(t *testing.T) {
	var requests []string
	gateway := func(status int, body string) string {
		return startServer(t, func(w http.ResponseWriter, r *http.Request) {
			requests = append(requests, r.Method+" "+r.RequestURI+" "+r.Header.Get("Authorization"))
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		})
	}
	healthy := gateway(200, readyDocument(7, "one"))
	reset := gateway(409, `{"errors":[{"code":"STORE_RESET","title":"The store was reset","detail":"the store was reset: it is a different store, at revision 1; the known one was at 7","status":"409"}],"traceId":"t"}`)
	unavailable := gateway(503, `{"errors":[{"code":"STORE_UNAVAILABLE","title":"The store does not answer","detail":"dial\u001b","status":"503"}],"traceId":"t"}`)
	unauthorized := gateway(401, `{"errors":[{"code":"AUTH-1","title":"Unauthorized","status":"401"}],"traceId":"t"}`)
	other := gateway(404, "<html>")
	for _, row := range []struct {
		rule           string
		admins         []string
		status         int
		stdout, stderr string
	}{
		{"no reset", []string{healthy}, exitDone, healthy + ": in step with store one at revision 7\n", ""},
		{"reset", []string{reset}, exitFailed, "", "originwarden: " + reset + ": the store was reset: it is a different store, at revision 1; the known one was at 7; its lists are not used. To accept it as it is: originwarden resync --accept\n"},
		{"unavailable store", []string{unavailable}, exitFailed, "", unavailable + ": 503 Service Unavailable\n  The store does not answer: dial\\x1b (STORE_UNAVAILABLE)\n  trace id t\n"},
		{"unknown token", []string{unauthorized}, exitFailed, "", unauthorized + ": 401 Unauthorized\n  Unauthorized (AUTH-1)\n"},
		{"not a gateway", []string{other}, exitFailed, "", other + ": 404 Not Found: this is not a gateway"},
		{"no gateway", []string{"http://127.0.0.1:1"}, exitFailed, "", "http://127.0.0.1:1: dial tcp 127.0.0.1:1: "},
		{"several gateways", []string{unavailable, healthy, reset, healthy}, exitFailed, healthy + ": in step with store one at revision 7\n" + healthy + ": in step with store one at revision 7\n",
			"originwarden: " + unavailable + ": 503…\n" + reset + ": the store was reset"},
	} {
		for accept, query := range map[string]string{"--accept=false": "", "--accept": "?accept=true"} {
			requests = nil
			status, stdout, stderr := runCommand(t, clientEnvironment("", "secret"), "resync", accept, "--admin", strings.Join(row.admins, ","))
			if status != row.status || stdout != row.stdout || !containsInOrder(stderr, row.stderr) || !isPrintable(stderr) || strings.Contains(stderr, "secret") {
				t.Errorf("%s: exit status %d\n%s%s", row.rule, status, stdout, stderr)
			}
			for _, a := range requests {
				if a != "POST /resync"+query+" Bearer secret" {
					t.Errorf("%s: got request %q", row.rule, a)
				}
			}
			if row.rule != "no gateway" && len(requests) != len(row.admins) {
				t.Errorf("%s: %d requests, want %d", row.rule, len(requests), len(row.admins))
			}
		}
	}
}

func TestResync_OfRunningGateway(t *testing.T) {
	dir := t.TempDir()
	r := startGateway(t, dir, tenantConfig(startServer(t, hello)))
	tokenFile := filepath.Join(dir, adminTokenName)
	for _, args := range []string{"resync", "resync --accept"} {
		status, stdout, stderr := runCommand(t, Environment{}, append(strings.Fields(args), "--admin", r.admin, "--token-file", tokenFile)...)
		if status != exitDone || !strings.HasPrefix(stdout, r.admin+": in step with store ") || !strings.HasSuffix(stdout, " at revision 0\n") || stderr != "" {
			t.Errorf("%s: exit status %d\n%s%s", args, status, stdout, stderr)
		}
	}
	status, _, stderr := runCommand(t, clientEnvironment("", "other"), "resync", "--admin", r.admin)
	if status != exitFailed || !strings.Contains(stderr, ": 401 Unauthorized\n") {
		t.Errorf("exit status %d\n%s", status, stderr)
	}
}
