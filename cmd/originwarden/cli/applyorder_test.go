package cli

import (
	"net/http"
	"strings"
	"testing"

	"originwarden/store"
)

// An origin that moves from one web integration to another is listed after every
// write, also when two web integrations exchange their origins.
func TestApply_ListsMovingOriginsAllTheTime(t *testing.T) {
	const x, y, z = "https://x.example", "https://y.example", "https://z.example"
	for _, row := range []struct {
		rule   string
		has    map[string][]string
		lists  string
		stays  []string
		writes int
	}{
		{"to another", map[string][]string{"a": {x}, "b": {}}, "{a: [], b: [https://x.example]}", []string{x}, 2},
		{"to an earlier one", map[string][]string{"b": {x}, "a": {}}, "{b: [], a: [https://x.example]}", []string{x}, 2},
		{"to a new one", map[string][]string{"a": {x, y}}, "{a: [https://y.example], b: [HTTPS://X.example]}", []string{x, y}, 2},
		{"from one that is deleted", map[string][]string{"a": {x}}, "{b: [https://x.example]}", []string{x}, 2},
		{"an exchange", map[string][]string{"a": {x}, "b": {y}}, "{a: [https://y.example], b: [https://x.example]}", []string{x, y}, 3},
		{"a circle", map[string][]string{"a": {x}, "b": {y}, "c": {z}}, "{a: [https://y.example], b: [https://z.example], c: [https://x.example]}", []string{x, y, z}, 4},
		{"a replacement is one write", map[string][]string{"a": {x}, "b": {y}}, "{a: [https://z.example], b: [https://y.example]}", []string{y}, 1},
	} {
		api := startAPI(t)
		for name, entries := range row.has {
			api.create(name, entries...)
		}
		writes := 0
		url := startServer(t, func(w http.ResponseWriter, r *http.Request) {
			api.handler.ServeHTTP(w, r)
			if r.Method == "GET" {
				return
			}
			writes++
			all := strings.ToLower(strings.Join(api.describeIntegrations(), " "))
			for _, origin := range row.stays {
				if !strings.Contains(all, origin) {
					t.Errorf("%s: %s is missing after write %d: %s", row.rule, origin, writes, all)
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

// Others change the server between the reading and the writing of a web integration.
func TestApply_IsSafeBesideOtherClients(t *testing.T) {
	const lists = "web_integrations: {a: [https://a.example, https://b.example]}"
	edit := func(t *testing.T, api *testAPI, change func(*store.WebIntegration)) {
		t.Helper()
		_, all, err := api.store.Load(t.Context(), "acme")
		if err == nil {
			_, err = api.store.Edit(t.Context(), "acme", all[0].ID, func(w *store.WebIntegration) error { change(w); return nil })
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		rule    string
		times   int // the first writes are disturbed
		disturb func(t *testing.T, api *testAPI)
		status  int
		stderr  string
		has     string
		writes  int
	}{
		{"one adds an origin of the file", 1, func(t *testing.T, api *testAPI) {
			edit(t, api, func(w *store.WebIntegration) { w.ValidOrigins = []string{"https://B.example", "https://a.example"} })
		}, exitDone, "", "a[https://B.example https://a.example]", 1},
		{"one adds another origin", 1, func(t *testing.T, api *testAPI) {
			edit(t, api, func(w *store.WebIntegration) { w.ValidOrigins = append(w.ValidOrigins, "https://c.example") })
		}, exitDone, "", "a[https://a.example https://b.example]", 2},
		{"one never stops", 100, func(t *testing.T, api *testAPI) {
			edit(t, api, func(w *store.WebIntegration) { w.ValidOrigins = append(w.ValidOrigins[:1:1], store.NewID()) })
		}, exitFailed, "originwarden: a: others keep changing it\n", "", 5},
		{"one renames it", 1, func(t *testing.T, api *testAPI) {
			edit(t, api, func(w *store.WebIntegration) { w.Name = "b\u202e" })
		}, exitFailed, "originwarden: a: it was renamed to \"b\\u202e\" meanwhile\n", "", 1},
		{"one deletes it", 1, func(t *testing.T, api *testAPI) {
			_, all, _ := api.store.Load(t.Context(), "acme")
			if _, err := api.store.Delete(t.Context(), "acme", all[0].ID, func(store.WebIntegration) error { return nil }); err != nil {
				t.Error(err)
			}
		}, exitFailed, "originwarden: a: it was deleted meanwhile: apply the files again to create it\n", "", 1},
	} {
		api := startAPI(t)
		api.create("a", "https://a.example", "https://old.example")
		writes := 0
		url := startServer(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != "GET" {
				if writes++; writes <= row.times {
					row.disturb(t, api)
				}
			}
			api.handler.ServeHTTP(w, r)
		})
		status, stdout, stderr := runApply(t, clientEnvironment(url, apiToken), lists)
		if status != row.status || stderr != row.stderr || writes != row.writes {
			t.Errorf("%s: exit status %d, %d writes\n%s%s", row.rule, status, writes, stdout, stderr)
		}
		if got := strings.Join(api.describeIntegrations(), ""); row.has != "" && got != row.has {
			t.Errorf("%s: server has %s", row.rule, got)
		}
	}
}

func TestApply_PruneIsSafeBesideOtherClients(t *testing.T) {
	for _, row := range []struct {
		rule    string
		disturb func(w *store.WebIntegration)
		has     string
		status  int
	}{
		{"one adds an origin", func(w *store.WebIntegration) { w.ValidOrigins = append(w.ValidOrigins, "https://c.example") }, "keep[]", exitDone},
		{"one renames it", func(w *store.WebIntegration) { w.Name = "new" }, "keep[] new[https://a.example]", exitFailed},
	} {
		api := startAPI(t)
		old := api.create("old", "https://a.example")
		api.create("keep")
		writes := 0
		url := startServer(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "DELETE" {
				if writes++; writes == 1 {
					if _, err := api.store.Edit(t.Context(), "acme", old.ID, func(w *store.WebIntegration) error { row.disturb(w); return nil }); err != nil {
						t.Error(err)
					}
				}
			}
			api.handler.ServeHTTP(w, r)
		})
		status, stdout, stderr := runApply(t, clientEnvironment(url, apiToken), "web_integrations: {keep: []}", "--prune")
		if got := strings.Join(api.describeIntegrations(), " "); status != row.status || got != row.has {
			t.Errorf("%s: exit status %d, server has %s\n%s%s", row.rule, status, got, stdout, stderr)
		}
	}
}

func TestApply_ReportsNameCreatedTwice(t *testing.T) {
	api := startAPI(t)
	url := startServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			api.create("a")
		}
		api.handler.ServeHTTP(w, r)
	})
	status, stdout, stderr := runApply(t, clientEnvironment(url, apiToken), "web_integrations: {a: []}")
	if status != exitFailed || !strings.HasPrefix(stdout, "+ a\n1 created, ") || !strings.Contains(stderr, "originwarden: 2 web integrations have the name a: ") || !strings.HasSuffix(stderr, "\nrename or delete all but one of each\n") {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
}

// The server refuses patterns. Had it accepted this one, it might list any origin that
// is removed elsewhere.
func TestApply_KeepsOriginsThatFailedPatternMayList(t *testing.T) {
	api := startAPI(t)
	api.create("a", "https://pr-1.my.example", "https://pr-2.my.example")
	api.create("b", "https://pr-3.my.example")
	status, stdout, stderr := runApply(t, api.env, "web_integrations: {a: [], c: ['https://pr-*.my.example']}", "--prune", "--yes")
	const listed = ", because an addition failed that was to list the same elsewhere\n"
	if got := strings.Join(api.describeIntegrations(), " "); status != exitFailed || got != "a[https://pr-1.my.example https://pr-2.my.example] b[https://pr-3.my.example]" ||
		!strings.HasPrefix(stderr, "originwarden: c: 400 Bad Request\n") || !strings.HasSuffix(stderr, "a: it still lists https://pr-1.my.example and 1 more"+listed+"b: it still lists https://pr-3.my.example and 0 more"+listed) {
		t.Errorf("exit status %d, server has %s\n%s%s", status, got, stdout, stderr)
	}
}
