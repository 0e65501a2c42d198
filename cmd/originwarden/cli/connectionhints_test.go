package cli

import (
	"net/http"
	"strings"
	"testing"
)

func TestConnection_SuggestsFix(t *testing.T) {
	api, port, cacert := startTLSAPI(t)
	ca := newAuthority(t, t.TempDir())
	bad := startServer(t, func(w http.ResponseWriter, r *http.Request) { http.Error(w, "bad request", http.StatusBadRequest) })
	const plain, authority = "the server does not speak TLS: begin its URL with http://", "--cacert has to name a file with the server's authority"
	const secure, tenant = "if the server speaks TLS, begin its URL with https://", "--host gives the tenant's host"
	gateway := startGateway(t, t.TempDir(), "tenants: [{id: acme, hosts: [acme.example], upstream: '"+bad+"'}]\n")
	for _, row := range []struct {
		rule string
		args []string
		hint string
	}{
		{"http to a TLS server", []string{"-s", "http://127.0.0.1:" + port}, secure},
		{"https to a server without TLS", []string{"-s", strings.Replace(bad, "http:", "https:", 1)}, plain},
		{"https without TLS, not retried", []string{"-s", strings.Replace(bad, "http:", "https:", 1), "--retry", "1"}, plain},
		{"authority unknown to the system", []string{"-s", "https://127.0.0.1:" + port}, authority},
		{"authority not in the file", []string{"-s", "https://127.0.0.1:" + port, "--cacert", ca.file}, authority},
		{"certificate for another host", []string{"-s", "https://127.0.0.1:" + port, "--host", "other.test", "--cacert", cacert}, ""},
		{"https to a gateway without TLS", []string{"-s", strings.Replace(gateway.tenants, "http:", "https:", 1)}, plain},
		{"host of no tenant", []string{"-s", gateway.tenants}, tenant},
		{"other error", []string{"-s", gateway.tenants, "--host", "acme.example"}, "401 Unauthorized"},
	} {
		for _, command := range [][]string{{"web-integration", "ls"}, {"export"}, {"refused"}} {
			status, stdout, stderr := runCommand(t, api.env, append(command, row.args...)...)
			if status != exitFailed || stdout != "" || !strings.Contains(stderr, row.hint) || strings.Contains(stderr, "again") {
				t.Errorf("%s: %q: exit status %d\n%s%s", row.rule, command, status, stdout, stderr)
			}
			for _, hint := range []string{plain, authority, secure, tenant} {
				if row.hint != hint && strings.Contains(stderr, hint) {
					t.Errorf("%s: %q: unexpected hint\n%s", row.rule, command, stderr)
				}
			}
		}
	}
}
