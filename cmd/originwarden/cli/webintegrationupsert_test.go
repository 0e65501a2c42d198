package cli

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestWebIntegrationCreate_UpsertsByName(t *testing.T) {
	for _, row := range []struct {
		rule  string
		there []string // origins of the existing Shop; nil if there is none
		args  []string
		want  []string
		wrote bool
	}{
		{"unknown name is created", nil, []string{"--validOrigins", "https://b.example"}, []string{"https://b.example"}, true},
		{"origins are replaced", []string{"https://a.example"}, []string{"--validOrigins", "https://b.example"}, []string{"https://b.example"}, true},
		{"origins are removed", []string{"https://a.example"}, []string{"--validOrigins", "[]"}, nil, true},
		{"same origins are not written", []string{"https://a.example"}, []string{"--validOrigins", "https://a.example"}, []string{"https://a.example"}, false},
		{"origins are kept without the flag", []string{"https://a.example"}, nil, []string{"https://a.example"}, false},
	} {
		api := startAPI(t)
		id, before := "", uint64(0)
		if row.there != nil {
			made := api.create("Shop", row.there...)
			id, before = made.ID, made.Revision
		}
		printed := strings.TrimSpace(api.run(append([]string{"create", "--upsert", "-q", "--name", "Shop"}, row.args...)...))
		got := api.onlyIntegration()
		if !slices.Equal(got.ValidOrigins, row.want) || printed != got.ID || id != "" && got.ID != id || (got.Revision > before) != row.wrote {
			t.Errorf("%s: printed %s, got %+v", row.rule, printed, got)
		}
	}
}

func TestWebIntegrationCreate_UpsertRequiresUniqueName(t *testing.T) {
	api := startAPI(t)
	other := api.create("shop", "https://other.example")
	api.run("create", "--upsert", "--name", "Shop", "--validOrigins", "https://b.example")
	if got := api.listIDs(); len(got) != 2 || !slices.Contains(got, other.ID) {
		t.Errorf("got ids %q", got)
	}
	first, second := api.create("Twice", "https://a.example"), api.create("Twice")
	status, stdout, stderr := runCommand(t, api.env, "web-integration", "create", "--upsert", "--name", "Twice", "--validOrigins", "https://b.example")
	if status != exitFailed || stdout != "" || !strings.Contains(stderr, "creating Twice: 2 web integrations have that name") ||
		!strings.Contains(stderr, first.ID) || !strings.Contains(stderr, second.ID) {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
}

// Another client writes between the read and the write of --upsert.
func TestWebIntegrationCreate_UpsertFailsOnConcurrentChange(t *testing.T) {
	api := startAPI(t)
	there := api.create("Shop", "https://a.example")
	between := startServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			sendPatch(api.handler, r, `[{"op":"replace","path":"/validOrigins","value":["https://c.example"]}]`)
		}
		api.handler.ServeHTTP(w, r)
		io.Copy(io.Discard, r.Body)
	})
	status, _, stderr := runCommand(t, clientEnvironment(between, apiToken), "web-integration", "create", "--upsert", "--name", "Shop", "--validOrigins", "https://b.example")
	if got := api.onlyIntegration(); status != exitFailed || !strings.Contains(stderr, "412 Precondition Failed") || got.ID != there.ID || !slices.Equal(got.ValidOrigins, []string{"https://c.example"}) {
		t.Errorf("exit status %d, %+v\n%s", status, got, stderr)
	}
}

// The response to the first PATCH is lost, so the ETag of the retry is stale.
func TestWebIntegrationCreate_UpsertRetriesAfterLostResponse(t *testing.T) {
	for _, row := range []struct {
		rule   string
		lose   func(http.ResponseWriter)
		then   string // a concurrent write
		status int
		want   string
	}{
		{"connection closed", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, "", exitDone, "https://b.example"},
		{"proxy timeout", func(w http.ResponseWriter) { w.WriteHeader(http.StatusGatewayTimeout) }, "", exitDone, "https://b.example"},
		{"concurrent change", func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) },
			`[{"op":"replace","path":"/validOrigins","value":["https://c.example"]}]`, exitFailed, "https://c.example"},
		{"concurrent rename", func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) },
			`[{"op":"replace","path":"/name","value":"Store"}]`, exitFailed, "https://b.example"},
	} {
		t.Run(row.rule, func(t *testing.T) {
			t.Parallel()
			api, patches := startAPI(t), 0
			there := api.create("Shop", "https://a.example")
			lossy := startServer(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPatch {
					api.handler.ServeHTTP(w, r)
					return
				}
				if patches++; patches > 1 {
					api.handler.ServeHTTP(w, r)
					return
				}
				api.handler.ServeHTTP(httptest.NewRecorder(), r)
				if row.then != "" {
					sendPatch(api.handler, r, row.then)
				}
				row.lose(w)
			})
			status, stdout, stderr := runCommand(t, clientEnvironment(lossy, apiToken), "web-integration", "create", "--upsert", "-q", "--retry", "1", "--name", "Shop", "--validOrigins", "https://b.example")
			got := api.onlyIntegration()
			if status != row.status || (stdout == there.ID+"\n") != (status == exitDone) || patches != 2 || strings.Join(got.ValidOrigins, " ") != row.want ||
				(status == exitFailed) != strings.Contains(stderr, "412 Precondition Failed") {
				t.Errorf("exit status %d, %d patches, %+v\n%s%s", status, patches, got, stdout, stderr)
			}
		})
	}
}

// sendPatch patches the web integration that r addresses.
func sendPatch(api http.Handler, r *http.Request, operations string) {
	change := httptest.NewRequest("PATCH", r.URL.Path, strings.NewReader(operations))
	change.Header.Set("Authorization", r.Header.Get("Authorization"))
	change.Header.Set("Content-Type", "application/json")
	api.ServeHTTP(httptest.NewRecorder(), change)
}
