package cli

import (
	"net/http"
	"strings"
	"testing"

	"originwarden/api/client"
	"originwarden/origins"
)

// What a pattern lists is listed after every write, if entries of other web
// integrations take its place.
func TestApply_ListsOriginsOfMovingPatternsAllTheTime(t *testing.T) {
	const ours, mine, p, q, other = "https://*.our.example", "https://*.my.example", "https://p.my.example", "https://q.our.example", "https://x.example"
	for _, row := range []struct {
		rule   string
		has    map[string][]string
		lists  string
		stays  []string
		writes int
	}{
		{"to another", map[string][]string{"a": {mine}, "b": {}}, "{a: [https://new.example], b: [https://p.my.example]}", []string{p}, 2},
		{"to an earlier one", map[string][]string{"b": {mine}, "a": {}}, "{b: [https://new.example], a: [https://P.my.example:443]}", []string{p}, 2},
		{"to a new one", map[string][]string{"a": {mine}}, "{a: [https://new.example], b: [https://p.my.example]}", []string{p}, 2},
		{"from one that is deleted", map[string][]string{"a": {mine}}, "{b: [https://p.my.example]}", []string{p}, 2},
		{"to another pattern", map[string][]string{"a": {mine}, "b": {}}, "{a: [https://new.example], b: ['https://*p.my.example']}", []string{"https://wrap.my.example"}, 2},
		{"an exchange", map[string][]string{"a": {mine}, "b": {ours}}, "{a: [https://q.our.example], b: [https://p.my.example]}", []string{p, q}, 3},
		{"an exchange with an origin", map[string][]string{"a": {mine}, "b": {other}}, "{a: [https://x.example], b: [https://p.my.example]}", []string{p, other}, 3},
		{"a replacement is one write", map[string][]string{"a": {mine}, "b": {ours}}, "{a: [https://p.my.example], b: [https://q.our.example]}", []string{p, q}, 2},
	} {
		api := startAPI(t)
		api.patterns = origins.HostedPatterns
		for name, entries := range row.has {
			api.create(name, entries...)
		}
		reader, writes := client.Client{Server: api.url, Token: apiToken}, 0
		url := startServer(t, func(w http.ResponseWriter, r *http.Request) {
			api.handler.ServeHTTP(w, r)
			if r.Method == "GET" {
				return
			}
			writes++
			for _, origin := range row.stays {
				page, err := reader.Page(r.Context(), client.ListOptions{Origin: origin})
				if err != nil || len(page.WebIntegrations) == 0 {
					t.Errorf("%s: %s is not listed after write %d, error %v: %q", row.rule, origin, writes, err, api.describeIntegrations())
				}
			}
		})
		status, stdout, stderr := runApply(t, clientEnvironment(url, apiToken), "web_integrations: "+row.lists, "--prune", "--yes")
		if status != exitDone || writes != row.writes {
			t.Errorf("%s: exit status %d, %d writes\n%s%s", row.rule, status, writes, stdout, stderr)
		}
		if status, stdout, _ := runApply(t, api.env, "web_integrations: "+row.lists, "--prune", "--dry-run"); status != exitDone {
			t.Errorf("%s: exit status %d after a second run\n%s", row.rule, status, stdout)
		}
	}
}

// A pattern stays if what it lists could not be added elsewhere, but not because of
// another failure.
func TestApply_KeepsPatternThatMayListFailedOrigin(t *testing.T) {
	for _, row := range []struct{ rule, failing, has, stderr string }{
		{"an origin that it lists", "https://p.my.example", "a[https://*.my.example https://new.example] b[]",
			"a: it still lists https://*.my.example and 0 more, because an addition failed that was to list the same elsewhere\n"},
		{"an origin of another host", "https://p.our.example", "a[https://new.example] b[]", ""},
		{"an origin of another scheme", "http://p.my.example", "a[https://new.example] b[]", ""},
	} {
		api := startAPI(t)
		api.patterns = origins.HostedPatterns
		api.create("a", "https://*.my.example")
		failing := api.create("b").ID
		url := startServer(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "PATCH" && strings.HasSuffix(r.URL.Path, failing) {
				w.WriteHeader(400)
				return
			}
			api.handler.ServeHTTP(w, r)
		})
		lists := "web_integrations: {a: [https://new.example], b: [" + row.failing + "]}"
		status, stdout, stderr := runApply(t, clientEnvironment(url, apiToken), lists)
		if got := strings.Join(api.describeIntegrations(), " "); status != exitFailed || got != row.has || !strings.HasSuffix(stderr, row.stderr) || row.stderr == "" && strings.Contains(stderr, "still lists") {
			t.Errorf("%s: exit status %d, server has %s\n%s%s", row.rule, status, got, stdout, stderr)
		}
	}
}

// A server that permits no patterns refuses every write that keeps one.
func TestApply_ReplacesPatternThatServerRefuses(t *testing.T) {
	api := startAPI(t)
	api.create("a", "https://*.my.example")
	api.create("b", "https://*.our.example")
	const lists = "web_integrations: {a: [https://p.my.example, https://x.example], b: [https://p.our.example], c: [https://q.my.example]}"
	status, stdout, stderr := runApply(t, api.env, lists)
	if got := strings.Join(api.describeIntegrations(), " "); status != exitDone ||
		got != "a[https://p.my.example https://x.example] b[https://p.our.example] c[https://q.my.example]" {
		t.Errorf("exit status %d, server has %s\n%s%s", status, got, stdout, stderr)
	}
}
