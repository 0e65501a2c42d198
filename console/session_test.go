package console_test

import (
	"net/http"
	"net/url"
	"testing"

	"originwarden/console/gatewaytest"
)

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
