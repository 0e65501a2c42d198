package consoletest_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// maxPage is the maximum size of a page with all that it loads, in bytes.
const maxPage = 50_000

// A page of the console, for the checks of all pages.
type page struct{ name, path string }

// pages returns every page, on a gateway that has something to show on each.
func pages(g *gateway) []page {
	production := g.create(acmeHost, "production", app, "https://www.example.com", "http://intranet.example.com")
	g.create(acmeHost, "A name with <script>alert(1)</script> & \"quotes\" 'of' {{both}} kinds", "https://other.example.com")
	g.edit(acmeHost, production, app, "https://www.example.com", "https://app.example.com:8443")
	g.create(betaHost, "partners", "https://partner.example.org")
	for origin, requests := range map[string]int{"https://app.example.com:9443": 12, "http://www.example.com": 3, "https://evil.example": 40,
		"null": 2, `https://a.example/"><script>alert(1)</script>`: 1, "https://" + strings.Repeat("long-", 11) + "." + strings.Repeat("name-", 11) + "x.example.com": 1} {
		for range requests {
			g.request(acmeHost, http.MethodGet, "/orders/%3Cscript%3E/"+strings.Repeat("deep/", 10)+"17", origin)
			g.request(betaHost, http.MethodGet, "/orders", origin)
		}
	}
	for range 60 {
		g.request(acmeHost, http.MethodGet, "/orders", app)
	}
	return []page{
		{"tenants", "/"},
		{"overview", "/tenants/acme"},
		{"overview-report", "/tenants/beta"},
		{"integrations", "/tenants/acme/web-integrations"},
		{"integration", "/tenants/acme/web-integrations/" + production},
		{"integration-new", "/tenants/acme/web-integrations/new"},
		{"integration-delete", "/tenants/acme/web-integrations/" + production + "/delete"},
		{"refused", "/tenants/acme/refused"},
		{"refused-none", "/tenants/acme/refused?show=dismissed"},
		{"ready", "/tenants/beta/ready"},
		{"ask", "/tenants/acme/ask"},
		{"ask-mistakes", "/tenants/acme/ask?origin=x&method=A+B&path=y"},
		{"ask-allowed", "/tenants/acme/ask?origin=" + app + "&method=PUT&path=/orders/17&headers=content-type"},
		{"ask-refused", "/tenants/acme/ask?origin=http%3A%2F%2Fapp.example.com&method=GET&path=/orders/17"},
		{"history", "/tenants/acme/history"},
		{"history-undo", "/tenants/acme/history/3/undo"},
		{"history-conflict", "/tenants/acme/history/1/undo"},
		{"fleet", "/fleet"},
		{"not-found", "/tenants/acme/web-integrations/none"},
	}
}

// A way in which a page is shown.
type look struct {
	name  string
	dark  bool
	width int64
}

func looks() []look {
	return []look{{"light", false, 1200}, {"dark", true, 1200}, {"narrow", false, 390}}
}

func (b *browser) look(l look) {
	b.t.Helper()
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	b.call(func(tab context.Context) error {
		_, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
		return err
	})
	b.do(chromedp.EmulateViewport(l.width, 900))
}

// Every page, light, dark and on a small screen: axe finds nothing, it is not wider than
// the screen, it weighs at most 50 kB with all that it loads, and the browser reports no
// violation of the Content-Security-Policy and no error of a script.
func TestPages(t *testing.T) {
	axe, err := os.ReadFile(filepath.Join("scripts", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatalf("%v (after npm ci in the folder scripts?)", err)
	}
	g := startGateway(t)
	all := pages(g)
	b := openBrowser(t, g)
	for _, l := range looks() {
		b.look(l)
		b.open("/sign-in")
		b.check(string(axe), l, page{name: "sign-in"})
	}
	b.signIn(operatorToken)
	for _, p := range all {
		for i, l := range looks() {
			b.look(l)
			b.open(p.path)
			if i == 0 {
				b.checkSize(p)
			}
			b.check(string(axe), l, p)
		}
	}
}

// checkSize checks the size of the page, with nothing in the browser's cache.
func (b *browser) checkSize(p page) {
	b.t.Helper()
	const script = `performance.getEntriesByType("navigation").concat(performance.getEntriesByType("resource")).reduce((sum, e) => sum + e.encodedBodySize, 0)`
	if size := evaluate[int64](b, script); size < 1000 || size > maxPage {
		b.t.Errorf("%s: %d bytes", p.name, size)
	}
}

func (b *browser) check(axe string, l look, p page) {
	b.t.Helper()
	if dir := os.Getenv("SCREENSHOTS"); dir != "" {
		b.screenshot(filepath.Join(dir, p.name+"-"+l.name+".png"))
	}
	if width := evaluate[int64](b, "document.documentElement.scrollWidth"); width > l.width {
		b.t.Errorf("%s, %s: it is %d pixels wide", p.name, l.name, width)
	}
	const script = `axe.run(document, {resultTypes: ["violations"]}).then(found => found.violations.map(v =>
		v.id + ": " + v.help + "\n" + v.nodes.map(n => "  " + n.html + "\n  " + n.failureSummary).join("\n")))`
	evaluate[bool](b, axe+";true")
	for _, violation := range evaluate[[]string](b, script) {
		b.t.Errorf("%s, %s: axe: %s", p.name, l.name, violation)
	}
}

func (b *browser) screenshot(file string) {
	b.t.Helper()
	b.call(func(tab context.Context) error {
		picture, err := chromedp.Run(tab, chromedp.FullScreenshot(100))
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		return os.WriteFile(file, picture, 0o600)
	})
}

// evaluate returns the value of an expression in the page, or of its promise.
func evaluate[T any](b *browser, expression string) (value T) {
	b.t.Helper()
	b.call(func(tab context.Context) (err error) {
		value, err = chromedp.Run(tab, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
		return err
	})
	return value
}
