package main

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
	if status != exitFailed || stdout != "" || !strings.Contains(stderr, "creating Twice: there are 2 of that name") ||
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
			change := httptest.NewRequest("PATCH", r.URL.Path, strings.NewReader(`[{"op":"replace","path":"/validOrigins","value":["https://c.example"]}]`))
			change.Header.Set("Authorization", r.Header.Get("Authorization"))
			change.Header.Set("Content-Type", "application/json")
			o.api.ServeHTTP(httptest.NewRecorder(), change)
		}
		o.api.ServeHTTP(w, r)
		io.Copy(io.Discard, r.Body)
	})
	status, _, stderr := execution(t, shell(between, officeToken), "web-integration", "create", "--upsert", "--name", "Shop", "--validOrigins", "https://b.example")
	if got := o.only(); status != exitFailed || !strings.Contains(stderr, "412 Precondition Failed") || got.ID != there.ID || !slices.Equal(got.ValidOrigins, []string{"https://c.example"}) {
		t.Errorf("exit status %d, %+v\n%s", status, got, stderr)
	}
}
