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

// namedPage is a page of the console, for the checks of all pages.
type namedPage struct{ name, path string }

// pages returns every page, on a gateway that has something to show on each.
func pages(g *gateway, acme tenant) []namedPage {
	report := acme.reporting()
	production := g.create(acme.host, "production", app, "https://www.example.com", "http://intranet.example.com")
	g.create(acme.host, "A name with <script>alert(1)</script> & \"quotes\" 'of' {{both}} kinds", "https://other.example.com")
	g.edit(acme.host, production, app, "https://www.example.com", "https://app.example.com:8443")
	g.create(report.host, "partners", "https://partner.example.org")
	for origin, requests := range map[string]int{"https://app.example.com:9443": 12, "http://www.example.com": 3, "https://evil.example": 40,
		"null": 2, `https://a.example/"><script>alert(1)</script>`: 1, "https://" + strings.Repeat("long-", 11) + "." + strings.Repeat("name-", 11) + "x.example.com": 1} {
		for range requests {
			g.request(acme.host, http.MethodGet, "/orders/%3Cscript%3E/"+strings.Repeat("deep/", 10)+"17", origin)
			g.request(report.host, http.MethodGet, "/orders", origin)
		}
	}
	for range 60 {
		g.request(acme.host, http.MethodGet, "/orders", app)
	}
	return []namedPage{
		{"tenants", "/"},
		{"tenants-none", "/?q=nothing"},
		{"overview", "/tenants/acme"},
		{"overview-report", "/tenants/acme-report"},
		{"integrations", "/tenants/acme/web-integrations"},
		{"integrations-none", "/tenants/acme/web-integrations?q=nothing"},
		{"integrations-unlisted", "/tenants/acme/web-integrations?q=https://unlisted.example"},
		{"integrations-choose", "/tenants/acme/web-integrations?origin=https://unlisted.example"},
		{"integration", "/tenants/acme/web-integrations/" + production},
		{"integration-new", "/tenants/acme/web-integrations/new"},
		{"integration-mistakes", "/tenants/acme/web-integrations/new?origin=HTTP%3A%2F%2FApp.Example.COM%3A80%0Ahttps%3A%2F%2Fapp.example.com%2Fpath%0Ahttps%3A%2F%2F" + strings.Repeat("long.", 40) + "example.com%0Afoo"},
		{"integration-delete", "/tenants/acme/web-integrations/" + production + "/delete"},
		{"refused", "/tenants/acme/refused"},
		{"refused-none", "/tenants/acme/refused?show=dismissed"},
		{"ready", "/tenants/acme-report/ready"},
		{"ask", "/tenants/acme/ask"},
		{"ask-mistakes", "/tenants/acme/ask?origin=x&method=A+B&path=y"},
		{"ask-allowed", "/tenants/acme/ask?origin=" + app + "&method=PUT&path=/orders/17&headers=content-type"},
		{"ask-refused", "/tenants/acme/ask?origin=http%3A%2F%2Fapp.example.com&method=GET&path=/orders/17"},
		{"history", "/tenants/acme/history"},
		{"history-none", "/tenants/acme/history?origin=https://unlisted.example"},
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
	t.Parallel()
	g, acme := startGateway(t, "")
	all := pages(g, acme)
	b := openBrowser(t, g, acme, true)
	b.open("/sign-in")
	b.checkLooks("sign-in")
	b.signIn(operatorToken)
	for _, p := range all {
		b.open(p.path)
		b.checkSize(p.name)
		b.checkLooks(p.name)
	}
}

// checkLooks checks the page in each look, without loading it again.
func (b *browser) checkLooks(name string) {
	b.t.Helper()
	b.checkIn(looks(), name)
}

// checkState checks a page to which a flow has led, such as the answer to a form. One look
// is enough, because all pages share their style sheet; pictures are taken of each.
func (b *browser) checkState(name string) {
	b.t.Helper()
	if os.Getenv("SCREENSHOTS") != "" {
		b.checkLooks(name)
	} else {
		b.checkIn([]look{{"dark and narrow", true, 390}}, name)
	}
}

func (b *browser) checkIn(all []look, name string) {
	b.t.Helper()
	if !b.scripts {
		return // axe is a script
	}
	evaluate[bool](b, axe+";true")
	for _, l := range all {
		b.look(l)
		b.check(l, name)
	}
	b.look(looks()[0])
}

// checkSize checks the size of the page, with nothing in the browser's cache.
func (b *browser) checkSize(name string) { b.t.Helper(); b.checkSizeUpTo(name, maxPage) }

func (b *browser) checkSizeUpTo(name string, limit int64) {
	b.t.Helper()
	const script = `performance.getEntriesByType("navigation").concat(performance.getEntriesByType("resource")).reduce((sum, e) => sum + e.encodedBodySize, 0)`
	if size := evaluate[int64](b, script); size < 1000 || size > limit {
		b.t.Errorf("%s: %d bytes", name, size)
	}
}

func (b *browser) check(l look, name string) {
	b.t.Helper()
	if dir := os.Getenv("SCREENSHOTS"); dir != "" {
		b.screenshot(filepath.Join(dir, name+"-"+l.name+".png"))
	}
	if width := evaluate[int64](b, "document.documentElement.scrollWidth"); width > l.width {
		b.t.Errorf("%s, %s: it is %d pixels wide", name, l.name, width)
	}
	rules := ""
	if l == (look{"dark", true, 1200}) { // all others were checked in the light look
		rules = `, runOnly: {type: "rule", values: ["color-contrast", "link-in-text-block"]}`
	}
	script := `axe.run(document, {resultTypes: ["violations"], preload: false` + rules + `}).then(found => found.violations.map(v =>
		v.id + ": " + v.help + "\n" + v.nodes.map(n => "  " + n.html + "\n  " + n.failureSummary).join("\n")))`
	for _, violation := range evaluate[[]string](b, script) {
		b.t.Errorf("%s, %s: axe: %s", name, l.name, violation)
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
