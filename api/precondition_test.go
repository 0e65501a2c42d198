package api_test

import (
	"net/http"
	"testing"
)

func TestIfMatch_GuardsWrites(t *testing.T) {
	g := newTestAPI(t)
	for _, tt := range []struct {
		rule  string
		lines func(tag string) []string
		holds bool
	}{
		{"no header", func(string) []string { return nil }, true},
		{"the current tag", func(tag string) []string { return []string{tag} }, true},
		{"star", func(string) []string { return []string{"*"} }, true},
		{"star with spaces", func(string) []string { return []string{" * "} }, true},
		{"in a list", func(tag string) []string { return []string{`"x", ` + tag + ` ,"y"`} }, true},
		{"in a list with empty elements", func(tag string) []string { return []string{`,, ,` + tag + `,`} }, true},
		{"after a tag with a comma", func(tag string) []string { return []string{`"a,b", ` + tag} }, true},
		{"on the second line", func(tag string) []string { return []string{`"x"`, tag} }, true},
		{"after a weak tag", func(tag string) []string { return []string{`W/"x", ` + tag} }, true},

		{"another tag", func(string) []string { return []string{`"x"`} }, false},
		{"a weak tag", func(tag string) []string { return []string{"W/" + tag} }, false},
		{"without quotes", func(tag string) []string { return []string{tag[1 : len(tag)-1]} }, false},
		{"missing closing quote", func(tag string) []string { return []string{tag[:len(tag)-1]} }, false},
		{"a longer tag", func(tag string) []string { return []string{`"0` + tag[1:]} }, false},
		{"inside another tag", func(tag string) []string { return []string{`"a,` + tag[1:]} }, false},
		{"empty", func(string) []string { return []string{""} }, false},
		{"an empty tag", func(string) []string { return []string{`""`} }, false},
		{"before an invalid tag", func(tag string) []string { return []string{tag + `, x`} }, false},
		{"two without a comma", func(tag string) []string { return []string{tag + tag} }, false},
		{"star in a list", func(tag string) []string { return []string{`*, ` + tag} }, false},
		{"a space in the tag", func(tag string) []string { return []string{`"a b", ` + tag} }, false},
		{"lower-case w/", func(tag string) []string { return []string{"w/" + tag} }, false},
	} {
		for method, body := range map[string]string{"PATCH": `[{"op":"replace","path":"/name","value":"m"}]`, "DELETE": ""} {
			t.Run(method+" "+tt.rule, func(t *testing.T) {
				id := g.create("n").ID
				before := g.read(id)
				r := request{method: method, path: collection + "/" + id, body: body}
				got := g.sendLines(r, "If-Match", tt.lines(before.header.Get("ETag")))
				if tt.holds && got.status != http.StatusNoContent {
					t.Errorf("status %d, want 204: %s", got.status, got.body)
				}
				if !tt.holds && (got.status != http.StatusPreconditionFailed || got.problems(t) != "WEBINTEGRATIONS_CONFLICT" || g.read(id).body != before.body) {
					t.Errorf("%d %s, want 412 and nothing changed", got.status, got.body)
				}
			})
		}
	}
}

// sendLines sends r with the header name repeated once for each line.
func (g *testAPI) sendLines(r request, name string, lines []string) reply {
	g.t.Helper()
	transport := g.client.Transport
	g.client.Transport = roundTrip(func(req *http.Request) (*http.Response, error) {
		req = req.Clone(req.Context())
		if lines != nil {
			req.Header[name] = lines
		}
		return transport.RoundTrip(req)
	})
	defer func() { g.client.Transport = transport }()
	return g.send(r)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestIfMatch_AppliesToEmptyPatch(t *testing.T) {
	g := newTestAPI(t)
	path := collection + "/" + g.create("n").ID
	if got := g.send(request{method: "PATCH", path: path, body: `[]`, header: map[string]string{"If-Match": `"x"`}}); got.status != http.StatusPreconditionFailed {
		t.Errorf("status %d, want 412", got.status)
	}
}

func TestIfMatch_MissingWebIntegrationReturns404(t *testing.T) {
	g := newTestAPI(t)
	for _, method := range []string{"PATCH", "DELETE"} {
		for _, tag := range []string{"*", `"1"`} {
			got := g.send(request{method: method, path: collection + "/" + g.createForeign(), body: `[]`, header: map[string]string{"If-Match": tag}})
			if got.status != http.StatusNotFound {
				t.Errorf("%s If-Match %s: status %d, want 404", method, tag, got.status)
			}
		}
	}
}

func TestIfNoneMatch_Returns304(t *testing.T) {
	g := newTestAPI(t)
	id := g.create("n").ID
	tag := g.read(id).header.Get("ETag")
	for value, want := range map[string]int{
		tag: 304, "W/" + tag: 304, "*": 304, `"x", ` + tag: 304, `"x"`: 200, "": 200, "x": 200,
	} {
		for _, method := range []string{"GET", "HEAD"} {
			got := g.send(request{method: method, path: collection + "/" + id, header: map[string]string{"If-None-Match": value}})
			if got.status != want || got.header.Get("ETag") != tag {
				t.Errorf("%s If-None-Match %s: status %d, headers %v, want status %d", method, value, got.status, got.header, want)
			}
		}
	}
}
