package store_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"originwarden/origins"
	"originwarden/store"
)

func TestNameProblem(t *testing.T) {
	for _, c := range []struct {
		name string
		want string
	}{
		{"my integration", ""},
		{" ", ""},
		{"'\"<&>\\/", ""},
		{"日本 \U0001f600 e\u0301", ""},
		{strings.Repeat("a", 256), ""},
		{strings.Repeat("\U0001f600", 256), ""}, // characters, not bytes
		{"", "the name is empty"},
		{strings.Repeat("a", 257), "the name is longer than 256 characters"},
		{strings.Repeat("é", 257), "the name is longer than 256 characters"},
		{"a\x00b", "the name has a control character"},
		{"a\nb", "the name has a control character"},
		{"tab\t", "the name has a control character"},
		{"\x1b[2J", "the name has a control character"},
		{"\x7f", "the name has a control character"},
		{"\u0085", "the name has a control character"},
		{"\xff", "the name is not valid UTF-8"},
		{"a\xc3", "the name is not valid UTF-8"},
		{"\xed\xa0\x80", "the name is not valid UTF-8"}, // a surrogate
	} {
		if got := store.NameProblem(c.name); got != c.want {
			t.Errorf("NameProblem(%.20q) = %q, want %q", c.name, got, c.want)
		}
	}
}

func TestOriginProblems_ReturnsProblemsByIndex(t *testing.T) {
	problems := store.OriginProblems([]string{
		"https://a.example", "*", "HTTPS://B.example:443/", "https://c.example/path", "null", "capacitor://localhost", "",
	}, origins.NoPatterns)
	for i := range 7 {
		bad := i == 1 || i == 3 || i == 4 || i == 6
		var entry *origins.EntryError
		if got := errors.As(problems[i], &entry); got != bad {
			t.Errorf("entry %d: %v", i, problems[i])
		}
	}
	if len(problems) != 4 {
		t.Errorf("%d problems, want 4: %v", len(problems), problems)
	}
}

func TestOriginProblems_IsEmptyForValidEntries(t *testing.T) {
	for _, entries := range [][]string{nil, {}, {"https://a.example", "https://a.example"}} {
		if problems := store.OriginProblems(entries, origins.NoPatterns); len(problems) > 0 {
			t.Errorf("OriginProblems(%q) = %v, want none", entries, problems)
		}
	}
}

func TestOriginProblems_PermitsPatterns(t *testing.T) {
	entries := []string{"https://app.example.com", "https://*.example.com", "https://proj-*.vercel.app", "https://*.vercel.app"}
	for allowed, want := range map[origins.Patterns]int{origins.NoPatterns: 3, origins.OwnPatterns: 2, origins.HostedPatterns: 1} {
		if problems := store.OriginProblems(entries, allowed); len(problems) != want || problems[3] == nil {
			t.Errorf("%v: %v, want %d problems", allowed, problems, want)
		}
	}
}

// The part has every valid pattern: which of them match is decided by the tenant's policy.
func TestWebIntegration_PartHasPatterns(t *testing.T) {
	w := store.WebIntegration{ValidOrigins: []string{"https://*.Example.com", "https://proj-*.vercel.app", "https://*.vercel.app", "https://*"}}
	if got, want := w.Part().Origins, []string{"https://*.example.com", "https://proj-*.vercel.app"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNewID_IsRandomAndValid(t *testing.T) {
	form := regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]{31}$`)
	seen := map[string]bool{}
	for range 1000 {
		id := store.NewID()
		if raw, err := base64.RawURLEncoding.DecodeString(id); !form.MatchString(id) || len(raw) != 24 || err != nil {
			t.Errorf("id %q, %v", id, err)
		}
		if seen[id] {
			t.Errorf("id %q was returned twice", id)
		}
		seen[id] = true
	}
}

func TestWebIntegration_PartHasCanonicalOrigins(t *testing.T) {
	w := store.WebIntegration{
		ID: "id", Revision: 7,
		ValidOrigins: []string{"HTTPS://A.example:443/", "not an origin", "https://a.example", "*", "http://b.example:8080"},
	}
	want := origins.Part{ID: "id", Revision: 7, Origins: []string{"https://a.example", "https://a.example", "http://b.example:8080"}}
	if got := w.Part(); !reflect.DeepEqual(got, want) {
		t.Errorf("part %+v, want %+v", got, want)
	}
}

func TestWebIntegration_ChangeAndDeletionUpdateList(t *testing.T) {
	w := store.WebIntegration{ID: "id", TenantID: "acme", Revision: 2, ValidOrigins: []string{"https://A.example"}}
	list := origins.NewList(1, nil).With(w.Change())
	if known, listed := list.PartContains("id", "https://a.example"); !known || !listed || list.Revision() != 2 {
		t.Errorf("after the change: known %t, listed %t, revision %d", known, listed, list.Revision())
	}
	deletion := store.Deletion("acme", "id", 3)
	list = list.With(deletion)
	if known, _ := list.PartContains("id", "https://a.example"); known || list.Contains("https://a.example") || list.Revision() != 3 {
		t.Errorf("after the deletion: known %t, revision %d", known, list.Revision())
	}
	if w.Change().Tenant != "acme" || deletion.Tenant != "acme" {
		t.Error("the tenant of a change is not acme")
	}
	if list = list.With(w.Change()); list.Contains("https://a.example") {
		t.Error("the late change undid the deletion")
	}
}

func ExampleNameProblem() {
	fmt.Println(store.NameProblem("line\nbreak"))
	// Output: the name has a control character
}
