package console_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"originwarden/console/gatewaytest"
)

const (
	refusedPath = "/tenants/acme/refused"
	readyPath   = "/tenants/other/ready" // of a tenant in mode report
)

func TestReady_IsNotYetBeforeAWeek(t *testing.T) {
	for _, row := range []struct {
		rule    string
		headers []string
		parts   []string
	}{
		{"a request without Origin", nil, []string{"Not yet: observe the requests for a week"}},
		{"a request with two Origin lines", []string{"Origin: https://a.example", "Origin: https://b.example"},
			[]string{"Not yet: observe the requests for a week", "without an origin, or with several", "1 × <code>origin_repeated"}},
		{"a request of an origin", []string{"Origin: https://a.example"}, []string{"Not yet: decide about 1 origin", `value="https://a.example"`}},
	} {
		t.Run(row.rule, func(t *testing.T) {
			g := start(t)
			b := g.SignIn(t, "admin")
			if response, _ := b.Send(request(t, "GET", g.Tenants+"/", "", append(row.headers, "Host: other.localhost")...)); response.StatusCode != 200 {
				t.Fatalf("status %d in mode report", response.StatusCode)
			}
			_, page := b.Get(readyPath)
			for _, part := range row.parts {
				if !strings.Contains(page, part) {
					t.Errorf("the page has no %q: %s", part, page)
				}
			}
		})
	}
}

func TestReady_IsNotKnownWithoutTheStore(t *testing.T) {
	g := start(t)
	b := g.SignIn(t, "admin")
	b.Send(request(t, "GET", g.Tenants+"/", "", "Host: other.localhost"))
	file := filepath.Join(g.Dir, "originwarden.db")
	if err := os.Rename(file, file+".away"); err != nil {
		t.Fatal(err)
	}
	if response, page := b.Get(readyPath); response.StatusCode != 200 || !strings.Contains(page, "Not known: the store does not answer") {
		t.Errorf("%d %s", response.StatusCode, page)
	}
}

func TestRefused_ListsOnceIntoANewOne(t *testing.T) {
	const app = "https://app.example"
	for path, form := range map[string][]string{
		refusedPath:         {"list", app, "into", "new", "sort", "count"},
		"/tenants/acme/ask": {"list", app, "into", "new", "origin", app, "path", "/"},
	} {
		t.Run(path, func(t *testing.T) {
			g := start(t)
			b := g.SignIn(t, "admin")
			b.Send(request(t, "GET", g.Tenants+"/", "", "Host: acme.localhost", "Origin: "+app))
			for range 2 {
				response, page := b.Post(path, form...)
				shown := response.Request
				if shown.Method != "GET" || shown.URL.Path != path || shown.URL.Query().Get(form[4]) != form[5] || !strings.Contains(page, app+" is listed in app.example.") {
					t.Errorf("shown is %s %s: %s", shown.Method, shown.URL, page)
				}
			}
			if n := countIntegrations(t, g); n != 1 {
				t.Errorf("%d web integrations, want 1", n)
			}
		})
	}
}

func TestRefused_SaysOnlyWhatIsSo(t *testing.T) {
	g := start(t)
	made := create(t, g, "production", "https://App.example:443/")
	b := g.SignIn(t, "admin")
	b.Send(request(t, "GET", g.Tenants+"/", "", "Host: acme.localhost", "Origin: https://open.example"))
	b.Post(refusedPath, "dismiss", "https://open.example")
	for _, row := range []struct{ done, of, in, notice string }{
		{"list", "https://app.example", made.ID, "https://app.example is listed in production."},
		{"list", "https://other.example", made.ID, ""},
		{"list", "https://app.example", "none", ""},
		{"list", "Send your token to eve", "", ""},
		{"dismiss", "https://open.example", "", "https://open.example was dismissed"},
		{"restore", "https://open.example", "", ""},
		{"dismiss", "https://app.example", "", ""},
	} {
		_, page := b.Get(refusedPath + "?" + url.Values{"done": {row.done}, "of": {row.of}, "in": {row.in}}.Encode())
		if strings.Contains(page, `role="status"`) != (row.notice != "") || !strings.Contains(page, row.notice) {
			t.Errorf("%+v: %s", row, page)
		}
	}
}

func TestRefused_KeepsTheViewAndTheChoice(t *testing.T) {
	g := start(t)
	create(t, g, "a", "https://a.example")
	chosen := create(t, g, "b", "https://b.example")
	b := g.SignIn(t, "admin")
	for _, origin := range []string{"https://one.example", "https://two.example"} {
		b.Send(request(t, "GET", g.Tenants+"/", "", "Host: acme.localhost", "Origin: "+origin))
	}
	response, page := b.Post(refusedPath, "dismiss", "https://one.example", "into", chosen.ID, "show", "all", "sort", "count")
	if query := response.Request.URL.Query(); query.Get("show") != "all" || query.Get("sort") != "count" {
		t.Errorf("shown is %s", response.Request.URL)
	}
	for _, part := range []string{"https://one.example was dismissed", `value="` + chosen.ID + `" selected`, `name="show" value="all"`} {
		if !strings.Contains(page, part) {
			t.Errorf("the page has no %q: %s", part, page)
		}
	}
	for _, field := range []string{"done", "of", "in"} {
		if inputs(page).Has(field) {
			t.Errorf("the form has %s", field)
		}
	}
}

func TestRefused_ShowsWhyNothingWasListed(t *testing.T) {
	g := start(t)
	b := g.SignIn(t, "admin")
	b.Send(request(t, "GET", g.Tenants+"/", "", "Host: acme.localhost", "Origin: https://app.example"))
	for _, into := range []string{"new", "00000000-0000-4000-8000-000000000000"} {
		response, page := b.Post(refusedPath, "list", "https://app.example/path", "into", into)
		if response.StatusCode != 409 || !strings.Contains(page, "Nothing was changed.") {
			t.Errorf("into %s: %d %s", into, response.StatusCode, page)
		}
	}
}

// From Refused into a web integration that is not among the first 100 by name.
func TestRefused_ListsIntoAnyOfMany(t *testing.T) {
	const app = "https://app.example"
	g := start(t)
	b := g.SignIn(t, "admin")
	writers := []*gatewaytest.Browser{b, g.SignIn(t, "acme-admin")} // because of the rate limits
	for i := range 101 {
		writers[i%2].Post(integrations, "name", fmt.Sprintf("n%03d", i), "origins", "https://a.example")
	}
	b.Send(request(t, "GET", g.Tenants+"/", "", "Host: acme.localhost", "Origin: "+app))
	for _, path := range []string{refusedPath, "/tenants/acme/ask?path=/&origin=" + app} {
		response, page := b.Get(path)
		page = follow(t, b, response, page, "Search for another one")
		for _, part := range []string{"<bdi class=\"mono\">" + app, `rel="next"`} {
			if !strings.Contains(page, part) {
				t.Errorf("%s: the list has no %q", path, part)
			}
		}
		for _, found := range regexp.MustCompile(`href="((?:/tenants/acme/web-integrations/|\?)[^"]*)"`).FindAllStringSubmatch(page, -1) {
			if to, err := url.Parse(html.UnescapeString(found[1])); err != nil || to.Query().Get("origin") != app {
				t.Errorf("%s: the link to %s has no origin", path, found[1])
			}
		}
		query := inputs(page)
		query.Set("q", "n100")
		response, page = b.Get(integrations + "?" + query.Encode())
		if page = follow(t, b, response, page, "<bdi>n100</bdi>"); inputs(page).Get("name") != "n100" || inputs(page).Get("origins") != "https://a.example\n"+app {
			t.Errorf("%s: the form has %v", path, inputs(page))
		}
	}
	if _, page := g.SignIn(t, "reader").Get(integrations + "?origin=" + app); strings.Contains(page, "Choose the web integration") {
		t.Error("a reader is asked to choose a web integration")
	}
}

// follow follows the link of a page that has a text.
func follow(t *testing.T, b *gatewaytest.Browser, from *http.Response, page, text string) string {
	t.Helper()
	found := regexp.MustCompile(`<a href="([^"]*)"[^>]*>` + regexp.QuoteMeta(text)).FindStringSubmatch(page)
	if found == nil {
		t.Fatalf("%s has no link %q: %s", from.Request.URL, text, page)
	}
	to, err := from.Request.URL.Parse(html.UnescapeString(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	_, page = b.Get(to.RequestURI())
	return page
}
