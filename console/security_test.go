package console_test

import (
	"encoding/json"
	"net/http"
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
