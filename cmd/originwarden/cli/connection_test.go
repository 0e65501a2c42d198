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

// startTLSAPI serves the API over TLS as example.com and 127.0.0.1. The file
// cacert has its certificate authority.
func startTLSAPI(t *testing.T) (api *testAPI, port, cacert string) {
	t.Helper()
	api = startAPI(t)
	server := httptest.NewUnstartedServer(api.handler)
	server.Config.ErrorLog = logs.NewStdLogger(discardLog(t), "")
	server.StartTLS()
	t.Cleanup(server.Close)
	cacert = filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(cacert, text, 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, _ = net.SplitHostPort(server.Listener.Addr().String())
	return api, port, cacert
}

func TestConnection_ConnectsOverTLS(t *testing.T) {
	api, port, cacert := startTLSAPI(t)
	w := api.create("n")
	empty := writeConfig(t, "")
	here, there := "https://127.0.0.1:"+port, "https://example.com:"+port
	for _, row := range []struct {
		rule   string
		args   []string
		status int
		stderr string
	}{
		{"unknown authority", []string{"-s", here}, exitFailed, "certificate signed by unknown authority"},
		{"authority in a file", []string{"-s", here, "--cacert", cacert}, exitDone, ""},
		{"--insecure", []string{"-s", here, "--insecure"}, exitDone, ""},
		{"--host", []string{"-s", here, "--host", "example.com", "--cacert", cacert}, exitDone, ""},
		{"--host without a matching certificate", []string{"-s", here, "--host", "other.test", "--cacert", cacert}, exitFailed, "valid for example.com"},
		{"--resolve", []string{"-s", there, "--cacert", cacert, "--resolve", "example.com:" + port + ":127.0.0.1"}, exitDone, ""},
		{"--resolve in another case", []string{"-s", there, "--cacert", cacert, "--resolve", "Example.com:" + port + ":127.0.0.1"}, exitDone, ""},
		{"--resolve for every name", []string{"-s", there, "--cacert", cacert, "--resolve", "*:" + port + ":127.0.0.1"}, exitDone, ""},
		{"--resolve with an unreachable address", []string{"-s", there, "--cacert", cacert, "--resolve", "example.com:" + port + ":[::2],127.0.0.1"}, exitDone, ""},
		{"empty authority file", []string{"-s", here, "--cacert", empty}, exitUsage, "--cacert: " + empty + " has no certificate"},
		{"missing authority file", []string{"-s", here, "--cacert", empty + "x"}, exitUsage, "--cacert: open "},
		{"--cacert with --insecure", []string{"-s", here, "--cacert", cacert, "--insecure"}, exitUsage, "[cacert insecure]"},
		{"--host with --resolve", []string{"-s", here, "--host", "a.test", "--resolve", "a.test:1:127.0.0.1"}, exitUsage, "[host resolve]"},
		{"invalid host", []string{"-s", here, "--host", "https://a.test"}, exitUsage, `--host: "https://a.test" is not a host`},
		{"invalid server", []string{"-s", "here", "--host", "a.test"}, exitUsage, "the server is not a URL"},
		{"too many retries", []string{"-s", here, "--retry", "11"}, exitUsage, "--retry must be 0 to 10"},
		{"interval of 0", []string{"-s", here, "--interval", "0"}, exitUsage, "--interval must be at least 1"},
	} {
		status, stdout, stderr := runCommand(t, api.env, append([]string{"web-integration", "get", "-q", w.ID}, row.args...)...)
		if status != row.status || (stdout == w.ID+"\n") != (status == exitDone) || !containsOrEmpty(stderr, row.stderr) {
			t.Errorf("%s: exit status %d\n%s%s", row.rule, status, stdout, stderr)
		}
	}
	for _, value := range []string{"", "a", "a:443", "a:443:", "a::127.0.0.1", "a:0:127.0.0.1", "a:x:127.0.0.1", ":443:127.0.0.1", "a:443:localhost", "a:443:127.0.0.1,"} {
		status, _, stderr := runCommand(t, api.env, "web-integration", "ls", "--resolve", value)
		if status != exitUsage || !strings.Contains(stderr, fmt.Sprintf("--resolve: %q is not HOST:PORT:ADDRESS", value)) {
			t.Errorf("--resolve %q: exit status %d\n%s", value, status, stderr)
		}
	}
}

// discardLog returns a logger whose output is discarded.
func discardLog(t *testing.T) *logs.Logger {
	t.Helper()
	log := logs.New(config.Log{}, newOutput())
	t.Cleanup(log.Close)
	return log
}

// The links to further pages have the tenant's host and must be sent to the same
// server.
func TestConnection_SendsHostOnEveryPage(t *testing.T) {
	api := startAPI(t)
	for i := range 101 {
		api.create(fmt.Sprint(i))
	}
	requests, port := 0, ""
	byHost := startServer(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.TrimSuffix(r.Host, port) != "acme.example.com" {
			http.Error(w, "", http.StatusMisdirectedRequest)
			return
		}
		requests++
		api.handler.ServeHTTP(w, r)
	})
	port = byHost[strings.LastIndex(byHost, ":"):]
	for _, args := range [][]string{
		{"web-integration", "ls", "-q", "-s", byHost, "--host", "acme.example.com"},
		{"export", "-s", byHost, "--host", "acme.example.com"},
	} {
		status, stdout, stderr := runCommand(t, clientEnvironment("", apiToken), args...)
		if lines := strings.Count(stdout, "\n"); status != exitDone || lines < 101 {
			t.Errorf("%q: exit status %d, %d lines\n%s", args, status, lines, stderr)
		}
	}
	if requests < 2+4 { // two pages, which export reads twice
		t.Errorf("%d requests, want at least 6", requests)
	}
	status, stdout, stderr := runCommand(t, clientEnvironment("http://acme.example.com"+port, apiToken), "web-integration", "ls", "-q", "--resolve", "acme.example.com"+port+":127.0.0.1")
	if status != exitDone || strings.Count(stdout, "\n") != 101 {
		t.Errorf("--resolve: exit status %d\n%s%s", status, stdout, stderr)
	}
}

func TestConnection_SelectsTenantByHost(t *testing.T) {
	dir, up := t.TempDir(), startServer(t, hello)
	r := startGateway(t, dir, fmt.Sprintf("tenants:\n  - {id: a, hosts: [a.example], upstream: '%[1]s'}\n  - {id: b, hosts: [b.example], upstream: '%[1]s'}\n", up))
	tokenFile := filepath.Join(dir, adminTokenName)
	api := &testAPI{t: t, env: clientEnvironment(r.tenants, "")}
	api.run("create", "--token-file", tokenFile, "--host", "b.example", "--name", "of b")
	for host, want := range map[string]string{"a.example": "", "b.example": "of b"} {
		if got := api.run("ls", "--token-file", tokenFile, "--host", host); strings.Contains(got, "of b") != (want != "") {
			t.Errorf("%s: listed\n%s", host, got)
		}
	}
	status, stdout, stderr := runCommand(t, api.env, "refused", "--token-file", tokenFile, "--host", "b.example")
	if status != exitDone || !strings.HasPrefix(stdout, "ORIGIN") {
		t.Errorf("refused: exit status %d\n%s%s", status, stdout, stderr)
	}
}

func TestConnection_Retries(t *testing.T) {
	api := startAPI(t)
	requests := 0
	busy := startServer(t, func(w http.ResponseWriter, r *http.Request) {
		if requests++; requests%2 == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		api.handler.ServeHTTP(w, r)
	})
	const because = "503 Service Unavailable, trying again\n"
	status, _, stderr := runCommand(t, clientEnvironment(busy, apiToken), "web-integration", "ls", "--retry", "1")
	if status != exitDone || !strings.HasSuffix(stderr, because) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit status %d\n%s", status, stderr)
	}
	if status, _, stderr = runCommand(t, clientEnvironment(busy, apiToken), "web-integration", "ls"); status != exitFailed || strings.Contains(stderr, "again") {
		t.Errorf("without --retry: exit status %d\n%s", status, stderr)
	}
}

func TestCommands_RefuseLargeFiles(t *testing.T) {
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
		status, stdout, stderr := runCommand(t, clientEnvironment("http://127.0.0.1:1", apiToken), args...)
		if status == exitDone || stdout != "" || !strings.Contains(stderr, "too large") {
			t.Errorf("%q: exit status %d\n%s%s", args[:3], status, stdout, stderr)
		}
	}
}
