package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"originwarden/api"
	"originwarden/store"
)

// manyOrigins returns n origins, as a JSON array and as a slice.
func manyOrigins(n int) (array string, all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("https://o%03d.example", i))
	}
	return `["` + strings.Join(all, `","`) + `"]`, all
}

func TestCall_ReportsSubjectAndChange(t *testing.T) {
	g := newTestAPI(t)
	g.config.Limits.Origins = 100
	var call api.Call
	g.config.Observe = func(_ context.Context, o api.Outcome) { call = o.Call }
	g.serve(func(h http.Handler) http.Handler { return h })
	many, all := manyOrigins(25)
	g.send(request{method: "POST", path: collection, token: globalToken, body: `{"name":"first","validOrigins":` + many + `}`})
	id := call.Integration
	if want := (api.Call{Subject: "root", Integration: id, Diff: &api.Diff{Name: "first", Added: 25, FirstAdded: all[:api.ShownOrigins]}}); len(id) != 32 || !reflect.DeepEqual(call, want) {
		t.Fatalf("created: call %+v, change %+v", call, call.Diff)
	}
	for _, row := range []struct {
		rule    string
		r       request
		subject string
		change  *api.Diff
	}{
		{"replaced", request{method: "PATCH", body: `[{"op":"replace","path":"/validOrigins","value":["https://o001.example","https://new.example"]}]`}, "ops",
			&api.Diff{Name: "first", Added: 1, FirstAdded: []string{"https://new.example"}, Removed: 24, FirstRemoved: append([]string{all[0]}, all[2:11]...)}},
		{"renamed", request{method: "PATCH", body: `[{"op":"replace","path":"/name","value":"second"}]`}, "ops", &api.Diff{Name: "second", OldName: "first"}},
		{"no operation", request{method: "PATCH", body: `[]`}, "ops", nil},
		{"same name", request{method: "PATCH", body: `[{"op":"replace","path":"/name","value":"second"}]`}, "ops", nil},
		{"same origins", request{method: "PATCH", body: `[{"op":"replace","path":"/validOrigins","value":["https://o001.example","https://new.example"]}]`}, "ops", nil},
		{"origins in another order", request{method: "PATCH", body: `[{"op":"replace","path":"/validOrigins","value":["https://new.example","https://o001.example"]}]`}, "ops", &api.Diff{Name: "second"}},
		{"ETag does not match", request{method: "PATCH", body: `[{"op":"replace","path":"/name","value":"x"}]`, header: map[string]string{"If-Match": `"1"`}}, "ops", nil},
		{"invalid body", request{method: "PATCH", body: `{`}, "ops", nil},
		{"read", request{method: "GET"}, "ops", nil},
		{"reader", request{method: "DELETE", token: readerToken}, "audit", nil},
		{"token of another tenant", request{method: "DELETE", token: otherToken}, "them", nil},
		{"no token", request{method: "DELETE", token: "-"}, "", nil},
		{"deleted", request{method: "DELETE"}, "ops", &api.Diff{Name: "second", Removed: 2, FirstRemoved: []string{"https://new.example", "https://o001.example"}}},
		{"deleted again", request{method: "DELETE"}, "ops", nil},
	} {
		row.r.path = collection + "/" + id
		got := g.send(row.r)
		if want := (api.Call{Subject: row.subject, Integration: id, Diff: row.change}); !reflect.DeepEqual(call, want) {
			t.Errorf("%s: status %d, call %+v with change %+v, want %+v with %+v", row.rule, got.status, call, call.Diff, want, row.change)
		}
	}
}

func TestCall_ReportsNoChangeRefusedByStore(t *testing.T) {
	g := newTestAPIWithLimits(t, store.Limits{Integrations: 1, Origins: 100_000})
	g.create("n")
	var outcome api.Outcome
	g.config.Observe = func(_ context.Context, o api.Outcome) { outcome = o }
	g.serve(func(h http.Handler) http.Handler { return h })
	got := g.send(request{method: "POST", path: collection, body: `{"name":"one too many"}`})
	if want := (api.Call{Subject: "ops"}); got.status != 400 || outcome.Call != want {
		t.Errorf("status %d, call %+v with change %+v", got.status, outcome.Call, outcome.Call.Diff)
	}
}

// A change that may have been made is reported. The code of the outcome tells that
// its outcome is unknown.
func TestCall_ReportsChangeOfUnknownOutcome(t *testing.T) {
	kept := store.WebIntegration{ID: store.NewID(), TenantID: "acme", Name: "n", ValidOrigins: []string{"https://a.example"}}
	var outcome api.Outcome
	config := newConfig(&hooks{edit: func(_ context.Context, _, _ string, edit func(*store.WebIntegration) error) (store.WebIntegration, error) {
		edited := kept
		if err := edit(&edited); err != nil {
			t.Error(err)
		}
		return store.WebIntegration{}, errInside
	}})
	config.Observe = func(_ context.Context, o api.Outcome) { outcome = o }
	r := request{method: "PATCH", path: collection + "/" + kept.ID, body: `[{"op":"replace","path":"/validOrigins","value":[]}]`}
	r.expectStatuses(t, api.New(config).Tenant("acme"), 503)
	want := &api.Diff{Name: "n", Removed: 1, FirstRemoved: []string{"https://a.example"}}
	if outcome.Code != "STORE_UNAVAILABLE" || !reflect.DeepEqual(outcome.Call.Diff, want) {
		t.Errorf("outcome %+v with change %+v", outcome, outcome.Call.Diff)
	}
}

func TestCall_ReportsNoChangeIfWriteWasNotMade(t *testing.T) {
	kept := store.WebIntegration{ID: store.NewID(), TenantID: "acme", Name: "n", ValidOrigins: []string{"https://a.example"}}
	failed := &store.WriteError{Cause: store.CauseNoSpace, NotMade: true, Err: errInside}
	var outcome api.Outcome
	config := newConfig(&hooks{
		create: func(context.Context, store.WebIntegration) (store.WebIntegration, error) {
			return store.WebIntegration{}, failed
		},
		edit: func(_ context.Context, _, _ string, edit func(*store.WebIntegration) error) (store.WebIntegration, error) {
			edited := kept
			return store.WebIntegration{}, errors.Join(edit(&edited), failed)
		},
		delete: func(_ context.Context, _, _ string, permit func(store.WebIntegration) error) (uint64, error) {
			return 0, errors.Join(permit(kept), failed)
		},
	})
	config.Observe = func(_ context.Context, o api.Outcome) { outcome = o }
	tenant := api.New(config).Tenant("acme")
	for _, row := range []struct {
		r  request
		id string
	}{
		{request{method: "POST", path: collection, body: `{"name":"n"}`}, ""},
		{request{method: "PATCH", path: collection + "/" + kept.ID, body: `[{"op":"replace","path":"/validOrigins","value":[]}]`}, kept.ID},
		{request{method: "DELETE", path: collection + "/" + kept.ID}, kept.ID},
	} {
		row.r.expectStatuses(t, tenant, 503)
		if want := (api.Call{Subject: "ops", Integration: row.id}); outcome.Call != want {
			t.Errorf("%s: call %+v with change %+v", row.r.method, outcome.Call, outcome.Call.Diff)
		}
	}
}

func TestCodes_ListsEveryCodeInUse(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	below, err := filepath.Glob("*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var used []string
	for _, file := range append(files, below...) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`Code(?:: *|[A-Z]\w* *= *)"([^"]+)"`).FindAllStringSubmatch(string(source), -1) {
			used = append(used, found[1])
		}
	}
	slices.Sort(used)
	if used = slices.Compact(used); !slices.Equal(used, slices.Sorted(slices.Values(api.Codes()))) {
		t.Errorf("codes in the source %q, Codes %q", used, api.Codes())
	}
}
