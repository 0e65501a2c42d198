package cli

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Each limit and timeout of the configuration is in force.
func TestServe_EnforcesRequestLimits(t *testing.T) {
	url := startServer(t, func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	for _, c := range []struct {
		name, configuration, request string
		status                       int
		limit                        string
	}{
		{"URL", "limits: {url_bytes: 100}", "GET /" + strings.Repeat("a", 100) + " HTTP/1.1\r\nHost: a\r\n\r\n", 414, "url_bytes"},
		{"body", "limits: {body_bytes: 10}", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n12345678901", 413, "body_bytes"},
		{"body progress", "timeouts: {body_progress: 50ms}", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n1", 408, "body_progress"},
	} {
		r := startGateway(t, t.TempDir(), tenantConfig(url, c.configuration))
		response := sendRaw(t, r.tenants, c.request)
		if response.StatusCode != c.status {
			t.Errorf("%s: %s", c.name, response.Status)
		}
		r.await(t, r.stderr, `"limit":"`+c.limit+`"`)
		if _, metrics := send(t, "GET", r.admin+"/metrics", ""); !strings.Contains(metrics, fmt.Sprintf("originwarden_limited_total{limit=%q} 1", c.limit)) {
			t.Errorf("%s: not counted", c.name)
		}
	}
}

func TestServe_LimitsConnectionsPerClient(t *testing.T) {
	r := startGateway(t, t.TempDir(), tenantConfig(startServer(t, hello), "limits: {connections_per_client: 1}"))
	conn := dial(t, r)
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if response, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || response.StatusCode != 200 {
		t.Fatalf("%v, %v", response, err)
	}
	if response := sendRaw(t, r.tenants, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); response.StatusCode != 503 {
		t.Errorf("the second connection got %s", response.Status)
	}
	if _, metrics := send(t, "GET", r.admin+"/metrics", ""); !strings.Contains(metrics, `originwarden_limited_total{limit="connections_per_client"} 1`) {
		t.Error("refused connection is not counted")
	}
}

func TestServe_LimitsInFlightRequestsPerTenant(t *testing.T) {
	tenant := startBlockingTenant(t)
	r := startGateway(t, t.TempDir(), tenantConfig(tenant.url, "limits: {in_flight_per_tenant: 1}"))
	result := tenant.sendRequest(r)
	if response, text := send(t, "GET", r.tenants, ""); response.StatusCode != 503 || !strings.Contains(text, "OVERLOADED") {
		t.Errorf("the second request got %s %s", response.Status, text)
	}
	close(tenant.release)
	if a := <-result; a.err != nil || a.text != "hello" {
		t.Errorf("the first request got %+v", a)
	}
}

func TestServe_ClosesConnectionsWithoutRequest(t *testing.T) {
	up := startServer(t, hello)
	for _, row := range []struct{ name, timeouts, sent string }{
		{"nothing", "read_header: 50ms, idle: 1h", ""},
		{"half a header", "read_header: 50ms, idle: 1h", "GET / HTTP/1.1\r\nHost: a\r\nX-"},
		{"one request", "read_header: 1h, idle: 50ms", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
	} {
		conn := dial(t, startGateway(t, t.TempDir(), tenantConfig(up, "timeouts: {"+row.timeouts+"}")))
		io.WriteString(conn, row.sent)
		if _, err := io.ReadAll(conn); err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}

func TestServe_ReportsNearestEntryWithDebug(t *testing.T) {
	url := startServer(t, hello)
	dir := t.TempDir()
	r := startGateway(t, dir, fmt.Sprintf("tenants: [{id: acme, upstream: %q, debug: true}]", url))
	listOrigin(t, dir, r, "https://app.example.com")
	if response, text := send(t, "GET", r.tenants, "", "Origin: http://app.example.com"); response.StatusCode != 403 ||
		!strings.Contains(text, `"nearest":{"entry":"https://app.example.com","relation":"other_scheme"}`) {
		t.Errorf("%s %s", response.Status, text)
	}
	r.await(t, r.stderr, `"nearest":"https://app.example.com","nearest_is":"other_scheme"`)
}

// dial opens a connection to the tenants' address and closes it at the end of the
// test.
func dial(t *testing.T, r *runningCommand) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.tenants, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(testTimeout))
	t.Cleanup(func() { conn.Close() })
	return conn
}

// listOrigin creates a web integration with the admin token in dir.
func listOrigin(t *testing.T, dir string, r *runningCommand, origin string) {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(dir, adminTokenName))
	if err != nil {
		t.Fatal(err)
	}
	response, text := send(t, "POST", r.tenants+collection, fmt.Sprintf(`{"name":"n","validOrigins":[%q]}`, origin),
		"Authorization: Bearer "+strings.TrimSpace(string(token)), "Content-Type: application/json")
	if response.StatusCode != 201 {
		t.Fatalf("%s %s", response.Status, text)
	}
}
