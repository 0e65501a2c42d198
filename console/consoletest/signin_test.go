package consoletest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// endSession ends the session of the browser, which keeps its cookie.
func (b *browser) endSession() {
	b.t.Helper()
	b.call(func(tab context.Context) error {
		found, err := chromedp.Call(tab, network.GetCookies, network.GetCookiesParams{})
		if err != nil {
			return err
		}
		r, err := http.NewRequest(http.MethodPost, "http://"+b.gateway.admin+"/sign-out", nil)
		if err != nil {
			return err
		}
		for _, c := range found.Cookies {
			r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
		}
		response, err := http.DefaultTransport.RoundTrip(r)
		if err == nil {
			response.Body.Close()
		}
		return err
	})
}

func TestSignIn_ByTokenAndOut(t *testing.T) {
	withAndWithoutScripts(t, func(t *testing.T, b *browser) {
		b.openTenant("/history")
		b.wants("Sign in")
		b.enterToken("mistyped-" + b.administrator)
		b.wants("This token is not valid here")
		b.checkState("sign-in-wrong")
		b.enterToken(b.administrator)
		b.wants("No list of this tenant was changed yet", "anton", "administrator")
		b.click("form.user button")
		b.wants("You have signed out")
		b.openTenant("/history")
		b.wants("Sign in")
		b.lacks("anton")
	})
}

func TestSignIn_LimitsFailures(t *testing.T) {
	t.Parallel()
	g, acme := startGateway(t, "  rate_limits: {failed: 2}\n")
	b := openBrowser(t, g, acme, false)
	b.open("/sign-in")
	for range 2 {
		b.enterToken("wrong")
		b.wants("This token is not valid here")
	}
	b.enterToken("wrong")
	b.wants("There were too many failed attempts from your address")
	b.enterToken(b.administrator)
	b.wants("List the first origin")
}

// What somebody has entered outlives the session.
func TestSession_ThatEndsKeepsTheForm(t *testing.T) {
	withAndWithoutScripts(t, func(t *testing.T, b *browser) {
		b.signIn(b.administrator)
		b.openTenant("/web-integrations/new")
		b.enter("#name", `kept "<b>&amp;`)
		b.enter("#origins", app)
		b.endSession()
		b.click(save)
		b.wants("Your session has ended. Nothing was changed, and what you entered is kept")
		b.checkState("session-ended")
		b.enterToken("wrong")
		b.wants("This token is not valid here")
		b.enterToken(b.administrator)
		b.wants("You are signed in again", "It has not been saved yet")
		b.serves(app, http.StatusForbidden)
		b.checkState("signed-in-again")
		b.click("main form .primary")
		b.wants("was created", `kept "<b>&amp;`)
		b.serves(app, http.StatusOK)
	})
}

func TestAdministrator_SeesOneTenant(t *testing.T) {
	withAndWithoutScripts(t, func(t *testing.T, b *browser) {
		b.gateway.create(b.reporting().host, "secret-name", app)
		b.signIn(b.administrator)
		b.open("/")
		b.wants("Overview")
		b.lacks("All tenants", "Fleet")
		for _, path := range []string{"", "/web-integrations", "/refused", "/ready", "/ask?origin=" + app, "/history", "/history/1/undo"} {
			b.open("/tenants/" + b.reporting().id + path)
			b.wants("not for this tenant")
			b.lacks("secret-name")
		}
		b.checkState("forbidden")
	})
}

func TestSignIn_ByIssuer(t *testing.T) {
	for _, scripts := range []bool{true, false} {
		t.Run(map[bool]string{true: "with scripts", false: "without scripts"}[scripts], func(t *testing.T) {
			t.Parallel()
			g, acme, i := startWithIssuer(t)
			i.addUser("alice", "alice", "TenantAdmin")
			i.addUser("rob", "rob", "Viewer")
			b := openBrowser(t, g, acme, scripts)
			b.openTenant("/web-integrations/new")
			b.checkState("sign-in-issuer")
			b.click("main a.button")
			b.signInAt("alice")
			b.wants("New web integration", "alice", "administrator")
			b.enter("#name", "production")
			b.enter("#origins", app)
			b.endSession()
			b.click(save)
			b.wants("Your session has ended", "in a new tab")
			b.checkState("session-ended-issuer")
			b.enterToken(b.administrator)
			b.wants("You are signed in again")
			b.click("main form .primary")
			b.wants("was created", "production")
			b.click("form.user button")
			b.click("main a.button")
			b.signInAt("rob")
			b.wants("rob", "reader", "Overview")
			b.lacks("Create", "Needs attention")
		})
	}
}

// Whatever an issuer calls its users, it is text.
func TestSubject_IsNeverMarkup(t *testing.T) {
	t.Parallel()
	g, acme, i := startWithIssuer(t)
	for name, subject := range map[string]string{
		"markup": `<img src=x onerror=alert(1)>"'><script>alert(2)</script>{{.}}`,
		"bidi":   "admin\u202e\u2066gnp.exe\u2069\u200b",
		"long":   strings.Repeat("\U0001d504", 256),
	} {
		i.addUser(name, subject, "TenantAdmin")
		b := openBrowser(t, g, acme, true)
		b.open("/sign-in")
		b.click("main a.button")
		b.signInAt(name)
		b.wants(subject)
		b.openTenant("/web-integrations/new")
		b.enter("#name", name)
		b.click(save)
		for _, path := range []string{"", "/web-integrations", "/history"} {
			b.openTenant(path)
			b.wants(subject)
			b.checkState("subject-" + name + strings.ReplaceAll(path, "/", "-"))
		}
	}
}
