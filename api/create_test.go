package api_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/store"
)

func TestCreate_ReturnsObjectWithSelfLink(t *testing.T) {
	g := newTestAPI(t)
	begin := time.Now().Truncate(time.Second)
	got := g.send(request{method: "POST", path: collection,
		body: `{"name":"Büro <1> & \u2028","validOrigins":["https://thirdPartyApp.com","HTTP://localhost:80/","https://thirdPartyApp.com"]}`})
	made := got.integration(t)
	times := made.Created.Format("2006-01-02T15:04:05Z")
	self := g.url + collection + "/" + made.ID
	want := fmt.Sprintf(`{"id":"%s","name":"Büro <1> & %s","created":"%s","lastUpdated":"%s","tenantId":"acme","createdBy":"ops",`+
		`"validOrigins":["https://thirdPartyApp.com","HTTP://localhost:80/","https://thirdPartyApp.com"],"links":{"self":{"href":"%s"}}}`,
		made.ID, "\u2028", times, times, self)
	if got.status != http.StatusCreated || got.body != want {
		t.Errorf("status %d: %s\nwant 201 %s", got.status, got.body, want)
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{32}$`).MatchString(made.ID) {
		t.Errorf("id %q", made.ID)
	}
	if made.Created.Before(begin) || made.Created.After(time.Now()) {
		t.Errorf("created at %v, between %v and now", made.Created, begin)
	}
	if got.header.Get("Location") != self {
		t.Errorf("Location %q, want %q", got.header.Get("Location"), self)
	}
	revision := g.revision()
	if got.header.Get("Web-Integrations-Revision") != revision || got.header.Get("ETag") != `"`+revision+`"` {
		t.Errorf("headers %v at revision %s", got.header, revision)
	}
	if read := g.read(made.ID); read.body != strings.Replace(want, fmt.Sprintf(`,"links":{"self":{"href":"%s"}}`, self), "", 1) {
		t.Errorf("read after creation: %s", read.body)
	}
}

// revision returns the store's revision.
func (g *testAPI) revision() string {
	g.t.Helper()
	at, err := g.store.Position(context.Background())
	if err != nil {
		g.t.Fatal(err)
	}
	return fmt.Sprint(at.Revision)
}

func TestCreate_StoresEntriesAsWritten(t *testing.T) {
	g := newTestAPI(t)
	for written, listed := range map[string]string{
		"https://thirdPartyApp.com":  "https://thirdpartyapp.com",
		"https://a.example:443":      "https://a.example",
		"https://slash.example/":     "https://slash.example",
		"https://bücher.example":     "https://xn--bcher-kva.example",
		"capacitor://localhost":      "capacitor://localhost",
		"App://-/":                   "app://-",
		"tauri://LOCALHOST":          "tauri://LOCALHOST",
		"http://[2001:DB8:0::1]:80/": "http://[2001:db8::1]",
	} {
		if got := g.create("n", written).ValidOrigins; !slices.Equal(got, []string{written}) {
			t.Errorf("entry %s was returned as %s", written, got)
		}
		if !g.isListed(listed) {
			t.Errorf("%s does not list %s", written, listed)
		}
	}
}

func TestCreate_WithoutOriginsReturnsEmptyArray(t *testing.T) {
	g := newTestAPI(t)
	got := g.send(request{method: "POST", path: collection, body: `{"name":"n"}`})
	if got.status != http.StatusCreated || !strings.Contains(got.body, `"validOrigins":[]`) {
		t.Errorf("status %d: %s", got.status, got.body)
	}
}

func TestCreate_ValidatesBody(t *testing.T) {
	g := newTestAPI(t)
	const unreadable, name, entries, missing = "BAD_REQUEST", "WEBINTEGRATIONS-6 /name", "WEBINTEGRATIONS-6 /validOrigins", "WEBINTEGRATIONS-5"
	for _, tt := range []struct{ rule, body, want string }{
		{"no body", ``, unreadable},
		{"not JSON", `name=n`, unreadable},
		{"truncated", `{"name":"n"`, unreadable},
		{"trailing value", `{"name":"n"}{}`, unreadable},
		{"trailing text", `{"name":"n"} x`, unreadable},
		{"trailing comma", `{"name":"n",}`, unreadable},
		{"a comment", `{"name":"n"/**/}`, unreadable},
		{"byte order mark", "\ufeff" + `{"name":"n"}`, unreadable},
		{"UTF-16", "{\x00\"\x00", unreadable},
		{"invalid UTF-8 in a value", "{\"name\":\"\xff\"}", unreadable},
		{"invalid UTF-8 in a key", "{\"name\":\"n\",\"\xff\":1}", unreadable},
		{"lone surrogate", `{"name":"\ud800"}`, unreadable},
		{"raw control character", "{\"name\":\"a\nb\"}", unreadable},
		{"an array", `[{"name":"n"}]`, unreadable},
		{"null", `null`, unreadable},
		{"a string", `"n"`, unreadable},
		{"deep nesting", `{"name":` + strings.Repeat(`[`, 4000), unreadable},
		{"unknown key", `{"name":"n","foo":1}`, unreadable},
		{"duplicate key", `{"name":"n","name":"n"}`, unreadable},
		{"duplicate key, escaped", `{"name":"n","n\u0061me":"m"}`, unreadable},
		{"duplicate key in a value", `{"name":"n","validOrigins":[{"a":1,"a":1}]}`, unreadable},
		{"key in another case", `{"Name":"n"}`, unreadable},
		{"optional key in another case", `{"name":"n","validorigins":[]}`, unreadable},
		{"read-only id", `{"name":"n","id":"x"}`, unreadable},
		{"read-only tenantId", `{"name":"n","tenantId":"globex"}`, unreadable},
		{"read-only created", `{"name":"n","created":"2020-01-01T00:00:00Z"}`, unreadable},
		{"read-only lastUpdated", `{"name":"n","lastUpdated":"2020-01-01T00:00:00Z"}`, unreadable},
		{"read-only createdBy", `{"name":"n","createdBy":"x"}`, unreadable},
		{"read-only links", `{"name":"n","links":{}}`, unreadable},

		{"no name", `{}`, missing},
		{"no name, but origins", `{"validOrigins":["https://a.example"]}`, missing},
		{"empty name", `{"name":""}`, name},
		{"null name", `{"name":null}`, name},
		{"number as name", `{"name":1}`, name},
		{"object as name", `{"name":{}}`, name},
		{"name of 257 characters", `{"name":"` + strings.Repeat("ä", 257) + `"}`, name},
		{"name with a control character", `{"name":"a\u0000"}`, name},
		{"name with DEL", `{"name":"a\u007f"}`, name},
		{"name with a C1 control character", `{"name":"a\u0085"}`, name},

		{"null origins", `{"name":"n","validOrigins":null}`, entries},
		{"string of origins", `{"name":"n","validOrigins":"https://a.example"}`, entries},
		{"object of origins", `{"name":"n","validOrigins":{}}`, entries},
		{"null entry", `{"name":"n","validOrigins":[null]}`, entries + "/0"},
		{"number entry", `{"name":"n","validOrigins":["https://a.example",1]}`, entries + "/1"},
		{"array entry", `{"name":"n","validOrigins":[["https://a.example"]]}`, entries + "/0"},
		{"quoted entry", `{"name":"n","validOrigins":["\"https://a.example\""]}`, entries + "/0"},
		{"path", `{"name":"n","validOrigins":["https://a.example/x"]}`, entries + "/0"},
		{"query", `{"name":"n","validOrigins":["https://a.example?x"]}`, entries + "/0"},
		{"fragment", `{"name":"n","validOrigins":["https://a.example#x"]}`, entries + "/0"},
		{"user info", `{"name":"n","validOrigins":["https://u@a.example"]}`, entries + "/0"},
		{"opaque origin", `{"name":"n","validOrigins":["null"]}`, entries + "/0"},
		{"file", `{"name":"n","validOrigins":["file:///x"]}`, entries + "/0"},
		{"star", `{"name":"n","validOrigins":["*"]}`, entries + "/0"},
		{"wildcard", `{"name":"n","validOrigins":["https://*.a.example"]}`, entries + "/0"},
		{"control character", `{"name":"n","validOrigins":["https://a.example\u0001"]}`, entries + "/0"},
		{"no host", `{"name":"n","validOrigins":["https://a..example"]}`, entries + "/0"},
		{"empty entry", `{"name":"n","validOrigins":[""]}`, entries + "/0"},
		{"too many origins", `{"name":"n","validOrigins":["x","x","x","x","x","x"]}`, entries},

		{"several errors", `{"name":"","validOrigins":["*","https://a.example",1,"https://a.example/x"]}`,
			name + ", " + entries + "/0, " + entries + "/2, " + entries + "/3"},
		{"several errors and no name", `{"validOrigins":["*","null"]}`, missing + ", " + entries + "/0, " + entries + "/1"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			got := g.send(request{method: "POST", path: collection, body: tt.body})
			if got.status != http.StatusBadRequest || got.problems(t) != tt.want {
				t.Errorf("status %d: %s\nwant 400 %s", got.status, got.body, tt.want)
			}
			if detail := got.document(t).Errors[0].Detail; tt.want == unreadable && detail != "Error parsing request body" {
				t.Errorf("detail %q", detail)
			}
		})
	}
	if n := len(g.list("").Data); n != 0 || g.revision() != "0" {
		t.Errorf("%d web integrations at revision %s after refused bodies, want none", n, g.revision())
	}
}

func TestCreate_AcceptsValuesAtTheLimits(t *testing.T) {
	g := newTestAPI(t)
	for rule, body := range map[string]string{
		"name of 256 characters":    `{"name":"` + strings.Repeat("ä", 256) + `"}`,
		"maximum number of origins": `{"name":"n","validOrigins":["https://1.a","https://2.a","https://3.a","https://4.a","https://5.a"]}`,
		"white space":               " \r\n\t{ \"name\" : \"n\" } \n",
		"escaped key":               `{"n\u0061me":"n"}`,
		"body of maximum size":      `{"name":"n"}` + strings.Repeat(" ", 4096-len(`{"name":"n"}`)),
	} {
		if got := g.send(request{method: "POST", path: collection, body: body}); got.status != http.StatusCreated {
			t.Errorf("%s: status %d: %s", rule, got.status, got.body)
		}
	}
}

func TestCreate_NamesRequiredFields(t *testing.T) {
	got := newTestAPI(t).send(request{method: "POST", path: collection, body: `{}`})
	e := got.document(t).Errors[0]
	if e.Title != "Missing required fields" || fmt.Sprint(e.Meta["requiredFields"]) != "[name]" {
		t.Errorf("%s", got.body)
	}
}

func TestTimes_AreStoredAsWholeSecondsInUTC(t *testing.T) {
	var kept []time.Time
	handler := newHandler(&hooks{
		create: func(_ context.Context, w store.WebIntegration) (store.WebIntegration, error) {
			kept, w.Revision = append(kept, w.Created, w.LastUpdated), 1
			return w, nil
		},
		edit: func(_ context.Context, _, _ string, edit func(*store.WebIntegration) error) (w store.WebIntegration, err error) {
			err = edit(&w)
			kept, w.Revision = append(kept, w.LastUpdated), 2
			return w, err
		},
	})
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(1234567 * time.Microsecond) // so that the clock has fractions of a second
		serve(t, handler, request{method: "POST", path: collection, body: `{"name":"n"}`}.build(t, "http://acme.example"))
		serve(t, handler, request{method: "PATCH", path: collection + "/" + store.NewID(), body: `[{"op":"replace","path":"/name","value":"m"}]`}.build(t, "http://acme.example"))
	})
	if len(kept) != 3 {
		t.Fatalf("stored times %v", kept)
	}
	for _, at := range kept {
		if at.Nanosecond() != 0 || at.Location() != time.UTC {
			t.Errorf("stored times %v", at)
		}
	}
}

func TestStoreLimits_Return400(t *testing.T) {
	g := newTestAPIWithLimits(t, store.Limits{Integrations: 2, Origins: 3})
	id := g.create("n", "https://1.a", "https://2.a").ID
	for _, tt := range []struct {
		r                  request
		problem, detailHas string
	}{
		{request{method: "POST", path: collection, body: `{"name":"m","validOrigins":["https://3.a","https://4.a"]}`}, "WEBINTEGRATIONS-6 /validOrigins", "3 valid origins"},
		{request{method: "PATCH", path: collection + "/" + id, body: `[{"op":"replace","path":"/validOrigins","value":["https://1.a","https://2.a","https://3.a","https://4.a"]}]`}, "WEBINTEGRATIONS-6 /validOrigins", "3 valid origins"},
	} {
		got := g.send(tt.r)
		if got.status != http.StatusBadRequest || got.problems(t) != tt.problem || !strings.Contains(got.document(t).Errors[0].Detail, tt.detailHas) {
			t.Errorf("status %d: %s", got.status, got.body)
		}
	}
	g.create("m")
	got := g.send(request{method: "POST", path: collection, body: `{"name":"o"}`})
	if got.status != http.StatusBadRequest || got.problems(t) != "BAD_REQUEST" || !strings.Contains(got.body, "2 web integrations") {
		t.Errorf("status %d: %s", got.status, got.body)
	}
	if loads := g.lists.Stats(); loads.Loads != 0 {
		t.Errorf("a refused write reloaded the list: %+v", loads)
	}
}

func TestCreate_DistinguishesWrongTypeFromEmptyValue(t *testing.T) {
	g := newTestAPI(t)
	got := g.send(request{method: "POST", path: collection, body: `{"name":1,"validOrigins":[1,""]}`})
	var details []string
	for _, e := range got.document(t).Errors {
		details = append(details, e.Detail)
	}
	want := []string{"the name is not a string", "the entry is not a string", "the entry is empty"}
	if !slices.Equal(details, want) {
		t.Errorf("details %q, want %q", details, want)
	}
}
