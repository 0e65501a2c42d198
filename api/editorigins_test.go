package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"originwarden/origins"
)

const validOrigins = "/valid-origins"

func (g *testAPI) editOrigins(id, body string) reply {
	g.t.Helper()
	return g.send(request{method: "PATCH", path: collection + "/" + id + validOrigins, body: body})
}

func TestEditOrigins_ChangesListInForce(t *testing.T) {
	g := newTestAPI(t)
	w := g.create("one", "https://A.example/", "https://b.example")
	got := g.editOrigins(w.ID, `{"add":["https://a.example:443","https://c.example"],"remove":["HTTPS://B.EXAMPLE","https://d.example"]}`)
	want := `{"added":["https://c.example"],"removed":["HTTPS://B.EXAMPLE"],"unchanged":["https://d.example","https://a.example:443"]}`
	if got.status != http.StatusOK || got.body != want {
		t.Fatalf("status %d, %s, want 200, %s", got.status, got.body, want)
	}
	read := g.read(w.ID)
	if entries := read.integration(t).ValidOrigins; !slices.Equal(entries, []string{"https://A.example/", "https://c.example"}) {
		t.Errorf("the origins are %q", entries)
	}
	if revision := got.header.Get("Web-Integrations-Revision"); read.header.Get("ETag") != got.header.Get("ETag") || got.header.Get("ETag") != `"`+revision+`"` {
		t.Errorf("ETag %s, then %s, revision %s", got.header.Get("ETag"), read.header.Get("ETag"), revision)
	}
	if !g.isListed("https://c.example") || g.isListed("https://b.example") {
		t.Error("the change is not in force when its response is sent")
	}
}

func TestEditOrigins_WritesNothingWithoutChange(t *testing.T) {
	g := newTestAPI(t)
	w := g.create("one", "https://a.example")
	before := g.read(w.ID)
	for _, body := range []string{`{}`, `{"add":[],"remove":[]}`, `{"add":["HTTPS://a.example/"]}`, `{"remove":["https://b.example"]}`, `{"remove":["no origin"]}`} {
		got := g.editOrigins(w.ID, body)
		if got.status != http.StatusOK || got.header.Get("ETag") != before.header.Get("ETag") {
			t.Errorf("%s: status %d, ETag %s, want 200 and %s", body, got.status, got.header.Get("ETag"), before.header.Get("ETag"))
		}
	}
	if after := g.read(w.ID); after.body != before.body {
		t.Errorf("%s became %s", before.body, after.body)
	}
}

func TestEditOrigins_RefusesInvalidRequests(t *testing.T) {
	g := newTestAPI(t)
	five := []string{"https://1.example", "https://2.example", "https://3.example", "https://4.example", "https://5.example"}
	w := g.create("full", five...)
	foreign := g.createForeign()
	before := g.read(w.ID).body
	send := func(r request) reply {
		r.method = "PATCH"
		if r.path == "" {
			r.path = collection + "/" + w.ID + validOrigins
		}
		if r.body == "" {
			r.body = `{"add":["https://6.example"],"remove":["https://1.example"]}`
		}
		return g.send(r)
	}
	for _, row := range []struct {
		rule    string
		request request
		status  int
		says    string
	}{
		{"not JSON", request{body: `{`}, 400, "BAD_REQUEST"},
		{"array", request{body: `[]`}, 400, "BAD_REQUEST"},
		{"unknown key", request{body: `{"add":[],"replace":[]}`}, 400, "BAD_REQUEST"},
		{"key of another case", request{body: `{"Add":[]}`}, 400, "BAD_REQUEST"},
		{"doubled key", request{body: `{"add":[],"add":[]}`}, 400, "BAD_REQUEST"},
		{"trailing data", request{body: `{} {}`}, 400, "BAD_REQUEST"},
		{"string instead of an array", request{body: `{"add":"https://6.example"}`}, 400, `"pointer":"/add"`},
		{"null", request{body: `{"remove":null}`}, 400, `"pointer":"/remove"`},
		{"number", request{body: `{"remove":["https://1.example",7]}`}, 400, `"pointer":"/remove/1"`},
		{"no origin", request{body: `{"add":["https://6.example/path"],"remove":["https://1.example"]}`}, 400, `"pointer":"/add/0"`},
		{"pattern that is not permitted", request{body: `{"add":["https://*.example.com"],"remove":["https://1.example"]}`}, 400, "(patterns: none)"},
		{"more than one web integration may have", request{body: `{"add":["https://6.example"]}`}, 400, "at most 5 valid origins"},
		{"more in one request", request{body: `{"remove":["1","2","3","4","5","6"]}`}, 400, `"pointer":"/remove"`},
		{"too large", request{body: `{"remove":["` + strings.Repeat("a", 5000) + `"]}`}, 413, "BAD_REQUEST"},
		{"another media type", request{header: map[string]string{"Content-Type": "text/plain"}}, 415, "BAD_REQUEST"},
		{"another ETag", request{header: map[string]string{"If-Match": `"1234567"`}}, 412, "WEBINTEGRATIONS_CONFLICT"},
		{"reader", request{token: readerToken}, 403, "WEBINTEGRATIONS_FORBIDDEN"},
		{"another tenant's token", request{token: otherToken}, 403, "WEBINTEGRATIONS_FORBIDDEN"},
		{"no token", request{token: "-"}, 401, "AUTH-1"},
		{"another tenant's web integration", request{path: collection + "/" + foreign + validOrigins}, 404, "WEBINTEGRATIONS_NOT_FOUND"},
		{"below", request{path: collection + "/" + w.ID + validOrigins + "/0"}, 404, "WEBINTEGRATIONS_NOT_FOUND"},
		{"invalid id", request{path: collection + "/x" + validOrigins}, 404, "WEBINTEGRATIONS_NOT_FOUND"},
		{"of the collection", request{path: collection + validOrigins}, 404, "WEBINTEGRATIONS_NOT_FOUND"},
	} {
		if got := send(row.request); got.status != row.status || !strings.Contains(got.body, row.says) {
			t.Errorf("%s: status %d, %s; want %d with %s", row.rule, got.status, got.body, row.status, row.says)
		}
	}
	if after := g.read(w.ID).body; after != before {
		t.Errorf("%s became %s", before, after)
	}
}

// A web integration that exceeds a lowered limit can shrink, and so can one with a
// pattern that is not permitted any more.
func TestEditOrigins_RemovesWhatIsNotPermittedAnyMore(t *testing.T) {
	g := newTestAPI(t)
	g.permit(origins.OwnPatterns)
	w := g.create("one", "https://*.shop.example", "https://1.example", "https://2.example", "https://3.example")
	g.permit(origins.NoPatterns)
	g.config.Limits.Origins = 2
	g.serve(func(h http.Handler) http.Handler { return h })
	if got := g.editOrigins(w.ID, `{"remove":["https://*.shop.example"]}`); got.status != http.StatusOK {
		t.Errorf("status %d, %s, want 200", got.status, got.body)
	}
	if got := g.editOrigins(w.ID, `{"add":["https://4.example"],"remove":["https://1.example"]}`); got.status != http.StatusBadRequest {
		t.Errorf("an addition above the limit: status %d, %s, want 400", got.status, got.body)
	}
}
