package console_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"originwarden/console/gatewaytest"
)

// noRedirects makes a browser return redirects.
func noRedirects(b *gatewaytest.Browser) *gatewaytest.Browser {
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return b
}

func request(t *testing.T, method, url, body string, headers ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Add(name, value)
	}
	return r
}

const creation = "name=made&origins=https://app.example"

func TestConsole_RefusesRequestsOfOtherOrigins(t *testing.T) {
	g := start(t)
	b := noRedirects(g.SignIn(t, "admin"))
	const path = "/tenants/acme/web-integrations"
	for _, row := range []struct {
		rule, method string
		headers      []string
		status       int
	}{
		{"form of the console", "POST", []string{"Origin: " + g.Admin, "Sec-Fetch-Site: same-origin"}, 303},
		{"form of the console, of a browser that sends no Sec-Fetch-Site", "POST", []string{"Origin: " + g.Admin}, 303},
		{"no browser", "POST", nil, 303},
		{"form of another site", "POST", []string{"Origin: https://evil.example", "Sec-Fetch-Site: cross-site"}, 403},
		{"form of another port", "POST", []string{"Origin: http://127.0.0.1:1", "Sec-Fetch-Site: same-site"}, 403},
		{"form of another port, without Sec-Fetch-Site", "POST", []string{"Origin: http://127.0.0.1:1"}, 403},
		{"form of a sandboxed page", "POST", []string{"Origin: null", "Sec-Fetch-Site: cross-site"}, 403},
		{"form of a sandboxed page, without Sec-Fetch-Site", "POST", []string{"Origin: null"}, 403},
		{"two origins", "POST", []string{"Origin: " + g.Admin, "Origin: https://evil.example"}, 403},
		{"empty origin", "POST", []string{"Origin: ", "Sec-Fetch-Site: cross-site"}, 403},
		{"script of another site that reads", "GET", []string{"Origin: https://evil.example", "Sec-Fetch-Site: cross-site"}, 403},
		{"script of another site that reads, without Sec-Fetch-Site", "GET", []string{"Origin: https://evil.example"}, 403},
		{"link of another site", "GET", []string{"Sec-Fetch-Site: cross-site"}, 200},
		{"rebound name", "GET", []string{"Host: evil.example"}, 421},
		{"rebound name that sends a form", "POST", []string{"Host: evil.example", "Origin: http://evil.example", "Sec-Fetch-Site: same-origin"}, 421},
	} {
		t.Run(row.rule, func(t *testing.T) {
			body := ""
			if row.method == "POST" {
				body = creation
			}
			before := countIntegrations(t, g)
			response, text := b.Send(request(t, row.method, g.Admin+path, body, row.headers...))
			if response.StatusCode != row.status {
				t.Errorf("got %d, want %d: %s", response.StatusCode, row.status, text)
			}
			if made := countIntegrations(t, g) - before; (made == 1) != (row.status == 303) {
				t.Errorf("%d web integrations were made", made)
			}
			for name := range response.Header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("the response has %s", name)
				}
			}
		})
	}
}

// countIntegrations returns how many acme has, by the API.
func countIntegrations(t *testing.T, g *gatewaytest.Gateway) int {
	t.Helper()
	return len(integrationsOf(t, g))
}

type apiIntegration struct {
	ID, Name     string
	ValidOrigins []string
}

func integrationsOf(t *testing.T, g *gatewaytest.Gateway) []apiIntegration {
	t.Helper()
	_, text := g.NewBrowser(t).Send(request(t, "GET", g.Tenants+"/api/v1/web-integrations?limit=100", "",
		"Host: acme.localhost", "Authorization: Bearer "+gatewaytest.TokenOf("admin")))
	var page struct{ Data []apiIntegration }
	if err := json.Unmarshal([]byte(text), &page); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return page.Data
}

func TestConsole_HasANameOfItsOwnOnThisMachine(t *testing.T) {
	g := start(t)
	if response, _ := g.NewBrowser(t).Send(request(t, "GET", g.Admin+"/sign-in", "", "Host: console.localhost")); response.StatusCode != 200 {
		t.Errorf("got %d, want 200", response.StatusCode)
	}
}

func TestConsole_SendsSecurityHeaders(t *testing.T) {
	g := start(t)
	b := g.SignIn(t, "admin")
	for _, path := range []string{"/", "/sign-in", "/tenants/acme", "/tenants/acme/web-integrations", "/tenants/acme/web-integrations/new", "/tenants/none", "/sign-in/link?key=x"} {
		response, text := b.Get(path)
		for name, want := range map[string]string{
			"Content-Security-Policy":    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
			"Referrer-Policy":            "same-origin",
			"X-Content-Type-Options":     "nosniff",
			"Cross-Origin-Opener-Policy": "same-origin",
			"Cache-Control":              "no-store",
			"Content-Type":               "text/html; charset=utf-8",
		} {
			if got := response.Header.Values(name); len(got) != 1 || got[0] != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		if inline := regexp.MustCompile(`(?i)<script[^>]*>[^<]|<style|\sstyle=|\son\w+=|javascript:`).FindString(text); inline != "" {
			t.Errorf("%s: the page has %q, which the policy forbids", path, inline)
		}
	}
}

func TestSession_CookieFollowsTheClientsScheme(t *testing.T) {
	for _, row := range []struct {
		rule, proxies, forwarded, cookie string
		secure                           bool
	}{
		{"http", "", "", "originwarden-session", false},
		{"https at a proxy that is trusted", "trusted_proxies: [127.0.0.0/8]\n", "https", "__Host-originwarden-session", true},
		{"the rightmost value counts", "trusted_proxies: [127.0.0.0/8]\n", "https, http", "originwarden-session", false},
		{"https at a proxy that is not trusted", "", "https", "originwarden-session", false},
	} {
		t.Run(row.rule, func(t *testing.T) {
			g := gatewaytest.Start(t, row.proxies+configuration(t, gatewaytest.Token("admin", "*", "admin")))
			b := noRedirects(g.NewBrowser(t))
			var headers []string
			if row.forwarded != "" {
				headers = append(headers, "X-Forwarded-Proto: "+row.forwarded)
			}
			response, _ := b.Send(request(t, "POST", g.Admin+"/sign-in", "token="+gatewaytest.TokenOf("admin"), headers...))
			set := response.Cookies()
			if len(set) != 1 {
				t.Fatalf("got the cookies %v", set)
			}
			if c := set[0]; c.Name != row.cookie || c.Secure != row.secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || len(c.Value) < 26 {
				t.Errorf("got %+v", c)
			}
		})
	}
}

func TestSession_IsNewAtEachSignIn(t *testing.T) {
	g := start(t)
	b := noRedirects(g.NewBrowser(t))
	at, _ := url.Parse(g.Admin)
	b.Jar.SetCookies(at, []*http.Cookie{{Name: "originwarden-session", Value: "chosen-by-somebody-else", Path: "/"}})
	b.Post("/sign-in", "token", gatewaytest.TokenOf("admin"))
	first := b.Jar.Cookies(at)[0].Value
	b.Post("/sign-in", "token", gatewaytest.TokenOf("admin"))
	if second := b.Jar.Cookies(at)[0].Value; first == "chosen-by-somebody-else" || first == second {
		t.Errorf("the sessions were %q and %q", first, second)
	}
	other := noRedirects(g.NewBrowser(t))
	other.Jar.SetCookies(at, []*http.Cookie{{Name: "originwarden-session", Value: first, Path: "/"}})
	if response, _ := other.Get("/"); response.StatusCode != 303 {
		t.Errorf("the first session is valid after the second sign-in: %d", response.StatusCode)
	}
}

func TestSession_EndsAtSignOut(t *testing.T) {
	g := start(t)
	b := noRedirects(g.SignIn(t, "admin"))
	at, _ := url.Parse(g.Admin)
	kept := b.Jar.Cookies(at)
	b.Post("/sign-out")
	if left := b.Jar.Cookies(at); len(left) != 0 {
		t.Errorf("the browser still has %v", left)
	}
	b.Jar.SetCookies(at, kept)
	if response, _ := b.Get("/"); response.StatusCode != 303 {
		t.Errorf("the session is valid after the sign-out: %d", response.StatusCode)
	}
}

func TestSession_FollowsTheConfiguration(t *testing.T) {
	g := start(t)
	b := noRedirects(g.SignIn(t, "acme-admin"))
	form := []string{"name", "made", "origins", "https://app.example"}
	for _, row := range []struct {
		rule, token  string
		page, create int // statuses
	}{
		{"as before", gatewaytest.Token("acme-admin", "acme", "admin"), 200, 303},
		{"only a reader", gatewaytest.Token("acme-admin", "acme", "reader"), 200, 403},
		{"of another tenant", gatewaytest.Token("acme-admin", "other", "admin"), 403, 403},
		{"removed", gatewaytest.Token("admin", "*", "admin"), 303, 401},
		{"added again, after the session has ended", gatewaytest.Token("acme-admin", "acme", "admin"), 303, 401},
	} {
		t.Run(row.rule, func(t *testing.T) {
			g.Configure(t, configuration(t, row.token))
			g.Reload(t)
			if response, _ := b.Get("/tenants/acme"); response.StatusCode != row.page {
				t.Errorf("a page: %d, want %d", response.StatusCode, row.page)
			}
			if response, _ := b.Post("/tenants/acme/web-integrations", form...); response.StatusCode != row.create {
				t.Errorf("a form: %d, want %d", response.StatusCode, row.create)
			}
		})
	}
}

func TestReader_ChangesNothing(t *testing.T) {
	g := start(t)
	g.SignIn(t, "admin").Post("/tenants/acme/web-integrations", "name", "n", "origins", "https://a.example")
	id := integrationsOf(t, g)[0].ID
	b := g.SignIn(t, "reader")
	for _, path := range []string{"", "/web-integrations", "/web-integrations/" + id} {
		response, text := b.Get("/tenants/acme" + path)
		if response.StatusCode != 200 || strings.Contains(text, "/new") || strings.Contains(text, "/delete") || strings.Count(text, `method="post"`) != 1 { // to sign out
			t.Errorf("%s: %d %s", path, response.StatusCode, text)
		}
	}
	for _, path := range []string{"/web-integrations/new", "/web-integrations/" + id + "/delete"} {
		if response, _ := b.Get("/tenants/acme" + path); response.StatusCode != 403 {
			t.Errorf("%s: %d, want 403", path, response.StatusCode)
		}
	}
	for _, path := range []string{"/web-integrations", "/web-integrations/" + id, "/web-integrations/" + id + "/delete"} {
		if response, _ := b.Post("/tenants/acme"+path, "name", "m", "origins", "https://b.example", "revision", "1"); response.StatusCode != 403 {
			t.Errorf("POST %s: %d, want 403", path, response.StatusCode)
		}
	}
	if all := integrationsOf(t, g); len(all) != 1 || all[0].Name != "n" {
		t.Errorf("left are %v", all)
	}
}

func TestSignIn_GoesOnlyToPagesOfTheConsole(t *testing.T) {
	g := start(t)
	for to, want := range map[string]string{
		"/tenants/acme":              "/tenants/acme",
		"/tenants/acme?x=1":          "/tenants/acme?x=1",
		"":                           "/",
		"https://evil.example":       "/",
		"//evil.example":             "/",
		"//evil.example/tenants":     "/",
		`/\evil.example`:             "/",
		`/tenants\@evil.example`:     "/",
		"/\t/evil.example":           "/",
		"javascript:alert(1)":        "/",
		"/metrics":                   "/",
		"/sign-in":                   "/",
		"/sign-out":                  "/",
		"/tenants/../metrics":        "/",
		"/tenants/%2e%2e/metrics":    "/",
		"http:/tenants/acme":         "/",
		"/tenants/acme\r\nX-Evil: 1": "/",
	} {
		b := noRedirects(g.NewBrowser(t))
		response, _ := b.Post("/sign-in", "token", gatewaytest.TokenOf("admin"), "to", to)
		if got := response.Header.Get("Location"); response.StatusCode != 303 || got != want {
			t.Errorf("%q: %d to %q, want %q", to, response.StatusCode, got, want)
		}
	}
}

func TestSignIn_LimitsFailures(t *testing.T) {
	upstream := gatewaytest.StartUpstream(t)
	g := gatewaytest.Start(t, "tenants: [{id: acme, upstream: \""+upstream+"\"}]\n"+
		"api: {rate_limits: {failed: 2}, tokens: ["+gatewaytest.Token("admin", "*", "admin")+"]}\n")
	b := noRedirects(g.NewBrowser(t))
	statuses := []int{401, 401, 429, 429}
	for i, want := range statuses {
		response, text := b.Post("/sign-in", "token", "wrong")
		if response.StatusCode != want || (response.Header.Get("Retry-After") != "") != (want == 429) || response.Header.Get("WWW-Authenticate") != "" || strings.Contains(text, "wrong") {
			t.Errorf("attempt %d: %d %v, want %d", i, response.StatusCode, response.Header, want)
		}
	}
	if response, _ := b.Get("/sign-in/link?key=wrong"); response.StatusCode != 429 {
		t.Errorf("a link: %d, want 429", response.StatusCode)
	}
	if response, _ := b.Post("/sign-in", "token", gatewaytest.TokenOf("admin")); response.StatusCode != 303 {
		t.Errorf("a valid token: %d, want 303", response.StatusCode)
	}
}

func TestSignIn_LogsFailuresWithoutTheToken(t *testing.T) {
	g := start(t)
	b := g.NewBrowser(t)
	for _, attempt := range []func(){
		func() { b.Post("/sign-in", "token", "mistyped-secret") },
		func() { b.Get("/sign-in/link?key=mistyped-secret") },
	} {
		attempt()
		line := g.AwaitLog(t, "a sign-in to the console failed")
		if !strings.Contains(line, "127.0.0.1") || !strings.Contains(line, "401") || strings.Contains(line, "mistyped-secret") {
			t.Errorf("logged was %s", line)
		}
	}
}

func TestSignInLink_WorksOnce(t *testing.T) {
	g := start(t)
	link := g.Server.SignInLink(gatewaytest.TokenOf("acme-admin"))
	b := g.NewBrowser(t)
	if response, text := b.Get(link); response.StatusCode != 200 || !strings.Contains(text, `content="0; url=/"`) {
		t.Errorf("the first time: %d %s", response.StatusCode, text)
	}
	if response, _ := b.Get("/"); response.Request.URL.Path != "/tenants/acme" {
		t.Errorf("then: %s", response.Request.URL)
	}
	if response, text := g.NewBrowser(t).Get(link); response.StatusCode != 401 || !strings.Contains(text, "was used already") {
		t.Errorf("the second time: %d %s", response.StatusCode, text)
	}
	if response, _ := b.Get(link); response.Request.URL.Path != "/tenants/acme" {
		t.Errorf("again in the same browser: %s", response.Request.URL)
	}
}

func TestConsole_CanBeSwitchedOff(t *testing.T) {
	g := start(t)
	b := noRedirects(g.SignIn(t, "admin"))
	g.Configure(t, "admin: {console: false}\n"+configuration(t, gatewaytest.Token("admin", "*", "admin")))
	g.Reload(t)
	for _, path := range []string{"/", "/sign-in", "/tenants/acme"} {
		if response, text := b.Get(path); response.StatusCode != 404 || !strings.Contains(text, "NOT_FOUND") {
			t.Errorf("%s: %d %s", path, response.StatusCode, text)
		}
	}
	if response, _ := b.Get("/readyz"); response.StatusCode != 200 {
		t.Errorf("/readyz: %d", response.StatusCode)
	}
}
