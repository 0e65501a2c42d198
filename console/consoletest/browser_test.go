package consoletest_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// browser is a tab of Chromium with cookies of its own.
type browser struct {
	t       *testing.T
	tab     context.Context
	gateway *gateway

	mu       sync.Mutex
	clicks   int      // since the last sign-in
	failures []string // what the browser reports: violations of the CSP, errors of scripts
}

// withAndWithoutScripts runs a flow in a browser with scripts, and in one without.
func withAndWithoutScripts(t *testing.T, flow func(t *testing.T, b *browser)) {
	t.Helper()
	for name, scripts := range map[string]bool{"with scripts": true, "without scripts": false} {
		t.Run(name, func(t *testing.T) {
			b := openBrowser(t, startGateway(t))
			if !scripts {
				b.call(func(tab context.Context) error {
					_, err := chromedp.Call(tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
					return err
				})
			}
			flow(t, b)
		})
	}
}

func openBrowser(t *testing.T, g *gateway) *browser {
	t.Helper()
	tab, cancel := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	b := &browser{t: t, tab: tab, gateway: g}
	if err := chromedp.Listen(tab, b.record); err != nil {
		t.Fatal(err)
	}
	b.call(func(tab context.Context) error {
		_, err := chromedp.Call(tab, audits.Enable, cdp.Empty{})
		return err
	})
	messages := chromedp.Console(tab)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			// A page of an error status is one that a test wants to see.
			if (m.IsException() || m.Type == "error") && !strings.Contains(m.Text, "the server responded with a status") {
				b.fail(m.String())
			}
		}
	}()
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, failure := range b.failures {
			t.Errorf("the browser reports: %s", failure)
		}
	})
	b.do(chromedp.EmulateViewport(1200, 900))
	return b
}

func (b *browser) fail(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures = append(b.failures, text)
}

// record records what the browser reports.
func (b *browser) record(event any) {
	added, ok := event.(*audits.EventIssueAdded)
	if ok && added.Issue.Details != nil && added.Issue.Details.ContentSecurityPolicyIssueDetails != nil {
		b.fail(fmt.Sprintf("the Content-Security-Policy was violated: %+v", *added.Issue.Details.ContentSecurityPolicyIssueDetails))
	}
}

func (b *browser) call(f func(tab context.Context) error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.tab, 30*time.Second)
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

// signIn signs in by a token.
func (b *browser) signIn(token string) {
	b.t.Helper()
	b.open("/sign-in")
	b.enter("#token", token)
	b.click("form.stack button")
	b.clicks = 0
}

// enter replaces the text of a field.
func (b *browser) enter(selector, text string) {
	b.t.Helper()
	b.do(chromedp.Clear(chromedp.CSS(selector)), chromedp.SendKeys(chromedp.CSS(selector), text))
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
func (b *browser) text() (text string) {
	b.t.Helper()
	b.call(func(tab context.Context) (err error) {
		text, err = chromedp.Run(tab, chromedp.Evaluate[string]("document.body.innerText"))
		return err
	})
	return text
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
