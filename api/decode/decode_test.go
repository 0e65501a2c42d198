package decode_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"originwarden/api/decode"
	"originwarden/api/problem"
	"originwarden/origins"
	"originwarden/store"
)

var rules = decode.Rules{Max: 2, Patterns: origins.NoPatterns}

// places returns where a response says that the request is wrong, or the code if it
// names no place.
func places(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	response, ok := errors.AsType[*problem.Response](err)
	if !ok || response.Status != 400 {
		t.Fatalf("the error is %#v, want a response with status 400", err)
	}
	var all []string
	for _, e := range response.Errors {
		if e.Source == nil {
			all = append(all, e.Code)
		} else {
			all = append(all, e.Source.Pointer)
		}
	}
	return strings.Join(all, " ")
}

func TestCreation_ListsAllProblems(t *testing.T) {
	for _, tt := range []struct{ body, want string }{
		{`{"name":"n"}`, ""},
		{`{"name":"n","validOrigins":["https://a.example","https://b.example"]}`, ""},
		{`{}`, "WEBINTEGRATIONS-5"},
		{`{"name":1,"validOrigins":["https://a.example",2]}`, "/name /validOrigins/1"},
		{`{"validOrigins":["x","https://a.example/p"]}`, "WEBINTEGRATIONS-5 /validOrigins/0 /validOrigins/1"},
		{`{"name":"n","validOrigins":["x","y","z"]}`, "/validOrigins"},
		{`{"name":"n","validOrigins":["https://*.a.example"]}`, "/validOrigins/0"},
		{`{"name":"n","validOrigins":null}`, "/validOrigins"},
		{`{"name":"n","other":1}`, "BAD_REQUEST"},
		{`{"name":"n","name":"m"}`, "BAD_REQUEST"},
		{`{"name":"n"}{}`, "BAD_REQUEST"},
		{`null`, "BAD_REQUEST"},
		{``, "BAD_REQUEST"},
	} {
		w, err := decode.Creation([]byte(tt.body), rules)
		if got := places(t, err); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.body, got, tt.want)
		}
		if err == nil && w.Name != "n" || err != nil && (w.Name != "" || w.ValidOrigins != nil) {
			t.Errorf("%s: decoded as %+v", tt.body, w)
		}
	}
}

func TestOriginsEdit_RemovesWhatIsNotValid(t *testing.T) {
	for _, tt := range []struct {
		body, want  string
		add, remove []string
	}{
		{`{"add":["https://a.example"],"remove":["no origin"]}`, "", []string{"https://a.example"}, []string{"no origin"}},
		{`{"remove":["https://*.a.example"]}`, "", nil, []string{"https://*.a.example"}},
		{`{}`, "", nil, nil},
		{`{"add":["no origin"],"remove":[1]}`, "/add/0 /remove/0", nil, nil},
		{`{"add":["x","y","z"],"remove":["x","y","z"]}`, "/add /remove", nil, nil},
		{`{"add":[],"replace":[]}`, "BAD_REQUEST", nil, nil},
		{`[]`, "BAD_REQUEST", nil, nil},
	} {
		add, remove, err := decode.OriginsEdit([]byte(tt.body), rules)
		if got := places(t, err); got != tt.want || !slices.Equal(add, tt.add) || !slices.Equal(remove, tt.remove) {
			t.Errorf("%s: adds %q, removes %q, problems %q", tt.body, add, remove, got)
		}
	}
}

func TestPatch_ReplacesOnlyWhatItNames(t *testing.T) {
	before := store.WebIntegration{ID: "i", Name: "n", ValidOrigins: []string{"https://old.example"}}
	for _, tt := range []struct {
		body, want string
		name       string
		origins    []string
	}{
		{`[{"op":"replace","path":"/name","value":"m"}]`, "", "m", before.ValidOrigins},
		{`[{"op":"replace","path":"/validOrigins","value":["https://a.example"]}]`, "", "n", []string{"https://a.example"}},
		{`[{"op":"replace","path":"/validOrigins","value":"https://a.example"}]`, "", "n", []string{"https://a.example"}},
		{`[{"op":"replace","path":"/name","value":"m"},{"op":"replace","path":"/name","value":"o"}]`, "", "o", before.ValidOrigins},
		{`[{"op":"add","path":"/name","value":"m"},{"op":"replace","path":"/id","value":"m"}]`, "/0/op /1/path", "", nil},
		{`[1,2,3,4]`, "/0 /1 /2", "", nil}, // no more than one above the limit
		{`{}`, "WEBINTEGRATIONS-4", "", nil},
		{`[`, "BAD_REQUEST", "", nil},
	} {
		p, err := decode.Patch([]byte(tt.body), rules)
		if got := places(t, err); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.body, got, tt.want)
		}
		if err != nil {
			continue
		}
		after := before
		if err := p.ApplyTo(&after); err != nil || after.Name != tt.name || !slices.Equal(after.ValidOrigins, tt.origins) || after.ID != before.ID {
			t.Errorf("%s: %+v, %v", tt.body, after, err)
		}
	}
	nothing, err := decode.Patch([]byte(`[]`), rules)
	if err != nil || nothing.ApplyTo(&before) != store.ErrUnchanged {
		t.Errorf("a patch without operations changes %+v, %v", before, err)
	}
}
