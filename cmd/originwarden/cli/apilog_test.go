package cli

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// parseAPILines returns the log lines of requests to the API.
func parseAPILines(t *testing.T, log string) (all []map[string]any) {
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

func expectFields(t *testing.T, rule string, got, want map[string]any) {
	t.Helper()
	for name, value := range want {
		if !reflect.DeepEqual(got[name], value) {
			t.Errorf("%s: %s is %v, want %v", rule, name, got[name], value)
		}
	}
}

func TestServe_LogsWhoChangedWhat(t *testing.T) {
	for rule, more := range map[string]string{"access log": "", "no access log": "log: {access: false}"} {
		dir := t.TempDir()
		r := launchGateway(t, Environment{}, dir, tenantConfig("http://127.0.0.1:1", more))
		bearer := "Authorization: Bearer " + readAdminToken(t, dir)
		_, text := send(t, "POST", r.tenants+collection, `{"name":"pages","validOrigins":["https://a.example","https://b.example"]}`, bearer, "Content-Type: application/json")
		var created struct{ ID string }
		if err := json.Unmarshal([]byte(text), &created); err != nil {
			t.Fatal(err, text)
		}
		item := r.tenants + collection + "/" + created.ID
		send(t, "PATCH", item, `[{"op":"replace","path":"/validOrigins","value":["https://b.example","https://c.example"]},{"op":"replace","path":"/name","value":"Seiten für alle"}]`, bearer, "Content-Type: application/json")
		send(t, "DELETE", item, "", bearer)
		if status := r.stop(t); status != exitDone {
			t.Fatalf("exit status %d", status)
		}
		got := parseAPILines(t, r.stderr.String())
		if len(got) != 3 {
			t.Fatalf("%s: %d lines, want 3", rule, len(got))
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

func TestServe_LogsRefusedAPIRequestsAsRefused(t *testing.T) {
	dir := t.TempDir()
	r := launchGateway(t, Environment{}, dir, tenantConfig("http://127.0.0.1:1"))
	bearer := "Authorization: Bearer " + readAdminToken(t, dir)
	rows := []struct {
		method, path, body, header string
		status                     int
		reason                     string
	}{
		{"GET", collection, "", "Authorization: Bearer no", 401, "auth-1"},
		{"DELETE", collection + "/" + strings.Repeat("a", 32), "", bearer, 404, "webintegrations_not_found"},
		{"POST", collection, "{", bearer, 400, "bad_request"},
		{"PUT", collection, "", bearer, 405, "method_not_allowed"},
	}
	for _, row := range rows {
		send(t, row.method, r.tenants+row.path, row.body, row.header, "Content-Type: application/json")
	}
	r.stop(t)
	got := parseAPILines(t, r.stderr.String())
	if len(got) != len(rows) {
		t.Fatalf("%d lines, want %d", len(got), len(rows))
	}
	for i, row := range rows {
		subject := any("admin")
		if row.status == 401 {
			subject = nil
		}
		expectFields(t, row.method, got[i], map[string]any{"level": "info", "status": float64(row.status), "verdict": "refused", "reason": row.reason, "subject": subject, "added": nil})
	}
}

// An origin that is dismissed is out of sight, also after further requests, so the log
// says who dismissed it.
func TestServe_LogsWhoDismissedWhat(t *testing.T) {
	for rule, more := range map[string]string{"access log": "", "no access log": "log: {access: false}"} {
		dir := t.TempDir()
		r := launchGateway(t, Environment{}, dir, tenantConfig("http://127.0.0.1:1", more))
		bearer := "Authorization: Bearer " + readAdminToken(t, dir)
		change := func(action, body string) {
			send(t, "POST", r.tenants+"/api/v1/refused-origins/"+action, body, bearer, "Content-Type: application/json")
		}
		send(t, "PUT", r.tenants+"/", "", "Origin: https://evil.example")
		send(t, "PUT", r.tenants+"/", "", "Origin: evil\xff\"")
		change("dismiss", `{"origin":"https://evil.example"}`)
		change("restore", `{"origin":"https://evil.example"}`)
		change("dismiss", `{"origin":"evil\ufffd\""}`)
		if status := r.stop(t); status != exitDone {
			t.Fatalf("exit status %d", status)
		}
		got := parseAPILines(t, r.stderr.String())
		if len(got) != 3 {
			t.Fatalf("%s: %d lines, want 3", rule, len(got))
		}
		for i, want := range []map[string]any{
			{"dismissed_origin": "https://evil.example", "restored_origin": nil},
			{"dismissed_origin": nil, "restored_origin": "https://evil.example"},
			{"dismissed_origin": `evil\ufffd\"`, "restored_origin": nil},
		} {
			expectFields(t, rule, got[i], want)
			expectFields(t, rule, got[i], map[string]any{"level": "info", "tenant": "acme", "subject": "admin", "method": "POST", "status": 204.0, "added": nil})
		}
	}
}

func TestServe_LogsNoDismissalThatWasNotMade(t *testing.T) {
	dir := t.TempDir()
	r := launchGateway(t, Environment{}, dir, tenantConfig("http://127.0.0.1:1"))
	send(t, "POST", r.tenants+"/api/v1/refused-origins/dismiss", `{"origin":"https://unknown.example"}`, "Authorization: Bearer "+readAdminToken(t, dir), "Content-Type: application/json")
	r.stop(t)
	got := parseAPILines(t, r.stderr.String())
	if len(got) != 1 {
		t.Fatalf("%d lines, want 1", len(got))
	}
	expectFields(t, "unknown origin", got[0], map[string]any{"status": 404.0, "reason": "refused_origin_not_found", "dismissed_origin": nil})
}
