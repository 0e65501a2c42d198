package consoletest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// browser is a tab with which a test uses the console of a gateway.
type browser struct {
	*tab
	t       *testing.T
	gateway *gateway
	tenant
	scripts bool
	clicks  int // since the last sign-in
}

// withAndWithoutScripts runs a flow in a browser with scripts, and in one without, each
// with a tenant of its own.
func withAndWithoutScripts(t *testing.T, flow func(t *testing.T, b *browser)) {
	t.Helper()
	t.Parallel()
	for _, scripts := range []bool{true, false} {
		t.Run(map[bool]string{true: "with scripts", false: "without scripts"}[scripts], func(t *testing.T) {
			t.Parallel()
			flow(t, openBrowser(t, shared.of(t), nextTenant(t), scripts))
		})
	}
}

func openBrowser(t *testing.T, g *gateway, of tenant, scripts bool) *browser {
	t.Helper()
	b := &browser{tab: takeTab(t), t: t, gateway: g, tenant: of, scripts: scripts}
	b.call(func(tab context.Context) error {
		_, err := chromedp.Call(tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !scripts})
		return err
	})
	b.do(chromedp.EmulateViewport(1200, 900))
	return b
}

// another opens another browser on the same tenant.
func (b *browser) another() *browser { return openBrowser(b.t, b.gateway, b.tenant, b.scripts) }

func (b *browser) call(f func(tab context.Context) error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.tab, time.Minute)
	defer cancel()
	if err := f(ctx); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	b.call(func(tab context.Context) error { return chromedp.Do(tab, steps...) })
}

// open opens a page of the console.
func (b *browser) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate("http://" + b.gateway.admin + path))
}

// openTenant opens a page of the tenant.
func (b *browser) openTenant(path string) {
	b.t.Helper()
	b.open("/tenants/" + b.id + path)
}

// signIn signs in by a token.
func (b *browser) signIn(token string) {
	b.t.Helper()
	b.open("/sign-in")
	b.enterToken(token)
	b.clicks = 0
}

func (b *browser) enterToken(token string) {
	b.t.Helper()
	b.enter("#token", token)
	b.click("form.stack button")
}

// enter replaces the text of a field.
func (b *browser) enter(selector, text string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
	evaluate[bool](b, "document.activeElement.select(), true")
	b.call(func(tab context.Context) error {
		_, err := chromedp.Call(tab, input.InsertText, input.InsertTextParams{Text: text})
		return err
	})
}

// click clicks a link or a button that leads to another page, and waits for it.
func (b *browser) click(selector string) {
	b.t.Helper()
	b.clicks++
	b.call(func(tab context.Context) error {
		_, err := chromedp.RunResponse(tab, chromedp.Click(chromedp.CSS(selector)))
		if err != nil {
			return fmt.Errorf("clicking %s: %w\n%s", selector, err, b.text())
		}
		return nil
	})
}

// text returns the text of the page.
func (b *browser) text() string {
	b.t.Helper()
	return evaluate[string](b, "document.body.innerText")
}

// valueOf returns what a field has.
func (b *browser) valueOf(selector string) string {
	b.t.Helper()
	return evaluate[string](b, "document.querySelector("+quote(selector)+").value")
}

// wants checks that the page has texts.
func (b *browser) wants(texts ...string) {
	b.t.Helper()
	page := b.text()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			b.t.Fatalf("the page lacks %q:\n%s", text, page)
		}
	}
}

// lacks checks that the page does not have texts.
func (b *browser) lacks(texts ...string) {
	b.t.Helper()
	page := b.text()
	for _, text := range texts {
		if strings.Contains(page, text) {
			b.t.Fatalf("the page has %q:\n%s", text, page)
		}
	}
}

// awaits waits until a script has put a text into the page.
func (b *browser) awaits(text string) {
	b.t.Helper()
	evaluate[bool](b, `new Promise(done => {
		const look = () => document.body.innerText.includes(`+quote(text)+`) && (done(true), true);
		if (!look()) new MutationObserver((_, watch) => look() && watch.disconnect()).observe(document.body, {childList: true, subtree: true, characterData: true});
	})`)
}

func quote(text string) string {
	quoted, _ := json.Marshal(text) // which cannot fail
	return string(quoted)
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
