package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"originwarden/api/refusals"
	"originwarden/origins"
)

// permit restarts the API with a tenant whose entries may have these patterns.
func (g *testAPI) permit(patterns origins.Patterns) {
	g.config.Patterns = func(tenant string) origins.Patterns {
		if tenant != "acme" {
			g.t.Errorf("patterns of tenant %q", tenant)
		}
		return patterns
	}
	g.serve(func(h http.Handler) http.Handler { return h })
}

func TestWrites_AcceptPermittedPatterns(t *testing.T) {
	const (
		own    = `["https://app.example.com","https://PR-*.example.com"]`
		hosted = `["https://app.example.com","https://proj-*-team.vercel.app"]`
		never  = `["https://app.example.com","https://*.vercel.app"]`
	)
	g := newTestAPI(t)
	for _, row := range []struct {
		patterns origins.Patterns
		entries  string
		detail   string // "" if the entries are accepted
	}{
		{origins.NoPatterns, own, "(patterns: none)"},
		{origins.NoPatterns, hosted, "(patterns: none)"},
		{origins.NoPatterns, never, "(patterns: none)"},
		{origins.OwnPatterns, own, ""},
		{origins.OwnPatterns, hosted, "(patterns: own)"},
		{origins.OwnPatterns, never, "fewer than 4"},
		{origins.HostedPatterns, own, ""},
		{origins.HostedPatterns, hosted, ""},
		{origins.HostedPatterns, never, "fewer than 4"},
	} {
		g.permit(row.patterns)
		id := g.create("n", "https://before.example").ID
		for _, write := range []struct {
			request request
			done    int
			pointer string
		}{
			{request{method: "POST", path: collection, body: `{"name":"n","validOrigins":` + row.entries + `}`}, 201, "/validOrigins/1"},
			{request{method: "PATCH", path: collection + "/" + id, body: `[{"op":"replace","path":"/validOrigins","value":` + row.entries + `}]`}, 204, "/validOrigins/1"},
		} {
			got := g.send(write.request)
			switch {
			case row.detail == "" && got.status == write.done:
			case row.detail != "" && got.status == http.StatusBadRequest && strings.HasSuffix(got.problems(t), write.pointer) &&
				strings.Contains(got.document(t).Errors[0].Detail, row.detail):
			default:
				t.Errorf("%v, %s %s: status %d: %s", row.patterns, write.request.method, row.entries, got.status, got.body)
			}
		}
	}
}

// Entries that are no longer permitted can be shown, renamed and deleted.
func TestWrites_LeavePatternsThatAreNoLongerPermitted(t *testing.T) {
	g := newTestAPI(t)
	g.permit(origins.OwnPatterns)
	path := collection + "/" + g.create("n", "https://*.example.com").ID
	g.permit(origins.NoPatterns)
	for _, row := range []struct {
		method, body string
		status       int
	}{
		{"GET", "", 200},
		{"PATCH", `[{"op":"replace","path":"/name","value":"m"}]`, 204},
		{"PATCH", `[{"op":"replace","path":"/validOrigins","value":["https://*.example.com"]}]`, 400},
		{"PATCH", `[{"op":"replace","path":"/validOrigins","value":["https://app.example.com"]}]`, 204},
		{"DELETE", "", 204},
	} {
		if got := g.send(request{method: row.method, path: path, body: row.body}); got.status != row.status {
			t.Errorf("%s %s: status %d, want %d: %s", row.method, row.body, got.status, row.status, got.body)
		}
	}
}

func TestRefusedOrigins_NamesPatternThatIsNotPermitted(t *testing.T) {
	g := newTestAPI(t)
	g.config.Refusals = refusals.New(g.store, time.Minute, nil)
	g.permit(origins.OwnPatterns)
	g.create("n", "https://*.example.com")
	g.config.Refusals.Record("acme", refusals.Request{Origin: "https://pr-1.example.com", Reason: origins.OriginNotListed, Path: "/", Time: time.Now()})
	for patterns, relation := range map[origins.Patterns]string{
		origins.NoPatterns: "pattern_not_allowed", origins.OwnPatterns: "other_web_integration",
	} {
		g.permit(patterns)
		want := `"nearest":{"origin":"https://*.example.com","relation":"` + relation + `"}`
		if got := g.send(request{path: refusedOrigins}); !strings.Contains(got.body, want) {
			t.Errorf("%v: %s, want %s", patterns, got.body, want)
		}
	}
}
