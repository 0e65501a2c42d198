package cli

import (
	"net/http"
	"strings"
	"testing"
)

func TestConnection_TellsWhatToGiveInstead(t *testing.T) {
	o, port, cacert := tlsOffice(t)
	ca := newAuthority(t, t.TempDir())
	bad := upstream(t, func(w http.ResponseWriter, r *http.Request) { http.Error(w, "too bad", http.StatusBadRequest) })
	const plain, authority = "the server does not speak TLS: begin its URL with http://", "--cacert has to name a file with the server's authority"
	for _, row := range []struct {
		rule string
		args []string
		hint string
	}{
		{"http to TLS", []string{"-s", "http://127.0.0.1:" + port}, "400 Bad Request"},
		{"https without TLS", []string{"-s", strings.Replace(bad, "http:", "https:", 1)}, plain},
		{"which is not repeated", []string{"-s", strings.Replace(bad, "http:", "https:", 1), "--retry", "1"}, plain},
		{"an authority that is not the system's", []string{"-s", "https://127.0.0.1:" + port}, authority},
		{"one that is not in the file", []string{"-s", "https://127.0.0.1:" + port, "--cacert", ca.file}, authority},
		{"another host", []string{"-s", "https://127.0.0.1:" + port, "--host", "other.test", "--cacert", cacert}, ""},
		{"a mistake that is none of these", []string{"-s", bad}, ""},
	} {
		for _, command := range [][]string{{"web-integration", "ls"}, {"export"}, {"refused"}} {
			status, stdout, stderr := execution(t, o.env, append(command, row.args...)...)
			if status != exitFailed || stdout != "" || !strings.Contains(stderr, row.hint) || strings.Contains(stderr, "again") {
				t.Errorf("%s: %q: exit status %d\n%s%s", row.rule, command, status, stdout, stderr)
			}
			for _, hint := range []string{plain, authority} {
				if row.hint != hint && strings.Contains(stderr, hint) {
					t.Errorf("%s: %q: it tells\n%s", row.rule, command, stderr)
				}
			}
		}
	}
}
