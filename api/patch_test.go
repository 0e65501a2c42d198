package api_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPatch_ReturnsRevisionWithoutBody(t *testing.T) {
	g := newTestAPI(t)
	id := g.create("n", "https://a.example").ID
	got := g.patch(id, `[{"op":"replace","path":"/name","value":"m"}]`)
	revision := g.revision()
	if got.status != http.StatusNoContent || got.header.Get("Web-Integrations-Revision") != revision || got.header.Get("ETag") != `"`+revision+`"` {
		t.Errorf("status %d, headers %v at revision %s", got.status, got.header, revision)
	}
	if read := g.read(id); read.header.Get("ETag") != `"`+revision+`"` {
		t.Errorf("read returned ETag %s", read.header.Get("ETag"))
	}
}

func TestPatch_ReplacesNameAndValidOrigins(t *testing.T) {
	g := newTestAPI(t)
	for _, tt := range []struct{ rule, body, name, entries string }{
		{"the name", `[{"op":"replace","path":"/name","value":"m"}]`, "m", "https://old.example"},
		{"an array", `[{"op":"replace","path":"/validOrigins","value":["https://A.example","https://b.example"]}]`, "n", "https://A.example https://b.example"},
		{"an empty array", `[{"op":"replace","path":"/validOrigins","value":[]}]`, "n", ""},
		{"an array in a string", `[{"op":"replace","path":"/validOrigins","value":"[\"https://a.example\", \"https://b.example\"]"}]`, "n", "https://a.example https://b.example"},
		{"an empty array in a string", `[{"op":"replace","path":"/validOrigins","value":" [] "}]`, "n", ""},
		{"a string in a string", `[{"op":"replace","path":"/validOrigins","value":"\"https://a.example\""}]`, "n", "https://a.example"},
		{"one origin", `[{"op":"replace","path":"/validOrigins","value":"https://a.example"}]`, "n", "https://a.example"},
		{"both", `[{"op":"replace","path":"/name","value":"m"},{"op":"replace","path":"/validOrigins","value":["https://a.example"]}]`, "m", "https://a.example"},
		{"same path twice", `[{"op":"replace","path":"/name","value":"m"},{"op":"replace","path":"/name","value":"o"}]`, "o", "https://old.example"},
		{"unknown members", `[{"op":"replace","path":"/name","value":"m","x":{"y":[]},"from":null,"Value":"o"}]`, "m", "https://old.example"},
		{"escaped members", `[{"\u006fp":"replace","path":"\/n\u0061me","value":"m"}]`, "m", "https://old.example"},
		{"nothing", ` [ ] `, "n", "https://old.example"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			before := g.create("n", "https://old.example")
			if got := g.patch(before.ID, tt.body); got.status != http.StatusNoContent {
				t.Fatalf("status %d: %s", got.status, got.body)
			}
			after := g.read(before.ID).integration(t)
			if after.Name != tt.name || strings.Join(after.ValidOrigins, " ") != tt.entries {
				t.Errorf("name %s and origins %v, want %s and %s", after.Name, after.ValidOrigins, tt.name, tt.entries)
			}
			after.Name, after.ValidOrigins, after.LastUpdated = before.Name, before.ValidOrigins, before.LastUpdated
			if a, b := toJSON(after), toJSON(before); a != b {
				t.Errorf("other fields changed: %s, were %s", a, b)
			}
		})
	}
}

func toJSON(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func TestPatch_AppliesAllOrNothing(t *testing.T) {
	g := newTestAPI(t)
	w := g.create("n", "https://old.example")
	const unreadable, whole = "BAD_REQUEST", "WEBINTEGRATIONS-4"
	const name, entries = "WEBINTEGRATIONS-6 /name", "WEBINTEGRATIONS-6 /validOrigins"
	good := `{"op":"replace","path":"/name","value":"m"}`
	for _, tt := range []struct{ rule, body, want string }{
		{"no body", ``, unreadable},
		{"not JSON", `[` + good, unreadable},
		{"trailing data", `[` + good + `]x`, unreadable},
		{"byte order mark", "\ufeff[" + good + "]", unreadable},
		{"invalid UTF-8", "[{\"op\":\"replace\",\"path\":\"/name\",\"value\":\"\xff\"}]", unreadable},
		{"duplicate op", `[{"op":"replace","op":"replace","path":"/name","value":"m"}]`, unreadable},
		{"duplicate value", `[{"op":"replace","path":"/name","value":"m","value":"o"}]`, unreadable},
		{"duplicate unknown member", `[{"op":"replace","path":"/name","value":"m","x":1,"x":1}]`, unreadable},
		{"deep nesting", strings.Repeat(`[`, 4000) + strings.Repeat(`]`, 90), unreadable},

		{"null", `null`, whole},
		{"one operation, not in an array", good, whole},
		{"a merge patch", `{"name":"m"}`, whole},
		{"a string", `"x"`, whole},
		{"operation not an object", `[` + good + `,null]`, whole + " /1"},
		{"operation an array", `[[]]`, whole + " /0"},
		{"no op", `[{"path":"/name","value":"m"}]`, whole + " /0/op"},
		{"op value in another case", `[{"op":"Replace","path":"/name","value":"m"}]`, whole + " /0/op"},
		{"op in another case", `[{"Op":"replace","path":"/name","value":"m"}]`, whole + " /0/op"},
		{"op not a string", `[{"op":1,"path":"/name","value":"m"}]`, whole + " /0/op"},
		{"add", `[{"op":"add","path":"/name","value":"m"}]`, whole + " /0/op"},
		{"remove", `[{"op":"remove","path":"/name"}]`, whole + " /0/op"},
		{"test", `[{"op":"test","path":"/name","value":"n"},` + good + `]`, whole + " /0/op"},
		{"move", `[{"op":"move","from":"/name","path":"/validOrigins"}]`, whole + " /0/op"},
		{"unknown op", `[{"op":"spam","path":"/name","value":"m"}]`, whole + " /0/op"},
		{"no path", `[{"op":"replace","value":"m"}]`, whole + " /0/path"},
		{"path is null", `[{"op":"replace","path":null,"value":"m"}]`, whole + " /0/path"},
		{"the whole document", `[{"op":"replace","path":"","value":{"name":"m"}}]`, whole + " /0/path"},
		{"path without a slash", `[{"op":"replace","path":"name","value":"m"}]`, whole + " /0/path"},
		{"path with trailing slash", `[{"op":"replace","path":"/name/","value":"m"}]`, whole + " /0/path"},
		{"path in another case", `[{"op":"replace","path":"/Name","value":"m"}]`, whole + " /0/path"},
		{"one entry", `[{"op":"replace","path":"/validOrigins/0","value":"https://a.example"}]`, whole + " /0/path"},
		{"append to the entries", `[{"op":"replace","path":"/validOrigins/-","value":"https://a.example"}]`, whole + " /0/path"},
		{"invalid escape in the path", `[{"op":"replace","path":"/na~2me","value":"m"}]`, whole + " /0/path"},
		{"a URI fragment", `[{"op":"replace","path":"#/name","value":"m"}]`, whole + " /0/path"},
		{"read-only id", `[{"op":"replace","path":"/id","value":"x"}]`, whole + " /0/path"},
		{"read-only tenantId", `[{"op":"replace","path":"/tenantId","value":"globex"}]`, whole + " /0/path"},
		{"read-only createdBy", `[{"op":"replace","path":"/createdBy","value":"x"}]`, whole + " /0/path"},
		{"no value", `[{"op":"replace","path":"/name"}]`, whole + " /0"},
		{"value in another case", `[{"op":"replace","path":"/name","Value":"m"}]`, whole + " /0"},

		{"null name", `[{"op":"replace","path":"/name","value":null}]`, name},
		{"empty name", `[{"op":"replace","path":"/name","value":""}]`, name},
		{"number as name", `[{"op":"replace","path":"/name","value":7}]`, name},
		{"name with a control character", `[{"op":"replace","path":"/name","value":"a\tb"}]`, name},
		{"null origins", `[{"op":"replace","path":"/validOrigins","value":null}]`, entries},
		{"number of origins", `[{"op":"replace","path":"/validOrigins","value":3}]`, entries},
		{"object of origins", `[{"op":"replace","path":"/validOrigins","value":{}}]`, entries},
		{"empty string", `[{"op":"replace","path":"/validOrigins","value":""}]`, entries + "/0"},
		{"null in a string", `[{"op":"replace","path":"/validOrigins","value":"null"}]`, entries + "/0"},
		{"an object in a string", `[{"op":"replace","path":"/validOrigins","value":"{}"}]`, entries + "/0"},
		{"a broken array in a string", `[{"op":"replace","path":"/validOrigins","value":"[\"https://a.example\""}]`, entries + "/0"},
		{"an array in a string in a string", `[{"op":"replace","path":"/validOrigins","value":"\"[]\""}]`, entries + "/0"},
		{"a string in an array's string", `[{"op":"replace","path":"/validOrigins","value":["\"https://a.example\""]}]`, entries + "/0"},
		{"a number in an array in a string", `[{"op":"replace","path":"/validOrigins","value":"[1]"}]`, entries + "/0"},
		{"too many origins", `[{"op":"replace","path":"/validOrigins","value":["x","x","x","x","x","x"]}]`, entries},
		{"too many origins in a string", `[{"op":"replace","path":"/validOrigins","value":"[1,1,1,1,1,1]"}]`, entries},

		{"invalid after valid", `[` + good + `,{"op":"replace","path":"/validOrigins","value":["*"]}]`, entries + "/0"},
		{"invalid, then valid", `[{"op":"replace","path":"/name","value":""},` + good + `]`, name},
		{"several errors", `[{"op":"add"},{"op":"replace","path":"/validOrigins","value":["*","https://a.example",1]},{"op":"replace","path":"/name","value":""}]`,
			whole + " /0/op, " + entries + "/0, " + entries + "/2, " + name},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			before, revision := g.read(w.ID).body, g.revision()
			got := g.patch(w.ID, tt.body)
			if got.status != http.StatusBadRequest || got.problems(t) != tt.want {
				t.Errorf("status %d: %s\nwant 400 %s", got.status, got.body, tt.want)
			}
			if after := g.read(w.ID).body; after != before || g.revision() != revision {
				t.Errorf("after: %s at revision %s, before: %s at %s", after, g.revision(), before, revision)
			}
		})
	}
}

func TestPatch_LimitsNumberOfErrors(t *testing.T) {
	g := newTestAPI(t)
	got := g.patch(g.create("n").ID, `[`+strings.Repeat(`1,`, 1000)+`1]`)
	if n := len(got.document(t).Errors); got.status != http.StatusBadRequest || n != g.config.Limits.Origins+1 {
		t.Errorf("status %d with %d errors", got.status, n)
	}
}

func TestPatch_EmptyChangesNothing(t *testing.T) {
	g := newTestAPI(t)
	id, before := g.createInPast("n")
	g.create("another, which takes the next revision")
	revision := g.revision()
	got := g.patch(id, `[]`)
	if got.status != http.StatusNoContent || `"`+got.header.Get("Web-Integrations-Revision")+`"` != before.header.Get("ETag") || got.header.Get("ETag") != before.header.Get("ETag") {
		t.Errorf("status %d, headers %v, want the revision %s", got.status, got.header, before.header.Get("ETag"))
	}
	if after := g.read(id); after.body != before.body || g.revision() != revision {
		t.Errorf("after: %s, before: %s", after.body, before.body)
	}
}

func TestPatch_WithEqualValuesIsAWrite(t *testing.T) {
	g := newTestAPI(t)
	id, before := g.createInPast("n")
	if got := g.patch(id, `[{"op":"replace","path":"/name","value":"n"}]`); got.status != http.StatusNoContent {
		t.Fatalf("status %d: %s", got.status, got.body)
	}
	after := g.read(id)
	if after.header.Get("ETag") == before.header.Get("ETag") {
		t.Error("the ETag did not change")
	}
	was, is := before.integration(t), after.integration(t)
	if !is.LastUpdated.After(was.LastUpdated) || time.Since(is.LastUpdated) > time.Minute || is.LastUpdated.Nanosecond() != 0 {
		t.Errorf("last updated %v, was %v", is.LastUpdated, was.LastUpdated)
	}
	if !is.Created.Equal(was.Created) || !slices.Equal(is.ValidOrigins, was.ValidOrigins) {
		t.Errorf("after: %+v, before: %+v", is, was)
	}
}

func TestPatch_Returns404ForMissingWebIntegration(t *testing.T) {
	g := newTestAPI(t)
	gone := g.create("n").ID
	g.send(request{method: "DELETE", path: collection + "/" + gone})
	for rule, id := range map[string]string{"deleted": gone, "of another tenant": g.createForeign()} {
		for _, body := range []string{`[]`, `[{"op":"replace","path":"/name","value":"m"}]`} {
			if got := g.patch(id, body); got.status != http.StatusNotFound || got.problems(t) != "WEBINTEGRATIONS_NOT_FOUND" {
				t.Errorf("%s, %s: status %d: %s", rule, body, got.status, got.body)
			}
		}
	}
}
