package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"originwarden/api/client"
	"originwarden/store"
)

func TestHistory_PrintsChanges(t *testing.T) {
	api := startAPI(t)
	created := strings.Fields(api.run("create", "--name", "Shop", "--validOrigins", "https://a.example", "-q"))[0]
	api.run("patch", created, "--path", "/validOrigins", "--value", "https://b.example", "--value", "https://c.example")
	api.run("patch", created, "--path", "/name", "--value", "Store")
	api.run("rm", created)
	for _, row := range []struct {
		args []string
		want []string // parts of the lines
	}{
		{nil, []string{"REVISION  TIME", "deleted  " + created + "  Store  -https://b.example -https://c.example", `renamed from "Shop"`,
			"+https://b.example +https://c.example -https://a.example", "created  " + created + "  Shop   +https://a.example"}},
		{[]string{"--limit", "9", "--since", "2"}, []string{"REVISION", "renamed from", "deleted"}},
		{[]string{"--origin", "https://A.example/"}, []string{"REVISION", "updated", "created"}},
		{[]string{"--integration", created, "-q"}, []string{"4", "3", "2", "1"}},
		{[]string{"--integration", store.NewID(), "-q"}, nil},
	} {
		lines := strings.Split(strings.TrimSuffix(api.run(append([]string{"history"}, row.args...)...), "\n"), "\n")
		if row.want == nil {
			row.want = []string{""}
		}
		if len(lines) != len(row.want) {
			t.Errorf("%q prints %q, want %q", row.args, lines, row.want)
			continue
		}
		for i, line := range lines {
			if !strings.Contains(line, row.want[i]) {
				t.Errorf("%q, line %d: %s, want %s", row.args, i, line, row.want[i])
			}
		}
	}
	var changes []client.Change
	if err := json.Unmarshal([]byte(api.run("history", "--json")), &changes); err != nil || len(changes) != 4 || changes[3].UserID != "ops" {
		t.Errorf("%+v, %v", changes, err)
	}
	if raw := api.run("history", "--raw"); !strings.Contains(raw, `"specversion":"1.0"`) {
		t.Errorf("--raw prints %s", raw)
	}
	for _, args := range [][]string{{"--limit", "2"}, {"--limit", "2", "--raw"}} {
		status, stdout, stderr := runCommand(t, api.env, append([]string{"web-integration", "history"}, args...)...)
		if status != exitDone || !strings.HasPrefix(stderr, "originwarden: there are more changes than") || stdout == "" {
			t.Errorf("%q: exit status %d, %s%s", args, status, stdout, stderr)
		}
	}
}

func TestHistory_EscapesWhatOthersWrote(t *testing.T) {
	api := startAPI(t)
	w := api.create("evil \x1b[2J\u202e", "https://a.example")
	_, err := api.store.Delete(store.WithAuthor(t.Context(), "\x1b[31mops"), "acme", w.ID, func(store.WebIntegration) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"--limit=9", "--json"} {
		if got := api.run("history", flag); strings.ContainsAny(got, "\x1b\u202e") {
			t.Errorf("%s prints %q", flag, got)
		}
	}
}

func TestUndo_UndoesOneChange(t *testing.T) {
	api := startAPI(t)
	w := api.create("Shop", "https://a.example")
	set := func(entries ...string) (revision string) {
		edited, err := api.store.Edit(store.WithAuthor(t.Context(), "ann"), "acme", w.ID, func(w *store.WebIntegration) error {
			w.ValidOrigins = entries
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(edited.Revision)
	}
	added := set("https://a.example", "https://b.example")
	set("https://a.example", "https://b.example", "https://c.example")
	if got := api.run("undo", added, "--dry-run"); !strings.HasPrefix(got, "would be changed:  Shop") || !strings.Contains(got, " -https://b.example\n") {
		t.Errorf("undo --dry-run prints %s", got)
	}
	if got := api.run("undo", added); !strings.HasPrefix(got, "changed "+w.ID+", in force from revision ") {
		t.Errorf("undo prints %s", got)
	}
	want := func(entries ...string) {
		t.Helper()
		now, err := api.store.Integration(t.Context(), "acme", w.ID)
		if got := fmt.Sprint(now.ValidOrigins); err != nil || got != fmt.Sprint(entries) {
			t.Errorf("origins %s, %v, want %s", got, err, entries)
		}
	}
	want("https://a.example", "https://c.example")

	api.wantFailure("there is nothing to undo", "undo", added)
	api.wantFailure("there is nothing to undo", "undo", added, "--force")
	api.wantFailure("the history has no such change", "undo", "999")
	api.wantFailure("the history has no such change", "undo", added+"-1")
	want("https://a.example", "https://c.example")

	api.run("undo", "4") // the undo
	api.wantFailure("b.example was changed again later, at revision 5 by \"ops\"; --force undoes that too", "undo", added)
	want("https://a.example", "https://b.example", "https://c.example")

	api.wantFailure("the web integration was changed again later", "undo", fmt.Sprint(w.Revision))
	api.run("undo", fmt.Sprint(w.Revision), "--force")
	if _, err := api.store.Integration(t.Context(), "acme", w.ID); err == nil {
		t.Error("the undo of a creation has not deleted it")
	}
	api.wantFailure("the web integration was deleted later; undo its deletion first", "undo", added)
	again := strings.Fields(api.run("undo", "6", "-q"))[0]
	now, err := api.store.Integration(t.Context(), "acme", again)
	if err != nil || now.Name != "Shop" || len(now.ValidOrigins) != 3 || again == w.ID {
		t.Errorf("created again: %+v, %v", now, err)
	}
	api.wantFailure("the web integration was changed again later, at revision 7", "undo", "6")
}

// wantFailure runs a web-integration command, which must fail with this reason.
func (api *testAPI) wantFailure(reason string, args ...string) {
	api.t.Helper()
	status, stdout, stderr := runCommand(api.t, api.env, append([]string{"web-integration"}, args...)...)
	if status != exitFailed || stdout != "" || !strings.Contains(stderr, reason) {
		api.t.Errorf("%q: exit status %d, %s%s, want %s", args, status, stdout, stderr, reason)
	}
}

// A 404 of a server without the route says nothing about the history.
func TestUndo_SaysWhatA404Means(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"of the API": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"errors":[{"code":"WEBINTEGRATIONS_NOT_FOUND","title":"Not found","status":"404"}],"traceId":""}`)
		},
		"of a tenant": http.NotFound,
	} {
		t.Run(name, func(t *testing.T) {
			api := &testAPI{t: t, env: clientEnvironment(startServer(t, answer), apiToken)}
			api.wantFailure("the server has no such change, or is an older one without undo", "undo", "57")
		})
	}
}

func TestUndo_RefusesInvalidRevisions(t *testing.T) {
	api := startAPI(t)
	for _, revision := range []string{"0", "x", "1-0", "1-", "1.5"} {
		status, _, stderr := runCommand(t, api.env, "web-integration", "undo", revision)
		if status != exitUsage || !strings.Contains(stderr, "is not a revision that history prints") {
			t.Errorf("%s: exit status %d, %s", revision, status, stderr)
		}
	}
}
