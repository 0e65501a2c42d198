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
		there []string // origins of the one that is called Shop; nil: there is none
		args  []string
		want  []string
		wrote bool
	}{
		{"none of that name is created", nil, []string{"--validOrigins", "https://b.example"}, []string{"https://b.example"}, true},
		{"one gets the origins", []string{"https://a.example"}, []string{"--validOrigins", "https://b.example"}, []string{"https://b.example"}, true},
		{"and loses all if that is said", []string{"https://a.example"}, []string{"--validOrigins", "[]"}, nil, true},
		{"it keeps those that it has", []string{"https://a.example"}, []string{"--validOrigins", "https://a.example"}, []string{"https://a.example"}, false},
		{"and all if none are said", []string{"https://a.example"}, nil, []string{"https://a.example"}, false},
	} {
		o := newOffice(t)
		id, before := "", uint64(0)
		if row.there != nil {
			made := o.make("Shop", row.there...)
			id, before = made.ID, made.Revision
		}
		printed := strings.TrimSpace(o.run(append([]string{"create", "--upsert", "-q", "--name", "Shop"}, row.args...)...))
		got := o.only()
		if !slices.Equal(got.ValidOrigins, row.want) || printed != got.ID || id != "" && got.ID != id || (got.Revision > before) != row.wrote {
			t.Errorf("%s: printed %s, and there is %+v", row.rule, printed, got)
		}
	}
}

func TestWebIntegrationCreate_UpsertsOnlyWhatItsNameTells(t *testing.T) {
	o := newOffice(t)
	other := o.make("shop", "https://other.example")
	o.run("create", "--upsert", "--name", "Shop", "--validOrigins", "https://b.example")
	if got := o.ids(); len(got) != 2 || !slices.Contains(got, other.ID) {
		t.Errorf("there are %q", got)
	}
	first, second := o.make("Twice", "https://a.example"), o.make("Twice")
	status, stdout, stderr := execution(t, o.env, "web-integration", "create", "--upsert", "--name", "Twice", "--validOrigins", "https://b.example")
	if status != exitFailed || stdout != "" || !strings.Contains(stderr, "creating Twice: 2 web integrations have that name") ||
		!strings.Contains(stderr, first.ID) || !strings.Contains(stderr, second.ID) {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
}

// Somebody writes between what --upsert reads and what it writes.
func TestWebIntegrationCreate_UpsertsNothingThatHasChangedMeanwhile(t *testing.T) {
	o := newOffice(t)
	there := o.make("Shop", "https://a.example")
	between := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			patch(o.api, r, `[{"op":"replace","path":"/validOrigins","value":["https://c.example"]}]`)
		}
		o.api.ServeHTTP(w, r)
		io.Copy(io.Discard, r.Body)
	})
	status, _, stderr := execution(t, shell(between, officeToken), "web-integration", "create", "--upsert", "--name", "Shop", "--validOrigins", "https://b.example")
	if got := o.only(); status != exitFailed || !strings.Contains(stderr, "412 Precondition Failed") || got.ID != there.ID || !slices.Equal(got.ValidOrigins, []string{"https://c.example"}) {
		t.Errorf("exit status %d, %+v\n%s", status, got, stderr)
	}
}

// The response to the first PATCH is lost, and its repetition finds another ETag.
func TestWebIntegrationCreate_UpsertsOnceThoughAnAnswerIsLost(t *testing.T) {
	for _, row := range []struct {
		rule   string
		lose   func(http.ResponseWriter)
		then   string // what somebody else writes
		status int
		want   string
	}{
		{"with its connection", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, "", exitDone, "https://b.example"},
		{"by a proxy", func(w http.ResponseWriter) { w.WriteHeader(http.StatusGatewayTimeout) }, "", exitDone, "https://b.example"},
		{"and somebody else writes", func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) },
			`[{"op":"replace","path":"/validOrigins","value":["https://c.example"]}]`, exitFailed, "https://c.example"},
		{"and somebody else renames it", func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) },
			`[{"op":"replace","path":"/name","value":"Store"}]`, exitFailed, "https://b.example"},
	} {
		t.Run(row.rule, func(t *testing.T) {
			t.Parallel()
			o, patches := newOffice(t), 0
			there := o.make("Shop", "https://a.example")
			lossy := upstream(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPatch {
					o.api.ServeHTTP(w, r)
					return
				}
				if patches++; patches > 1 {
					o.api.ServeHTTP(w, r)
					return
				}
				o.api.ServeHTTP(httptest.NewRecorder(), r)
				if row.then != "" {
					patch(o.api, r, row.then)
				}
				row.lose(w)
			})
			status, stdout, stderr := execution(t, shell(lossy, officeToken), "web-integration", "create", "--upsert", "-q", "--retry", "1", "--name", "Shop", "--validOrigins", "https://b.example")
			got := o.only()
			if status != row.status || (stdout == there.ID+"\n") != (status == exitDone) || patches != 2 || strings.Join(got.ValidOrigins, " ") != row.want ||
				(status == exitFailed) != strings.Contains(stderr, "412 Precondition Failed") {
				t.Errorf("exit status %d, %d patches, %+v\n%s%s", status, patches, got, stdout, stderr)
			}
		})
	}
}

// patch makes a change of the web integration that r is about.
func patch(api http.Handler, r *http.Request, operations string) {
	change := httptest.NewRequest("PATCH", r.URL.Path, strings.NewReader(operations))
	change.Header.Set("Authorization", r.Header.Get("Authorization"))
	change.Header.Set("Content-Type", "application/json")
	api.ServeHTTP(httptest.NewRecorder(), change)
}
