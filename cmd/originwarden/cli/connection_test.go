package cli

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/logs"
)

// tlsOffice is an office whose API speaks TLS, as example.com and 127.0.0.1, with
// a file that has its authority.
func tlsOffice(t *testing.T) (o *office, port, cacert string) {
	t.Helper()
	o = newOffice(t)
	server := httptest.NewUnstartedServer(o.api)
	server.Config.ErrorLog = logs.NewStdLogger(discarded(t), "")
	server.StartTLS()
	t.Cleanup(server.Close)
	cacert = filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(cacert, text, 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, _ = net.SplitHostPort(server.Listener.Addr().String())
	return o, port, cacert
}

func TestConnection_ReachesAServerOfTLS(t *testing.T) {
	o, port, cacert := tlsOffice(t)
	w := o.make("n")
	empty := writeConfig(t, "")
	here, there := "https://127.0.0.1:"+port, "https://example.com:"+port
	for _, row := range []struct {
		rule   string
		args   []string
		status int
		stderr string
	}{
		{"an authority that nobody knows", []string{"-s", here}, exitFailed, "certificate signed by unknown authority"},
		{"is taken from a file", []string{"-s", here, "--cacert", cacert}, exitDone, ""},
		{"or not asked for", []string{"-s", here, "--insecure"}, exitDone, ""},
		{"a host at an address", []string{"-s", here, "--host", "example.com", "--cacert", cacert}, exitDone, ""},
		{"proves that it is the host", []string{"-s", here, "--host", "other.test", "--cacert", cacert}, exitFailed, "valid for example.com"},
		{"a name that resolves to an address", []string{"-s", there, "--cacert", cacert, "--resolve", "example.com:" + port + ":127.0.0.1"}, exitDone, ""},
		{"in capitals", []string{"-s", there, "--cacert", cacert, "--resolve", "Example.com:" + port + ":127.0.0.1"}, exitDone, ""},
		{"any name", []string{"-s", there, "--cacert", cacert, "--resolve", "*:" + port + ":127.0.0.1"}, exitDone, ""},
		{"to the next one if need be", []string{"-s", there, "--cacert", cacert, "--resolve", "example.com:" + port + ":[::2],127.0.0.1"}, exitDone, ""},
		{"a file without a certificate", []string{"-s", here, "--cacert", empty}, exitUsage, "--cacert: " + empty + " has no certificate"},
		{"a file that is not there", []string{"-s", here, "--cacert", empty + "x"}, exitUsage, "--cacert: open "},
		{"both", []string{"-s", here, "--cacert", cacert, "--insecure"}, exitUsage, "[cacert insecure]"},
		{"two ways to an address", []string{"-s", here, "--host", "a.test", "--resolve", "a.test:1:127.0.0.1"}, exitUsage, "[host resolve]"},
		{"a host that is none", []string{"-s", here, "--host", "https://a.test"}, exitUsage, `--host: "https://a.test" is not a host`},
		{"a host at no server", []string{"-s", "here", "--host", "a.test"}, exitUsage, "the server is not a URL"},
		{"too many repetitions", []string{"-s", here, "--retry", "11"}, exitUsage, "--retry must be 0 to 10"},
		{"too short an interval", []string{"-s", here, "--interval", "0"}, exitUsage, "--interval must be at least 1"},
	} {
		status, stdout, stderr := execution(t, o.env, append([]string{"web-integration", "get", "-q", w.ID}, row.args...)...)
		if status != row.status || (stdout == w.ID+"\n") != (status == exitDone) || !isPart(stderr, row.stderr) {
			t.Errorf("%s: exit status %d\n%s%s", row.rule, status, stdout, stderr)
		}
	}
	for _, value := range []string{"", "a", "a:443", "a:443:", "a::127.0.0.1", "a:0:127.0.0.1", "a:x:127.0.0.1", ":443:127.0.0.1", "a:443:localhost", "a:443:127.0.0.1,"} {
		status, _, stderr := execution(t, o.env, "web-integration", "ls", "--resolve", value)
		if status != exitUsage || !strings.Contains(stderr, fmt.Sprintf("--resolve: %q is not HOST:PORT:ADDRESS", value)) {
			t.Errorf("--resolve %q: exit status %d\n%s", value, status, stderr)
		}
	}
}

// discarded is a log that nobody reads.
func discarded(t *testing.T) *logs.Logger {
	t.Helper()
	log := logs.New(config.Log{}, newOutput())
	t.Cleanup(log.Close)
	return log
}

// The links to further pages are of the tenant's host, and lead to the gateway
// too.
func TestConnection_FindsATenantByItsHost(t *testing.T) {
	o := newOffice(t)
	for i := range 101 {
		o.make(fmt.Sprint(i))
	}
	asked, port := 0, ""
	byHost := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.TrimSuffix(r.Host, port) != "acme.example.com" {
			http.Error(w, "", http.StatusMisdirectedRequest)
			return
		}
		asked++
		o.api.ServeHTTP(w, r)
	})
	port = byHost[strings.LastIndex(byHost, ":"):]
	for _, args := range [][]string{
		{"web-integration", "ls", "-q", "-s", byHost, "--host", "acme.example.com"},
		{"export", "-s", byHost, "--host", "acme.example.com"},
	} {
		status, stdout, stderr := execution(t, shell("", officeToken), args...)
		if lines := strings.Count(stdout, "\n"); status != exitDone || lines < 101 {
			t.Errorf("%q: exit status %d, %d lines\n%s", args, status, lines, stderr)
		}
	}
	if asked < 2+4 { // each page, and for export twice
		t.Errorf("asked %d times", asked)
	}
	status, stdout, stderr := execution(t, shell("http://acme.example.com"+port, officeToken), "web-integration", "ls", "-q", "--resolve", "acme.example.com"+port+":127.0.0.1")
	if status != exitDone || strings.Count(stdout, "\n") != 101 {
		t.Errorf("--resolve: exit status %d\n%s%s", status, stdout, stderr)
	}
}

func TestConnection_FindsATenantOfAGateway(t *testing.T) {
	dir, up := t.TempDir(), upstream(t, hello)
	r := serving(t, dir, fmt.Sprintf("tenants:\n  - {id: a, hosts: [a.example], upstream: '%[1]s'}\n  - {id: b, hosts: [b.example], upstream: '%[1]s'}\n", up))
	tokenFile := filepath.Join(dir, adminTokenName)
	o := &office{t: t, env: shell(r.tenants, "")}
	o.run("create", "--token-file", tokenFile, "--host", "b.example", "--name", "of b")
	for host, want := range map[string]string{"a.example": "", "b.example": "of b"} {
		if got := o.run("ls", "--token-file", tokenFile, "--host", host); strings.Contains(got, "of b") != (want != "") {
			t.Errorf("%s has\n%s", host, got)
		}
	}
	status, stdout, stderr := execution(t, o.env, "refused", "--token-file", tokenFile, "--host", "b.example")
	if status != exitDone || !strings.HasPrefix(stdout, "ORIGIN") {
		t.Errorf("refused: exit status %d\n%s%s", status, stdout, stderr)
	}
}

func TestConnection_TriesAgain(t *testing.T) {
	o := newOffice(t)
	requests := 0
	busy := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if requests++; requests%2 == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		o.api.ServeHTTP(w, r)
	})
	const because = "503 Service Unavailable, trying again\n"
	status, _, stderr := execution(t, shell(busy, officeToken), "web-integration", "ls", "--retry", "1")
	if status != exitDone || !strings.HasSuffix(stderr, because) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit status %d\n%s", status, stderr)
	}
	if status, _, stderr = execution(t, shell(busy, officeToken), "web-integration", "ls"); status != exitFailed || strings.Contains(stderr, "again") {
		t.Errorf("without --retry: exit status %d\n%s", status, stderr)
	}
}

func TestCommands_ReadNoMoreOfAFileThanIsOfUse(t *testing.T) {
	large := func(n int) string {
		name := filepath.Join(t.TempDir(), "large")
		if err := os.WriteFile(name, bytes.Repeat([]byte(" "), n), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for _, args := range [][]string{
		{"web-integration", "ls", "--token-file", large(64<<10 + 1)},
		{"web-integration", "create", "--file", large(16<<20 + 1)},
	} {
		status, stdout, stderr := execution(t, shell("http://127.0.0.1:1", officeToken), args...)
		if status == exitDone || stdout != "" || !strings.Contains(stderr, "too large") {
			t.Errorf("%q: exit status %d\n%s%s", args[:3], status, stdout, stderr)
		}
	}
}
