package cli

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// gatewayWith is a gateway's admin address that answers every path with a
// document, or not in the form of one.
func gatewayWith(t *testing.T, status int, document string) (url string) {
	return upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, document)
	})
}

func inForce(revision int, identity string) string {
	return fmt.Sprintf(`{"ready":true,"revision":%d,"age":0.25,"store":{"up":true,"identity":"%s","revision":%[1]d}}`, revision, identity)
}

const resetInForce = `{"ready":true,"revision":12,"age":9,"problem":"the store was reset: it is a different store, at revision 1; the known one was at 12","store":{"up":true,"identity":"one","revision":12,"reset":{"identity":"two","revision":1}}}`

func TestOperators_AreCalledWrongly(t *testing.T) {
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
		status, stdout, stderr := execution(t, deaf(t), strings.Fields(row.args)...)
		if status != exitUsage || stdout != "" || !strings.Contains(stderr, row.stderr) {
			t.Errorf("%s: exit status %d\n%s%s", row.args, status, stdout, stderr)
		}
	}
}

func TestHealth_TellsWhatAGatewaySays(t *testing.T) {
	silent := upstream(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	for _, row := range []struct {
		rule, admin string
		args        []string
		status      int
		stderr      string // a part, with the path
	}{
		{"healthy", gatewayWith(t, 200, `{"healthy":true}`), nil, exitDone, ""},
		{"ready", gatewayWith(t, 200, inForce(1, "s")), []string{"--ready"}, exitDone, ""},
		{"not ready", gatewayWith(t, 503, `{"ready":false,"problem":"starting\u001b"}`), []string{"--ready"}, exitFailed, `/readyz: 503 Service Unavailable: starting\x1b`},
		{"another server", gatewayWith(t, 404, "<html>"), nil, exitFailed, "/healthz: 404 Not Found\n"},
		{"nobody", "http://127.0.0.1:1", nil, exitFailed, "http://127.0.0.1:1/healthz: dial tcp 127.0.0.1:1: "},
		{"silence", silent, []string{"--timeout", "50ms"}, exitFailed, "/healthz: context deadline exceeded (Client.Timeout"},
		{"too much", gatewayWith(t, 200, strings.Repeat(" ", 1<<20+1)), nil, exitFailed, "http: request body too large"},
	} {
		status, stdout, stderr := execution(t, Environment{}, append([]string{"health", "--admin", row.admin}, row.args...)...)
		if status != row.status || stdout != "" || !isPart(stderr, row.stderr) || !isHarmless(stderr) {
			t.Errorf("%s: exit status %d\n%s%s", row.rule, status, stdout, stderr)
		}
	}
}

func TestOperators_FollowNoRedirect(t *testing.T) {
	elsewhere := upstream(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s %s %v", r.Method, r.URL, r.Header) })
	redirects := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere+"/readyz", http.StatusTemporaryRedirect)
	})
	for _, args := range []string{"health", "health --ready", "wait --revision 1 --timeout 150ms", "resync", "resync --accept"} {
		status, stdout, stderr := execution(t, shell("", "t"), append(strings.Fields(args), "--admin", redirects)...)
		if status != exitFailed || stdout != "" || !strings.Contains(stderr, `it redirects, which is not followed, to "`+elsewhere) {
			t.Errorf("%s: exit status %d\n%s%s", args, status, stdout, stderr)
		}
	}
}

func TestHealth_OfAGateway(t *testing.T) {
	r := serving(t, t.TempDir(), oneTenant(upstream(t, hello)))
	for _, args := range []string{"", " --ready", " --ready --timeout 20s"} {
		if status, stdout, stderr := execution(t, Environment{}, strings.Fields("health --admin "+r.admin+args)...); status != exitDone || stdout+stderr != "" {
			t.Errorf("%s: exit status %d\n%s%s", args, status, stdout, stderr)
		}
	}
}

func TestWait_ReturnsWhenAllHaveTheRevision(t *testing.T) {
	silent := upstream(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	at := func(revision int, identity string) string { return gatewayWith(t, 200, inForce(revision, identity)) }
	for _, row := range []struct {
		rule   string
		admins []string
		args   string
		status int
		stderr string // parts
	}{
		{"one that has it", []string{at(12, "one")}, "", exitDone, ""},
		{"one that is further", []string{at(13, "one")}, "", exitDone, ""},
		{"one that is stopping has it too", []string{gatewayWith(t, 503, inForce(12, "one"))}, "", exitDone, ""},
		{"all of them", []string{at(12, "one"), at(99, "one")}, "--identity one", exitDone, ""},
		{"one that has not", []string{at(12, "one"), at(11, "one")}, "", exitFailed,
			"after 200ms revision 12 is not in force at 1 of 2 gateways:\n  …: revision 12 of store one, confirmed 0.2s before\n  …: revision 11 of store one, confirmed 0.2s before\n"},
		{"one that is not there", []string{at(12, "one"), "http://127.0.0.1:1"}, "", exitFailed, "at 1 of 2 gateways:\n  …\n  http://127.0.0.1:1: dial tcp 127.0.0.1:1: "},
		{"one that says nothing", []string{silent}, "", exitFailed, "at 1 of 1 gateways:\n  …: no response yet\n"},
		{"one that is none", []string{gatewayWith(t, 200, "<html>")}, "", exitFailed, "its response is not that of a gateway: invalid character '<'"},
		{"one of another kind", []string{gatewayWith(t, 200, `{"revision":99}`)}, "", exitFailed, ": no revision yet\n"},
		{"one that refuses", []string{gatewayWith(t, 403, inForce(12, "one"))}, "", exitFailed, ": it answers 403 Forbidden\n"},
		{"one whose store was reset", []string{gatewayWith(t, 200, resetInForce)}, "", exitFailed, "revision 12 of store one, confirmed 9.0s before, the store was reset: it is a different store"},
		{"which is no conflict", []string{gatewayWith(t, 200, resetInForce), at(12, "two")}, "", exitFailed, "is not in force at 1 of 2 gateways"},
		{"different stores", []string{at(12, "one"), at(12, "two")}, "", exitFailed, "the gateways do not share a store, so their revisions cannot be compared:\n  …: revision 12 of store one, …\n  …: revision 12 of store two"},
		{"another store", []string{at(12, "one")}, "--identity two", exitFailed, "a gateway uses another store than two:\n  …: revision 12 of store one"},
		{"a hostile one", []string{at(1, `\u001b[2J`)}, "", exitFailed, `of store \x1b[2J`},
	} {
		args := "wait --revision 12 --timeout 200ms --admin " + strings.Join(row.admins, ",") + " " + row.args
		status, stdout, stderr := execution(t, Environment{}, strings.Fields(args)...)
		if status != row.status || stdout != "" || !inTurn(stderr, row.stderr) || !isHarmless(stderr) || (stderr == "") != (status == exitDone) {
			t.Errorf("%s: exit status %d\n%s%s", row.rule, status, stdout, stderr)
		}
	}
}

// inTurn reports whether the text has the parts, which … separates, one after
// the other.
func inTurn(text, parts string) bool {
	for part := range strings.SplitSeq(parts, "…") {
		_, after, found := strings.Cut(text, part)
		if text = after; !found {
			return false
		}
	}
	return true
}

func TestWait_FailsEarlyWhereWaitingIsOfNoUse(t *testing.T) {
	began := time.Now()
	status, _, stderr := execution(t, Environment{}, "wait", "--revision", "1", "--timeout", "10m",
		"--admin", gatewayWith(t, 200, inForce(1, "one")), "--admin", gatewayWith(t, 200, inForce(1, "two")))
	if took := time.Since(began); status != exitFailed || !strings.Contains(stderr, "do not share a store") || took < 3*time.Second {
		t.Errorf("exit status %d after %v\n%s", status, took, stderr)
	}
}

func TestWait_WaitsForGatewaysThatAreOnTheirWay(t *testing.T) {
	asked := 0
	admin := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		switch asked++; asked {
		case 1:
			w.WriteHeader(502)
		case 2:
			fmt.Fprint(w, resetInForce)
		case 3:
			fmt.Fprint(w, inForce(0, ""))
		case 4:
			fmt.Fprint(w, inForce(11, "two"))
		default:
			fmt.Fprint(w, inForce(12, "two"))
		}
	})
	other := gatewayWith(t, 200, inForce(12, "two"))
	status, stdout, stderr := execution(t, Environment{}, "wait", "-v", "--revision", "12", "--timeout", "1m", "--admin", admin, "--admin", other)
	want := fmt.Sprintf("  %s: revision 12 of store two, confirmed 0.2s before\n  %s: revision 12 of store two, confirmed 0.2s before\n", admin, other)
	if status != exitDone || stdout != want || stderr != "" || asked != 5 {
		t.Errorf("exit status %d after %d\n%s%s", status, asked, stdout, stderr)
	}
}

func TestWait_OfAGateway(t *testing.T) {
	dir := t.TempDir()
	r := serving(t, dir, oneTenant(upstream(t, hello)))
	made, _ := send(t, "POST", r.tenants+collection, `{"name":"n"}`, "Authorization: Bearer "+adminTokenIn(t, dir), "Content-Type: application/json")
	revision := made.Header.Get("Web-Integrations-Revision")
	if status, stdout, stderr := execution(t, Environment{}, "wait", "--admin", r.admin, "--revision", revision); status != exitDone || stdout+stderr != "" {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
	status, _, stderr := execution(t, Environment{}, "wait", "--admin", r.admin, "--revision", revision+"0", "--timeout", "100ms")
	if status != exitFailed || !strings.Contains(stderr, ": revision "+revision+" of store ") {
		t.Errorf("exit status %d\n%s", status, stderr)
	}
	other := serving(t, t.TempDir(), oneTenant(upstream(t, hello)))
	status, _, stderr = execution(t, Environment{}, "wait", "--admin", r.admin+","+other.admin, "--revision", "0", "--timeout", "100ms")
	if status != exitFailed || !strings.Contains(stderr, "the gateways do not share a store") {
		t.Errorf("of two files: exit status %d\n%s", status, stderr)
	}
}

func TestCommands_TellTheAdminAddressFromTheTenants(t *testing.T) {
	r := serving(t, t.TempDir(), oneTenant(upstream(t, func(w http.ResponseWriter, _ *http.Request) { http.NotFound(w, nil) })))
	hosts := serving(t, t.TempDir(), "tenants: [{id: acme, hosts: [acme.example.com], upstream: 'http://127.0.0.1:1'}]")
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
		status, stdout, stderr := execution(t, shell("", "t"), strings.Fields(row.args)...)
		if status != exitFailed || stdout != "" || !strings.Contains(stderr, row.stderr) {
			t.Errorf("%s: exit status %d\n%s%s", row.args, status, stdout, stderr)
		}
	}
}
