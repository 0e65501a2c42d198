package cli

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
)

// alerting is the port of a server that answers what is not TLS with an alert,
// as RFC 8446, section 6.2, has it, and nothing else.
func alerting(t *testing.T) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Read(make([]byte, 4096))
			c.Write([]byte("\x15\x03\x01\x00\x02\x02\x46"))
			c.Close()
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

func TestConnection_TellsWhatToGiveInstead(t *testing.T) {
	o, port, cacert := tlsOffice(t)
	ca := newAuthority(t, t.TempDir())
	nginx := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>")
	})
	bad := upstream(t, func(w http.ResponseWriter, r *http.Request) { http.Error(w, "too bad", http.StatusBadRequest) })
	gateway := certified(t, ca).tenants
	const plain, secured, authority = "the server speaks TLS: begin its URL with https://", "the server speaks no TLS: begin its URL with http://", "give a file with its authority with --cacert"
	for _, row := range []struct {
		rule string
		args []string
		hint string
	}{
		{"http to TLS", []string{"-s", "http://127.0.0.1:" + port}, plain},
		{"to a gateway's", []string{"-s", "http://" + gateway[strings.LastIndex(gateway, "/")+1:]}, plain},
		{"to nginx's", []string{"-s", nginx}, plain},
		{"to one that sends an alert", []string{"-s", "http://127.0.0.1:" + alerting(t)}, plain},
		{"and is not repeated", []string{"-s", nginx, "--retry", "1"}, plain},
		{"https without TLS", []string{"-s", strings.Replace(bad, "http:", "https:", 1), "--retry", "1"}, secured},
		{"an authority that is not the system's", []string{"-s", "https://127.0.0.1:" + port}, authority},
		{"one that is not in the file", []string{"-s", "https://127.0.0.1:" + port, "--cacert", ca.file}, "its authority is not in the file of --cacert"},
		{"another host", []string{"-s", "https://127.0.0.1:" + port, "--host", "other.test", "--cacert", cacert}, ""},
		{"a mistake that is none of these", []string{"-s", bad}, ""},
	} {
		for _, command := range [][]string{{"web-integration", "ls"}, {"export"}, {"refused"}} {
			status, stdout, stderr := execution(t, o.env, append(command, row.args...)...)
			if status != exitFailed || stdout != "" || !strings.Contains(stderr, row.hint) || strings.Contains(stderr, "again") {
				t.Errorf("%s: %q: exit status %d\n%s%s", row.rule, command, status, stdout, stderr)
			}
			for _, hint := range []string{plain, secured, authority} {
				if row.hint != hint && strings.Contains(stderr, hint) {
					t.Errorf("%s: %q: it tells\n%s", row.rule, command, stderr)
				}
			}
		}
	}
}
