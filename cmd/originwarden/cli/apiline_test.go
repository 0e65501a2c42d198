package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const integrations = "/api/v1/web-integrations"

// apiLines are the lines of the log of requests to the API, without the members
// that every line has.
func apiLines(t *testing.T, log string) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(log) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if fields["msg"] == "request" && fields["api"] == true {
			all = append(all, fields)
		}
	}
	return all
}

// adminTokenOf is the token that a first start has left in dir.
func adminTokenOf(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, adminTokenName))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func expectFields(t *testing.T, rule string, got, want map[string]any) {
	t.Helper()
	for name, value := range want {
		if !reflect.DeepEqual(got[name], value) {
			t.Errorf("%s: %s is %v, want %v", rule, name, got[name], value)
		}
	}
}

func TestServe_LogsWhoHasChangedWhat(t *testing.T) {
	for rule, more := range map[string]string{"with a line for every request": "", "without": "log: {access: false}"} {
		dir := t.TempDir()
		r := startServing(t, Environment{}, dir, oneTenant("http://127.0.0.1:1", more))
		bearer := "Authorization: Bearer " + adminTokenOf(t, dir)
		_, text := send(t, "POST", r.tenants+integrations, `{"name":"pages","validOrigins":["https://a.example","https://b.example"]}`, bearer, "Content-Type: application/json")
		var created struct{ ID string }
		if err := json.Unmarshal([]byte(text), &created); err != nil {
			t.Fatal(err, text)
		}
		item := r.tenants + integrations + "/" + created.ID
		send(t, "PATCH", item, `[{"op":"replace","path":"/validOrigins","value":["https://b.example","https://c.example"]},{"op":"replace","path":"/name","value":"Seiten für alle"}]`, bearer, "Content-Type: application/json")
		send(t, "DELETE", item, "", bearer)
		if status := r.stop(t); status != exitDone {
			t.Fatalf("exit status %d", status)
		}
		got := apiLines(t, r.stderr.String())
		if len(got) != 3 {
			t.Fatalf("%s: %d lines", rule, len(got))
		}
		for i, want := range []map[string]any{
			{"method": "POST", "status": 201.0, "name": "pages", "old_name": nil, "added": 2.0, "removed": 0.0, "added_origins": []any{"https://a.example", "https://b.example"}, "removed_origins": nil},
			{"method": "PATCH", "status": 204.0, "name": `Seiten f\u00fcr alle`, "old_name": "pages", "added": 1.0, "removed": 1.0, "added_origins": []any{"https://c.example"}, "removed_origins": []any{"https://a.example"}},
			{"method": "DELETE", "status": 204.0, "name": `Seiten f\u00fcr alle`, "old_name": nil, "added": 0.0, "removed": 2.0, "added_origins": nil, "removed_origins": []any{"https://b.example", "https://c.example"}},
		} {
			expectFields(t, rule, got[i], want)
			expectFields(t, rule, got[i], map[string]any{"level": "info", "tenant": "acme", "subject": "admin", "issuer": nil, "integration": created.ID, "verdict": "allowed", "reason": "no_origin"})
		}
	}
}

func TestServe_LogsNoCallAsAllowedThatTheAPIHasRefused(t *testing.T) {
	dir := t.TempDir()
	r := startServing(t, Environment{}, dir, oneTenant("http://127.0.0.1:1"))
	bearer := "Authorization: Bearer " + adminTokenOf(t, dir)
	rows := []struct {
		method, path, body, header string
		status                     int
		reason                     string
	}{
		{"GET", integrations, "", "Authorization: Bearer no", 401, "auth-1"},
		{"DELETE", integrations + "/" + strings.Repeat("a", 32), "", bearer, 404, "webintegrations_not_found"},
		{"POST", integrations, "{", bearer, 400, "bad_request"},
		{"PUT", integrations, "", bearer, 405, "method_not_allowed"},
	}
	for _, row := range rows {
		send(t, row.method, r.tenants+row.path, row.body, row.header, "Content-Type: application/json")
	}
	r.stop(t)
	got := apiLines(t, r.stderr.String())
	if len(got) != len(rows) {
		t.Fatalf("%d lines of %d", len(got), len(rows))
	}
	for i, row := range rows {
		subject := any("admin")
		if row.status == 401 {
			subject = nil
		}
		expectFields(t, row.method, got[i], map[string]any{"level": "info", "status": float64(row.status), "verdict": "refused", "reason": row.reason, "subject": subject, "added": nil})
	}
}
