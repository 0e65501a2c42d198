package cli

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/credentials/insecure"

	"originwarden/api/client"
)

// nginxFields are what nginx says of a GET of /orders from 192.0.2.7.
func nginxFields(more ...string) []string {
	return append([]string{"X-Original-Method: GET", "X-Original-Host: acme.example", "X-Original-URI: /orders?secret=1", "X-Original-Proto: https", "X-Original-Address: 192.0.2.7"}, more...)
}

const decideNginx = "decide: {listen: '127.0.0.1:0', dialect: nginx}\n"

// dialDecide opens a connection to the address for questions.
func dialDecide(t *testing.T, r *runningCommand) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", r.decide)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(testTimeout))
	t.Cleanup(func() { conn.Close() })
	return conn
}

// A question is logged and counted, and a refused origin is in the inventory, as in the
// path; a list that has changed decides at once.
func TestDecide_IsObservedAsInThePath(t *testing.T) {
	dir := t.TempDir()
	r := startGateway(t, dir, tenantConfig(startServer(t, hello), decideNginx))
	url := "http://" + r.decide + "/decide"
	response, text := send(t, "GET", url, "", nginxFields("Origin: https://app.example")...)
	if response.StatusCode != 403 || !strings.Contains(text, `"code":"origin_not_listed"`) || response.Header.Get("Originwarden-Status") != "403" {
		t.Errorf("before it is listed: %s %s", response.Status, text)
	}
	listOrigin(t, dir, r, "https://app.example")
	response, _ = send(t, "GET", url, "", nginxFields("Origin: https://app.example")...)
	if response.StatusCode != 200 || response.Header.Get("Access-Control-Allow-Origin") != "https://app.example" || response.Header.Get("Originwarden-Reason") != "listed" {
		t.Errorf("afterwards: %s %v", response.Status, response.Header)
	}
	send(t, "GET", url, "", "Origin: https://app.example")
	for _, line := range []string{
		`"verdict":"refused","reason":"origin_not_listed".*"method":"GET","path":"/orders","status":403.*"client":"192.0.2.7".*"asked":true,"origin":"https://app.example"`,
		`"verdict":"allowed","reason":"listed".*"path":"/orders","status":200.*"asked":true`,
		`"level":"warn".*"reason":"question_invalid".*"status":400.*"asked":true.*"error":"reading the proxy's question: X-Original-Method is missing"`,
	} {
		r.await(t, r.stderr, line)
	}
	_, metrics := send(t, "GET", r.admin+"/metrics", "")
	for _, series := range []string{
		`originwarden_requests_total{kind="actual",reason="origin_not_listed",tenant="acme",verdict="refused"} 1`,
		`originwarden_requests_total{kind="actual",reason="question_invalid",tenant="_none",verdict="refused"} 1`,
	} {
		if !strings.Contains(metrics, series) {
			t.Errorf("metrics lack %s", series)
		}
	}
	token, err := os.ReadFile(filepath.Join(dir, adminTokenName))
	if err != nil {
		t.Fatal(err)
	}
	_, stdout, _ := runCommand(t, clientEnvironment(r.tenants, strings.TrimSpace(string(token))), "refused", "--json")
	var refused []client.RefusedOrigin
	if err := json.Unmarshal([]byte(stdout), &refused); err != nil || len(refused) != 1 || refused[0].Origin != "https://app.example" || refused[0].Path != "/orders" {
		t.Errorf("refused origins: %s, %v", stdout, err)
	}
}

// With an address for questions, a tenant may belong to a proxy that asks there.
func TestDecide_NeedsNoUpstream(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ids.txt"), []byte("one\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	collector := startServer(t, func(http.ResponseWriter, *http.Request) {})
	r := startReloadable(t, fmt.Sprintf("tenants: [{id: acme, hosts: [acme.example]}, {ids_file: %q, hosts: ['{id}.example']}]\ntracing: {otlp: %q}\n", filepath.Join(dir, "ids.txt"), collector)+decideNginx)
	if response, text := send(t, "GET", r.tenants+"/orders", "", "Host: two.example"); response.StatusCode != 421 || !strings.Contains(text, "NOT_FORWARDED") {
		t.Errorf("request: %s %s", response.Status, text)
	}
	if response, text := send(t, "GET", r.tenants+collection, "", "Host: acme.example", r.bearer); response.StatusCode != 200 {
		t.Errorf("API: %s %s", response.Status, text)
	}
	if response, _ := send(t, "GET", "http://"+r.decide+"/decide", "", nginxFields()...); response.StatusCode != 200 {
		t.Errorf("question: %s", response.Status)
	}
	if response, text := send(t, "GET", r.admin+"/readyz", ""); response.StatusCode != 200 || strings.Contains(text, `"tenant":"acme"`) {
		t.Errorf("readyz: %s %s", response.Status, text)
	}
	r.reload(t)
}

func TestReload_AppliesDialect(t *testing.T) {
	tenants := tenantConfig("http://127.0.0.1:1")
	r := startReloadable(t, tenants+decideNginx)
	envoy := dialGRPC(t, r.runningCommand, insecure.NewCredentials())
	if response, _ := send(t, "GET", "http://"+r.decide+"/decide/orders", ""); response.StatusCode != 404 || askAsEnvoy(t, envoy, "null") != "403" {
		t.Errorf("dialect nginx: %s", response.Status)
	}
	r.replaceConfig(t, tenants+"decide: {listen: '127.0.0.1:2', dialect: envoy}\nlimits: {header_bytes: 9KiB}\n")
	if _, text := r.reload(t); !strings.Contains(text, `"waitForRestart":["decide.listen"]`) {
		t.Errorf("reload: %s", text)
	}
	if response, _ := send(t, "GET", "http://"+r.decide+"/decide/orders", ""); response.StatusCode != 200 || response.Header.Get("Originwarden-Reason") != "no_origin" {
		t.Errorf("dialect envoy: %s", response.Status)
	}
	if got := askAsEnvoy(t, envoy, "null") + ", " + healthOf(t, envoy); got != "403, SERVING" {
		t.Errorf("over gRPC, after the server is replaced: %s", got)
	}
	if response, _ := send(t, "GET", "http://"+r.decide+"/decide/orders", "", "X-A: "+strings.Repeat("a", 9<<10)); response.StatusCode != 431 {
		t.Errorf("long header after the reload: %s", response.Status)
	}
}

func TestDecide_LimitsQuestions(t *testing.T) {
	question := "POST /decide HTTP/1.1\r\nHost: a\r\n" + strings.Join(nginxFields(), "\r\n") + "\r\n"
	for _, row := range []struct{ rule, timeouts, sent, want string }{
		{"nothing is sent", "read_header: 50ms, idle: 1h", "", ""},
		{"half a header", "read_header: 50ms, idle: 1h", "GET / HTTP/1.1\r\nHost: a\r\nX-", ""},
		{"header beyond limits.header_bytes", "read_header: 1h", "GET / HTTP/1.1\r\nHost: a\r\nX-A: " + strings.Repeat("a", 40<<10) + "\r\n\r\n", "HTTP/1.1 431 "},
		{"body that never ends", "read_header: 50ms, idle: 1h", question + "Content-Length: 10\r\n\r\nb", "HTTP/1.1 200 "},
		{"connection after a question", "read_header: 1h, idle: 50ms", question + "\r\n", "HTTP/1.1 200 "},
	} {
		r := startGateway(t, t.TempDir(), tenantConfig("http://127.0.0.1:1", decideNginx, "timeouts: {"+row.timeouts+"}"))
		conn := dialDecide(t, r)
		io.WriteString(conn, row.sent)
		if text, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(text), row.want) || strings.Count(string(text), "HTTP/1.1 ") > 1 {
			t.Errorf("%s: %q, %v", row.rule, text, err)
		}
	}
}

func TestDecide_StopsWithTheGateway(t *testing.T) {
	t.Parallel()
	r := launchGateway(t, Environment{}, t.TempDir(), tenantConfig("http://127.0.0.1:1", decideNginx, "timeouts: {shutdown_delay: 2s}"))
	r.signals <- os.Interrupt
	r.await(t, r.stderr, `"msg":"stopping"`)
	response, _ := send(t, "GET", "http://"+r.decide+"/decide", "", nginxFields()...)
	if response.StatusCode != 200 || !response.Close {
		t.Errorf("while it stops: %s, closed %v", response.Status, response.Close)
	}
	if status := r.wait(t); status != exitDone {
		t.Errorf("exit status %d:\n%s", status, r.stderr)
	}
	if conn, err := net.Dial("tcp", r.decide); err == nil {
		conn.Close()
		t.Error("the address still accepts connections")
	}
}

// proxyCertificates returns a certificate of an authority for a proxy, which is valid for
// some time from now, or none if there is no authority.
func proxyCertificates(t *testing.T, own *authority, valid time.Duration) []tls.Certificate {
	t.Helper()
	if own == nil {
		return nil
	}
	pair, err := own.issueUntil(t, t.TempDir(), "proxy", time.Now().Add(valid)).Load()
	if err != nil {
		t.Fatal(err)
	}
	return []tls.Certificate{*pair}
}

// decideClient returns a client of the address for questions.
func decideClient(t *testing.T, server *authority, own []tls.Certificate) *http.Client {
	t.Helper()
	client := server.client(t, tls.VersionTLS13)
	client.Transport.(*http.Transport).TLSClientConfig.Certificates = own
	return client
}

func TestDecide_AnswersProxiesWithCertificates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server, trusted, stranger := newAuthority(t, dir), newAuthority(t, t.TempDir()), newAuthority(t, t.TempDir())
	files := server.issue(t, dir, "decide.internal")
	r := startGateway(t, t.TempDir(), tenantConfig("http://127.0.0.1:1",
		fmt.Sprintf("decide: {listen: '127.0.0.1:0', tls: {cert: %q, key: %q, client_ca: %q}}\n", files.Cert, files.Key, trusted.file)))
	ask := func(client *http.Client) string {
		response, err := client.Get("https://" + r.decide + "/decide/orders")
		if err != nil {
			return "no answer"
		}
		defer response.Body.Close()
		return response.Proto + " " + response.Header.Get("Originwarden-Reason")
	}
	for _, row := range []struct {
		rule  string
		own   *authority
		valid time.Duration
		want  string
	}{
		{"no certificate", nil, 0, "no answer"},
		{"of another authority", stranger, time.Hour, "no answer"},
		{"of the authority, expired", trusted, -time.Minute, "no answer"},
		{"of the authority", trusted, time.Hour, "HTTP/2.0 no_origin"},
	} {
		if got := ask(decideClient(t, server, proxyCertificates(t, row.own, row.valid))); got != row.want {
			t.Errorf("%s: %s, want %s", row.rule, got, row.want)
		}
	}
	if _, metrics := send(t, "GET", r.admin+"/metrics", ""); !strings.Contains(metrics, certificateMetric+`{certificate="decide"}`) {
		t.Error("metrics lack the expiry of the certificate")
	}
	replaced, err := os.ReadFile(stranger.file)
	if err == nil {
		err = os.WriteFile(trusted.file, replaced, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	r.await(t, r.stderr, "the authorities of clients have changed")
	if got := ask(decideClient(t, server, proxyCertificates(t, trusted, time.Hour))); got != "no answer" {
		t.Errorf("of the authority that was replaced: %s", got)
	}
	if got := ask(decideClient(t, server, proxyCertificates(t, stranger, time.Hour))); got != "HTTP/2.0 no_origin" {
		t.Errorf("of the new authority: %s", got)
	}
	os.WriteFile(trusted.file, []byte("broken"), 0o600)
	r.await(t, r.stderr, "reloading the authorities of clients failed; the old ones are used")
	if got := ask(decideClient(t, server, proxyCertificates(t, stranger, time.Hour))); got != "HTTP/2.0 no_origin" {
		t.Errorf("while the file is broken: %s", got)
	}
}
