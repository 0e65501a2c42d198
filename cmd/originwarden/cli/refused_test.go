package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"originwarden/api/client"
)

func TestRefused_ListsRefusedOrigins(t *testing.T) {
	dir := t.TempDir()
	r := startGateway(t, dir, tenantConfig(startServer(t, hello)))
	text, err := os.ReadFile(filepath.Join(dir, adminTokenName))
	if err != nil {
		t.Fatal(err)
	}
	token := strings.TrimSpace(string(text))
	send(t, "POST", r.tenants+collection, `{"name":"n","validOrigins":["https://app.example"]}`, "Authorization: Bearer "+token, "Content-Type: application/json")
	send(t, "GET", r.tenants+"/thing?secret=1", "", "Origin: https://app.example") // listed
	for _, refused := range []struct{ path, query, origin string }{
		{"/thing", "?secret=2", "http://app.example"}, {"/other", "?secret=3", "http://app.example"}, {"/plain", "", "null"},
	} {
		send(t, "GET", r.tenants+refused.path+refused.query, "", "Origin: "+refused.origin)
		r.await(t, r.stderr, `"path":"`+refused.path+`".*"status":403`) // recorded, which may be after the response
	}
	_, body := send(t, "GET", r.tenants+"/own.js", "", "Host: own.example", "Origin: https://own.example")
	if !strings.Contains(body, "public_origins") || strings.Contains(body, "own.example") {
		t.Errorf("refusal of the tenant's own origin: %s", body)
	}
	r.await(t, r.stderr, `"path":"/own.js".*"own_host":true.*"fix":".*public_origins"`)
	if _, metrics := send(t, "GET", r.admin+"/metrics", ""); !strings.Contains(metrics, `originwarden_own_host_refused_total{tenant="acme"} 1`) {
		t.Errorf("metrics lack the refusal of the tenant's own origin")
	}

	status, stdout, stderr := runCommand(t, clientEnvironment(r.tenants, token), "refused", "--json")
	var got []client.RefusedOrigin
	if err := json.Unmarshal([]byte(stdout), &got); status != exitDone || stderr != "" || err != nil {
		t.Fatalf("%d %s%s, %v", status, stdout, stderr, err)
	}
	want := map[string]client.RefusedOrigin{
		"http://app.example":  {Reason: "origin_not_listed", Count: 2, Path: "/other", Nearest: &client.NearestEntry{Origin: "https://app.example", Relation: "other_scheme"}},
		"https://own.example": {Reason: "origin_not_listed", Count: 1, Path: "/own.js", OwnHost: true},
		"null":                {Reason: "origin_opaque", Count: 1},
	}
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for _, g := range got {
		w := want[g.Origin]
		if g.Reason != w.Reason || g.Count != w.Count || g.OwnHost != w.OwnHost || w.Path != "" && g.Path != w.Path || (g.Nearest == nil) != (w.Nearest == nil) ||
			g.Nearest != nil && *g.Nearest != *w.Nearest || g.First.IsZero() || g.Last.Before(g.First) {
			t.Errorf("got %+v, want %+v", g, w)
		}
	}

	for _, c := range []struct {
		args []string
		want string // a part
	}{
		{[]string{"refused"}, "https://app.example (other scheme)"},
		{[]string{"refused"}, "the tenant's host (public_origins)"},
		{[]string{"refused", "-q"}, "https://own.example\n"},
		{[]string{"refused", "--raw"}, `"path":"/own.js","method":"GET","agent":"go","ownHost":true}`},
	} {
		status, stdout, _ := runCommand(t, clientEnvironment(r.tenants, token), c.args...)
		if status != exitDone || !strings.Contains(stdout, c.want) || strings.ContainsAny(stdout, "\x1b") || strings.Contains(stdout, "secret") {
			t.Errorf("%q: %d %s", c.args, status, stdout)
		}
	}
	if status, _, stderr := runCommand(t, clientEnvironment(r.tenants, "nobody's"), "refused"); status != exitFailed || !strings.Contains(stderr, "401") {
		t.Errorf("unknown token: exit status %d\n%s", status, stderr)
	}
}
