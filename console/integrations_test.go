package console_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"originwarden/console/gatewaytest"
)

const integrations = "/tenants/acme/web-integrations"

// inputs returns the values of the form in a page, by their names.
func inputs(page string) url.Values {
	values := url.Values{}
	for _, found := range regexp.MustCompile(`(?s)<(?:input|textarea)\b([^>]*?)>([^<]*)`).FindAllStringSubmatch(page, -1) {
		name := attribute(found[1], "name")
		value := attribute(found[1], "value")
		if strings.HasPrefix(found[0], "<textarea") {
			value = html.UnescapeString(strings.TrimPrefix(found[2], "\n"))
		}
		if name != "" {
			values.Set(name, value)
		}
	}
	return values
}

func attribute(tag, name string) string {
	found := regexp.MustCompile(`\b` + name + `="([^"]*)"`).FindStringSubmatch(tag)
	if found == nil {
		return ""
	}
	return html.UnescapeString(found[1])
}

// submit sends the form of a page with some values changed, given as names and values.
func submit(b *gatewaytest.Browser, path, page string, changed ...string) (*http.Response, string) {
	values := inputs(page)
	for i := 0; i < len(changed); i += 2 {
		values.Set(changed[i], changed[i+1])
	}
	var form []string
	for name := range values {
		form = append(form, name, values.Get(name))
	}
	return b.Post(path, form...)
}

// create makes a web integration of acme and returns it.
func create(t *testing.T, g *gatewaytest.Gateway, name string, origins ...string) apiIntegration {
	t.Helper()
	if response, text := g.SignIn(t, "admin").Post(integrations, "name", name, "origins", strings.Join(origins, "\n")); response.Request.Method != "GET" {
		t.Fatalf("creating %q: %d %s", name, response.StatusCode, text)
	}
	all := integrationsOf(t, g)
	return all[slices.IndexFunc(all, func(i apiIntegration) bool { return i.Name == name })]
}

func TestWebIntegration_IsInForceWhenSaved(t *testing.T) {
	g := start(t)
	b := g.SignIn(t, "admin")
	decide := func() int {
		response, _ := b.Send(request(t, "GET", g.Tenants+"/", "", "Host: acme.localhost", "Origin: https://app.example"))
		return response.StatusCode
	}
	before := decide()
	response, text := b.Post(integrations, "name", " production ", "origins", "https://App.example:443/\r\n\r\n")
	if created := decide(); before != 403 || created != 200 || response.Request.URL.String() != g.Admin+integrations+"?done=created" || !strings.Contains(text, "was created") {
		t.Errorf("before %d, then %d; shown is %s", before, created, response.Request.URL)
	}
	made := integrationsOf(t, g)[0]
	if made.Name != "production" || !slices.Equal(made.ValidOrigins, []string{"https://App.example:443/"}) {
		t.Errorf("made was %+v", made)
	}
	line := g.AwaitLog(t, "a change was requested in the console")
	for _, part := range []string{`"subject":"admin"`, `"tenant":"acme"`, `"method":"POST"`, `"status":201`, `"name":"production"`, `"added":1`} {
		if !strings.Contains(strings.ReplaceAll(line, `": `, `":`), part) {
			t.Errorf("the log line has no %s: %s", part, line)
		}
	}
	_, page := b.Get(integrations + "/" + made.ID)
	if _, text := submit(b, integrations+"/"+made.ID, page, "origins", "https://other.example"); decide() != 403 || !strings.Contains(text, "was saved") {
		t.Errorf("the removed origin is allowed: %s", text)
	}
	if _, text := submit(b, integrations+"/"+made.ID+"/delete", string(must(b.Get(integrations+"/"+made.ID+"/delete")))); !strings.Contains(text, "was deleted") || countIntegrations(t, g) != 0 {
		t.Errorf("it was not deleted: %s", text)
	}
}

func must(_ *http.Response, text string) string { return text }

func TestWebIntegration_TellsWhatIsWrongAndKeepsTheInput(t *testing.T) {
	g := start(t)
	b := g.SignIn(t, "admin")
	for _, row := range []struct {
		rule, name, origins string
		status              int
		parts               []string
	}{
		{"no name", "", "https://a.example", 422, []string{"the name is empty"}},
		{"path", "n", "https://a.example\nhttps://b.example/path", 422, []string{"<td>2</td>", "the entry has a path"}},
		{"all problems at once", "", "https://a.example/x\n*\nnull", 422, []string{"the name is empty", "<td>1</td>", "<td>2</td>", "<td>3</td>", "3 cannot be listed"}},
		{"pattern that is not permitted", "n", "https://*.example.com", 422, []string{"Not valid"}},
		{"too many", "n", strings.Repeat("https://a.example\n", 1001), 400, []string{"at most 1000 valid origins"}},
	} {
		t.Run(row.rule, func(t *testing.T) {
			response, page := b.Post(integrations, "name", row.name, "origins", row.origins)
			if response.StatusCode != row.status {
				t.Errorf("got %d, want %d", response.StatusCode, row.status)
			}
			for _, part := range row.parts {
				if !strings.Contains(page, part) {
					t.Errorf("the page has no %q", part)
				}
			}
			if kept := inputs(page); kept.Get("name") != row.name || kept.Get("origins") != row.origins {
				t.Errorf("kept are %q and %d bytes of origins", kept.Get("name"), len(kept.Get("origins")))
			}
			if countIntegrations(t, g) != 0 {
				t.Error("it was made")
			}
		})
	}
}

func TestCheck_WritesNothing(t *testing.T) {
	g := start(t)
	b := g.SignIn(t, "admin")
	text := "https://App.example\nhttp://app.example\nhttp://localhost:5173\nhttps://app.example"
	response, page := b.Post(integrations, "name", "n", "origins", text, "do", "check")
	_, fragment := b.Post("/tenants/acme/check-origins", "origins", text)
	if response.StatusCode != 200 || strings.Contains(fragment, "<html") || !strings.Contains(page, strings.TrimSpace(fragment)) {
		t.Errorf("the page of the button differs from what the script shows: %s", fragment)
	}
	for _, part := range []string{"written as</span> <code><bdi>https://App.example", "not encrypted", "right for development", "the same origin is in line 1"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page has no %q", part)
		}
	}
	if countIntegrations(t, g) != 0 {
		t.Error("it was made")
	}
}

func TestWebIntegration_ShowsConcurrentEdits(t *testing.T) {
	g := start(t)
	made := create(t, g, "shared", "https://a.example", "https://b.example")
	path := integrations + "/" + made.ID
	mine, theirs := g.SignIn(t, "admin"), g.SignIn(t, "acme-admin")
	_, page := mine.Get(path)
	submit(theirs, path, string(must(theirs.Get(path))), "origins", "https://b.example\nhttps://theirs.example", "name", "renamed")
	response, conflict := submit(mine, path, page, "origins", "https://a.example\nhttps://b.example\nhttps://mine.example")
	if response.StatusCode != http.StatusConflict {
		t.Fatalf("got %d, want 409", response.StatusCode)
	}
	for _, part := range []string{
		"Somebody else has changed", "<bdi>renamed</bdi>", `class="add"><bdi class="mono">https://theirs.example`,
		`class="remove"><bdi class="mono">https://a.example`, `class="add"><bdi class="mono">https://mine.example`,
	} {
		if !strings.Contains(conflict, part) {
			t.Errorf("the page has no %q", part)
		}
	}
	if stored := integrationsOf(t, g)[0]; stored.Name != "renamed" || slices.Contains(stored.ValidOrigins, "https://mine.example") {
		t.Errorf("theirs was overwritten: %+v", stored)
	}
	submit(mine, path, conflict)
	if stored := integrationsOf(t, g)[0]; stored.Name != "renamed" || !slices.Equal(stored.ValidOrigins, []string{"https://b.example", "https://theirs.example", "https://mine.example"}) {
		t.Errorf("both changes together are %+v", stored)
	}
}

func TestWebIntegration_DeletedMeanwhileCanBeMadeAgain(t *testing.T) {
	g := start(t)
	made := create(t, g, "gone", "https://a.example")
	path := integrations + "/" + made.ID
	b := g.SignIn(t, "admin")
	_, page := b.Get(path)
	_, asked := b.Get(path + "/delete")
	submit(b, path+"/delete", asked)
	response, again := submit(b, path, page, "origins", "https://a.example\nhttps://b.example")
	if response.StatusCode != http.StatusConflict || !strings.Contains(again, "has deleted") || inputs(again).Get("origins") != "https://a.example\r\nhttps://b.example" && inputs(again).Get("origins") != "https://a.example\nhttps://b.example" {
		t.Fatalf("got %d %s", response.StatusCode, again)
	}
	submit(b, integrations, again)
	if all := integrationsOf(t, g); len(all) != 1 || len(all[0].ValidOrigins) != 2 || all[0].ID == made.ID {
		t.Errorf("made again was %+v", all)
	}
}

func TestDeletion_AsksAgainAfterAChange(t *testing.T) {
	g := start(t)
	made := create(t, g, "n", "https://a.example")
	path := integrations + "/" + made.ID
	b := g.SignIn(t, "admin")
	_, asked := b.Get(path + "/delete")
	submit(b, path, string(must(b.Get(path))), "origins", "https://b.example")
	response, again := submit(b, path+"/delete", asked)
	if response.StatusCode != http.StatusConflict || !strings.Contains(again, "https://b.example") || countIntegrations(t, g) != 1 {
		t.Errorf("got %d %s", response.StatusCode, again)
	}
	submit(b, path+"/delete", again)
	if countIntegrations(t, g) != 0 {
		t.Error("it was not deleted")
	}
}

func TestSession_EndInTheMiddleOfAFormLosesNothing(t *testing.T) {
	g := start(t)
	b := g.SignIn(t, "admin")
	at, _ := url.Parse(g.Admin)
	b.Jar.SetCookies(at, []*http.Cookie{{Name: "originwarden-session", Value: "ended", Path: "/"}})
	const name = `"><script>alert(1)</script>`
	text := strings.Repeat("https://a.example\n", 999) + "https://z.example"
	response, page := b.Post(integrations, "name", name, "origins", text)
	if response.StatusCode != 401 || strings.Contains(page, "<script>alert") || !strings.Contains(page, "what you entered is kept") {
		t.Fatalf("got %d %.2000s", response.StatusCode, page)
	}
	_, page = submit(b, "/sign-in", page, "token", "mistyped")
	_, page = submit(b, "/sign-in", page, "token", gatewaytest.TokenOf("admin"))
	if action := regexp.MustCompile(`action="(/tenants[^"]*)"`).FindStringSubmatch(page); action == nil || action[1] != integrations || countIntegrations(t, g) != 0 {
		t.Fatalf("the page sends to %v", action)
	}
	submit(b, integrations, page)
	if all := integrationsOf(t, g); len(all) != 1 || all[0].Name != name || len(all[0].ValidOrigins) != 1000 {
		t.Errorf("made were %d", len(all))
	}
}

// hostile are texts that would break out of HTML, attributes, URLs or the page's text
// direction.
func hostile() []string {
	return []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onfocus='alert(1)`, `javascript:alert(1)`, `</textarea><script>alert(1)</script>`,
		"\u202egnp.exe", `{{.Data}}`, `${7*7}`, `&lt;b&gt;`, `a&b=c#d?e`, `</title><script>alert(1)</script>`, `<!--`, strings.Repeat("é", 256),
	}
}

func TestPages_EscapeTextsOfOthers(t *testing.T) {
	g := start(t)
	b := g.SignIn(t, "admin")
	for _, name := range hostile() {
		made := create(t, g, name, "https://a.example")
		path := integrations + "/" + made.ID
		for _, page := range []string{must(b.Get(integrations)), must(b.Get(path)), must(b.Get(path + "/delete")), must(b.Get(integrations + "?q=" + url.QueryEscape(name))),
			must(b.Post(path, "name", name, "origins", name)), must(b.Get("/?q=" + url.QueryEscape(name))), must(b.Get(integrations + "/new?origin=" + url.QueryEscape(name)))} {
			for _, tag := range regexp.MustCompile(`(?i)<script>|<img src=x|onerror=alert\(1\)>|onfocus='|<!--|href="javascript`).FindAllString(page, -1) {
				t.Errorf("%q: a page has %s", name, tag)
			}
		}
		if kept := inputs(must(b.Get(path))).Get("name"); kept != name {
			t.Errorf("the form has %q, want %q", kept, name)
		}
		submit(b, path+"/delete", must(b.Get(path+"/delete")))
	}
}

// maxPage is the maximum length of a page with its style sheet and scripts.
const maxPage = 50 << 10

func TestPages_AreSmall(t *testing.T) {
	g := start(t)
	for i := range 25 {
		create(t, g, fmt.Sprintf("web integration %d", i), "https://first.example.com", "https://second.example.com", "https://third.example.com", "https://fourth.example.com")
	}
	made := create(t, g, "one more", "https://a.example")
	b := g.SignIn(t, "admin")
	for _, path := range []string{"/", "/sign-in", "/tenants/acme", integrations, integrations + "/new", integrations + "/" + made.ID, integrations + "/" + made.ID + "/delete"} {
		_, page := b.Get(path)
		sum := len(page)
		for _, found := range regexp.MustCompile(`"(/static/[^"]+)"`).FindAllStringSubmatch(page, -1) {
			response, content := b.Get(found[1])
			if response.StatusCode != 200 || !strings.Contains(response.Header.Get("Cache-Control"), "immutable") {
				t.Errorf("%s: %d %v", found[1], response.StatusCode, response.Header)
			}
			sum += len(content)
		}
		if sum > maxPage {
			t.Errorf("%s: %d bytes, want at most %d", path, sum, maxPage)
		}
		t.Logf("%s: %d bytes", path, sum)
	}
}

func TestWebIntegrations_ArePaged(t *testing.T) {
	g := start(t)
	for i := range 60 {
		create(t, g, fmt.Sprintf("n%02d", i), "https://a.example")
	}
	b := g.SignIn(t, "reader")
	seen, path := map[string]bool{}, integrations
	pages := 0
	for path != "" {
		_, page := b.Get(path)
		pages++
		for _, found := range regexp.MustCompile(`<bdi>(n\d\d)</bdi>`).FindAllStringSubmatch(page, -1) {
			if seen[found[1]] {
				t.Errorf("%s is on two pages", found[1])
			}
			seen[found[1]] = true
		}
		path = ""
		if next := regexp.MustCompile(`href="([^"]*)" rel="next"`).FindStringSubmatch(page); next != nil {
			path = integrations + html.UnescapeString(next[1])
		}
	}
	if len(seen) != 60 || pages != 3 {
		t.Errorf("%d on %d pages, want 60 on 3", len(seen), pages)
	}
	if _, page := b.Get(integrations + "?sort=-name"); !strings.Contains(page, `aria-sort="descending"`) || strings.Index(page, "n59") > strings.Index(page, "n58") {
		t.Error("the other order is not descending")
	}
}
