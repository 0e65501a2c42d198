package cli

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// startFakeGateway starts a server that responds with status and document on every
// path of the admin address.
func startFakeGateway(t *testing.T, status int, document string) (url string) {
	return startServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, document)
	})
}

func readyDocument(revision int, identity string) string {
	return fmt.Sprintf(`{"ready":true,"revision":%d,"age":0.25,"store":{"up":true,"identity":"%s","revision":%[1]d}}`, revision, identity)
}

const resetDocument = `{"ready":true,"revision":12,"age":9,"problem":"the store was reset: it is a different store, at revision 1; the known one was at 12","store":{"up":true,"identity":"one","revision":12,"reset":{"identity":"two","revision":1}}}`

func TestAdminCommands_ReportUsageErrors(t *testing.T) {
	for _, row := range []struct{ args, stderr string }{
		{"wait", `required flag(s) "revision" not set`},
		{"wait --revision -1", "--revision"},
		{"wait --revision 1 x", `wait takes no arguments, but got "x"`},
		{"wait --revision 1 --admin 10.0.0.1:9090", `--admin: "10.0.0.1:9090" is not a URL such as http://127.0.0.1:9090`},
		{"wait --revision 1 --admin http://a,ftp://b", `--admin: "ftp://b" is not a URL`},
		{"wait --revision 1 --admin http://u:p@a", "--admin: "},
		{"wait --revision 1 --admin http://a?x", "--admin: "},
		{"wait --revision 1 --admin=", "--admin must not be empty"},
		{"wait --revision 1 --timeout 0s", "--timeout must be more than 0"},
		{"wait --revision 1 --timeout 5", "--timeout"},
		{"health --admin a", `--admin: "a" is not a URL`},
		{"health --timeout -1s", "--timeout must be more than 0"},
		{"resync --admin a", `--admin: "a" is not a URL`},
		{"resync", "there is no token: set ORIGINWARDEN_TOKEN, or give --token-file"},
		{"resync --token secret", "unknown flag: --token"},
	} {
		status, stdout, stderr := runCommand(t, noListeners(t), strings.Fields(row.args)...)
		if status != exitUsage || stdout != "" || !strings.Contains(stderr, row.stderr) {
			t.Errorf("%s: exit status %d\n%s%s", row.args, status, stdout, stderr)
		}
	}
}

func TestHealth_ReportsGatewayStatus(t *testing.T) {
	silent := startServer(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	for _, row := range []struct {
		rule, admin string
		args        []string
		status      int
		stderr      string // a part
	}{
		{"healthy", startFakeGateway(t, 200, `{"healthy":true}`), nil, exitDone, ""},
		{"ready", startFakeGateway(t, 200, readyDocument(1, "s")), []string{"--ready"}, exitDone, ""},
		{"not ready", startFakeGateway(t, 503, `{"ready":false,"problem":"starting\u001b"}`), []string{"--ready"}, exitFailed, `/readyz: 503 Service Unavailable: starting\x1b`},
		{"not a gateway", startFakeGateway(t, 404, "<html>"), nil, exitFailed, "/healthz: 404 Not Found\n"},
		{"unreachable", "http://127.0.0.1:1", nil, exitFailed, "http://127.0.0.1:1/healthz: dial tcp 127.0.0.1:1: "},
		{"timeout", silent, []string{"--timeout", "50ms"}, exitFailed, "/healthz: context deadline exceeded (Client.Timeout"},
		{"body too large", startFakeGateway(t, 200, strings.Repeat(" ", 1<<20+1)), nil, exitFailed, "http: request body too large"},
	} {
		status, stdout, stderr := runCommand(t, Environment{}, append([]string{"health", "--admin", row.admin}, row.args...)...)
		if status != row.status || stdout != "" || !containsOrEmpty(stderr, row.stderr) || !isPrintable(stderr) {
			t.Errorf("%s: exit status %d\n%s%s", row.rule, status, stdout, stderr)
		}
	}
}

func TestAdminCommands_FollowNoRedirect(t *testing.T) {
	elsewhere := startServer(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s %s %v", r.Method, r.URL, r.Header) })
	redirects := startServer(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere+"/readyz", http.StatusTemporaryRedirect)
	})
	for _, args := range []string{"health", "health --ready", "wait --revision 1 --timeout 150ms", "resync", "resync --accept"} {
		status, stdout, stderr := runCommand(t, clientEnvironment("", "t"), append(strings.Fields(args), "--admin", redirects)...)
		if status != exitFailed || stdout != "" || !strings.Contains(stderr, `it redirects, which is not followed, to "`+elsewhere) {
			t.Errorf("%s: exit status %d\n%s%s", args, status, stdout, stderr)
		}
	}
}

func TestHealth_OfRunningGateway(t *testing.T) {
	r := startGateway(t, t.TempDir(), tenantConfig(startServer(t, hello)))
	for _, args := range []string{"", " --ready", " --ready --timeout 20s"} {
		if status, stdout, stderr := runCommand(t, Environment{}, strings.Fields("health --admin "+r.admin+args)...); status != exitDone || stdout+stderr != "" {
			t.Errorf("%s: exit status %d\n%s%s", args, status, stdout, stderr)
		}
	}
}

func TestWait_ReturnsWhenAllGatewaysHaveRevision(t *testing.T) {
	silent := startServer(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	at := func(revision int, identity string) string {
		return startFakeGateway(t, 200, readyDocument(revision, identity))
	}
	for _, row := range []struct {
		rule   string
		admins []string
		args   string
		status int
		stderr string // parts, for containsInOrder
	}{
		{"gateway at the revision", []string{at(12, "one")}, "", exitDone, ""},
		{"gateway at a later revision", []string{at(13, "one")}, "", exitDone, ""},
		{"stopping gateway at the revision", []string{startFakeGateway(t, 503, readyDocument(12, "one"))}, "", exitDone, ""},
		{"several gateways", []string{at(12, "one"), at(99, "one")}, "--identity one", exitDone, ""},
		{"gateway at an earlier revision", []string{at(12, "one"), at(11, "one")}, "", exitFailed,
			"after 200ms revision 12 is not in force at 1 of 2 gateways:\n  …: revision 12 of store one, confirmed 0.2s before\n  …: revision 11 of store one, confirmed 0.2s before\n"},
		{"unreachable gateway", []string{at(12, "one"), "http://127.0.0.1:1"}, "", exitFailed, "at 1 of 2 gateways:\n  …\n  http://127.0.0.1:1: dial tcp 127.0.0.1:1: "},
		{"gateway that does not respond", []string{silent}, "", exitFailed, "at 1 of 1 gateways:\n  …: no response yet\n"},
		{"not a gateway", []string{startFakeGateway(t, 200, "<html>")}, "", exitFailed, "its response is not that of a gateway: invalid character '<'"},
		{"response without a store", []string{startFakeGateway(t, 200, `{"revision":99}`)}, "", exitFailed, ": no revision yet\n"},
		{"gateway that refuses", []string{startFakeGateway(t, 403, readyDocument(12, "one"))}, "", exitFailed, ": it answers 403 Forbidden\n"},
		{"gateway after a store reset", []string{startFakeGateway(t, 200, resetDocument)}, "", exitFailed, "revision 12 of store one, confirmed 9.0s before, the store was reset: it is a different store"},
		{"gateways before and after accepting a reset", []string{startFakeGateway(t, 200, resetDocument), at(12, "two")}, "", exitFailed, "is not in force at 1 of 2 gateways"},
		{"different stores", []string{at(12, "one"), at(12, "two")}, "", exitFailed, "the gateways do not share a store, so their revisions cannot be compared:\n  …: revision 12 of store one, …\n  …: revision 12 of store two"},
		{"unexpected store", []string{at(12, "one")}, "--identity two", exitFailed, "a gateway uses another store than two:\n  …: revision 12 of store one"},
		{"control characters", []string{at(1, `\u001b[2J`)}, "", exitFailed, `of store \x1b[2J`},
	} {
		args := "wait --revision 12 --timeout 200ms --admin " + strings.Join(row.admins, ",") + " " + row.args
		status, stdout, stderr := runCommand(t, Environment{}, strings.Fields(args)...)
		if status != row.status || stdout != "" || !containsInOrder(stderr, row.stderr) || !isPrintable(stderr) || (stderr == "") != (status == exitDone) {
			t.Errorf("%s: exit status %d\n%s%s", row.rule, status, stdout, stderr)
		}
	}
}

// containsInOrder reports whether text contains the parts, which … separates, in
// this order.
func containsInOrder(text, parts string) bool {
	for part := range strings.SplitSeq(parts, "…") {
		_, after, found := strings.Cut(text, part)
		if text = after; !found {
			return false
		}
	}
	return true
}

func TestWait_FailsEarlyOnDifferentStores(t *testing.T) {
	t.Parallel()
	start := time.Now()
	status, _, stderr := runCommand(t, Environment{}, "wait", "--revision", "1", "--timeout", "10m",
		"--admin", startFakeGateway(t, 200, readyDocument(1, "one")), "--admin", startFakeGateway(t, 200, readyDocument(1, "two")))
	if took := time.Since(start); status != exitFailed || !strings.Contains(stderr, "do not share a store") || took < 3*time.Second {
		t.Errorf("exit status %d after %v\n%s", status, took, stderr)
	}
}

func TestWait_WaitsForGatewaysThatCatchUp(t *testing.T) {
	requests := 0
	admin := startServer(t, func(w http.ResponseWriter, _ *http.Request) {
		switch requests++; requests {
		case 1:
			w.WriteHeader(502)
		case 2:
			fmt.Fprint(w, resetDocument)
		case 3:
			fmt.Fprint(w, readyDocument(0, ""))
		case 4:
			fmt.Fprint(w, readyDocument(11, "two"))
		default:
			fmt.Fprint(w, readyDocument(12, "two"))
		}
	})
	other := startFakeGateway(t, 200, readyDocument(12, "two"))
	status, stdout, stderr := runCommand(t, Environment{}, "wait", "-v", "--revision", "12", "--timeout", "1m", "--admin", admin, "--admin", other)
	want := fmt.Sprintf("  %s: revision 12 of store two, confirmed 0.2s before\n  %s: revision 12 of store two, confirmed 0.2s before\n", admin, other)
	if status != exitDone || stdout != want || stderr != "" || requests != 5 {
		t.Errorf("exit status %d after %d requests\n%s%s", status, requests, stdout, stderr)
	}
}

func TestWait_OfRunningGateway(t *testing.T) {
	dir := t.TempDir()
	r := startGateway(t, dir, tenantConfig(startServer(t, hello)))
	made, _ := send(t, "POST", r.tenants+collection, `{"name":"n"}`, "Authorization: Bearer "+readAdminToken(t, dir), "Content-Type: application/json")
	revision := made.Header.Get("Web-Integrations-Revision")
	if status, stdout, stderr := runCommand(t, Environment{}, "wait", "--admin", r.admin, "--revision", revision); status != exitDone || stdout+stderr != "" {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
	status, _, stderr := runCommand(t, Environment{}, "wait", "--admin", r.admin, "--revision", revision+"0", "--timeout", "100ms")
	if status != exitFailed || !strings.Contains(stderr, ": revision "+revision+" of store ") {
		t.Errorf("exit status %d\n%s", status, stderr)
	}
	other := startGateway(t, t.TempDir(), tenantConfig(startServer(t, hello)))
	status, _, stderr = runCommand(t, Environment{}, "wait", "--admin", r.admin+","+other.admin, "--revision", "0", "--timeout", "100ms")
	if status != exitFailed || !strings.Contains(stderr, "the gateways do not share a store") {
		t.Errorf("different stores: exit status %d\n%s", status, stderr)
	}
}

func TestCommands_DetectSwappedAddresses(t *testing.T) {
	r := startGateway(t, t.TempDir(), tenantConfig(startServer(t, func(w http.ResponseWriter, _ *http.Request) { http.NotFound(w, nil) })))
	hosts := startGateway(t, t.TempDir(), "tenants: [{id: acme, hosts: [acme.example.com], upstream: 'http://127.0.0.1:1'}]")
	const noAdmin = "this is not a gateway's admin address (admin.listen)"
	for _, row := range []struct{ args, stderr string }{
		{"web-integration ls --server " + r.admin, "Not found: This is the gateway's admin address. The API is on the tenants' hosts"},
		{"web-integration create --name n --server " + r.admin, "This is the gateway's admin address."},
		{"refused --server " + r.admin, "This is the gateway's admin address."},
		{"export --server " + r.admin, "This is the gateway's admin address."},
		{"reload --admin " + r.tenants, r.tenants + ": 404 Not Found: " + noAdmin},
		{"resync --admin " + r.tenants, r.tenants + ": 404 Not Found: " + noAdmin},
		{"reload --admin " + hosts.tenants, "421 Misdirected Request: " + noAdmin},
	} {
		status, stdout, stderr := runCommand(t, clientEnvironment("", "t"), strings.Fields(row.args)...)
		if status != exitFailed || stdout != "" || !strings.Contains(stderr, row.stderr) {
			t.Errorf("%s: exit status %d\n%s%s", row.args, status, stdout, stderr)
		}
	}
}
