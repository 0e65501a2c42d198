package console_test

import (
	"strings"
	"testing"

	"originwarden/console/gatewaytest"
)

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
