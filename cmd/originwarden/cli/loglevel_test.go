package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"originwarden/envelope"
)

// adminBearer returns the Authorization header with the admin token in dir.
func adminBearer(t *testing.T, dir string) string {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(dir, adminTokenName))
	if err != nil {
		t.Fatal(err)
	}
	return "Authorization: Bearer " + strings.TrimSpace(string(token))
}

// sendToTheEnd returns when the gateway has closed the connection of its request: then the
// request is in the log, if the level is.
func sendToTheEnd(t *testing.T, url, path string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(testTimeout))
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path)
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Fatal(err)
	}
}

func TestLogLevel_ChangesAtRunTime(t *testing.T) {
	dir := t.TempDir()
	r := startGateway(t, dir, tenantConfig(startServer(t, hello), "log: {level: warn}"))
	token := adminBearer(t, dir)
	expect := func(want string, method, path, body string, headers ...string) {
		t.Helper()
		response, text := send(t, method, r.admin+path, body, headers...)
		if got := response.Status[:3] + " " + strings.TrimSpace(text); !strings.HasPrefix(got, want) {
			t.Errorf("%s %s %s: %s, want %s", method, path, body, got, want)
		}
	}
	expect(`200 {"level":"warn"}`, "GET", "/log-level", "")
	expect(`401 `, "PUT", "/log-level", `{"level":"debug"}`)
	expect(`401 `, "PUT", "/log-level", `{"level":"debug"}`, "Authorization: Bearer x")
	expect(`403 `, "PUT", "/log-level", `{"level":"debug"}`, token, "Origin: http://localhost")
	expect(`405 `, "POST", "/log-level", `{"level":"debug"}`, token)
	expect(`200 {"level":"warn"}`, "GET", "/log-level", "")
	sendToTheEnd(t, r.tenants, "/unseen")
	expect(`200 {"level":"info"}`, "PUT", "/log-level", `{"level":"info"}`, token)
	expect(`200 {"level":"info"}`, "GET", "/log-level", "")
	send(t, "GET", r.tenants+"/seen", "")
	r.await(t, r.stderr, `"path":"/seen"`)
	if log := r.stderr.String(); strings.Contains(log, "/unseen") || !strings.Contains(log, `"msg":"the log level was set","to":"info"`) {
		t.Error(log)
	}
	expect(`200 {"level":"debug","until":"20`, "PUT", "/log-level?for=10m", `{"level":"debug"}`, token)
	send(t, "POST", r.admin+"/resync?accept=true", "", token)
	send(t, "POST", r.admin+"/reload", "", token)
	expect(`400 `, "PUT", "/log-level", `{"level":"none"}`, token)
	for _, call := range []string{`"PUT","path":"/log-level","query":"","status":200`, `"PUT","path":"/log-level","query":"for=10m","status":200`, `"POST","path":"/resync","query":"accept=true","status":200`,
		`"POST","path":"/reload","query":"","status":[0-9]+`, `"PUT","path":"/log-level","query":"","status":400`} {
		r.await(t, r.stderr, `"level":"warn".*"msg":"a change was requested at the admin address","subject":"[^"]+","client":"127\.0\.0\.1:[0-9]+","method":`+call)
	}
	if n := strings.Count(r.stderr.String(), "a change was requested at the admin address"); n != 5 {
		t.Errorf("%d changes logged, want 5: refused requests change nothing", n)
	}
	expect(`200 {"level":"debug","until":"20`, "GET", "/log-level", "")
}

func TestAdmin_LogsTraceIDOfError(t *testing.T) {
	r := startReloadable(t, tenantConfig(startServer(t, hello)))
	r.replaceConfig(t, "nonsense: 1")
	for _, row := range []struct {
		method, path, body string
		status             int
	}{
		{"PUT", "/log-level", `{"level":"none"}`, http.StatusBadRequest},
		{"POST", "/reload", "", http.StatusUnprocessableEntity},
	} {
		response, text := send(t, row.method, r.admin+row.path, row.body, r.bearer)
		var document envelope.Document
		if err := json.Unmarshal([]byte(text), &document); err != nil || response.StatusCode != row.status || len(document.TraceID) != 32 {
			t.Fatalf("%s: %s %s", row.path, response.Status, text)
		}
		r.await(t, r.stderr, fmt.Sprintf(`"path":"%s".*"status":%d,"trace_id":"%s"`, row.path, row.status, document.TraceID))
	}
	if _, text := send(t, "GET", r.admin+"/nowhere", ""); !regexp.MustCompile(`"traceId":"[0-9a-f]{32}"`).MatchString(text) {
		t.Error(text)
	}
}
