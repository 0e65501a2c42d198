package consoletest_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// tab is a tab of Chromium with cookies of its own. One flow after the other uses it.
type tab struct {
	context.Context

	mu       sync.Mutex
	failures []string // what the browser reports: violations of the CSP, errors of scripts
	asked    int      // how often the browser asked before it left a page
}

// idle has the tabs that no flow uses.
var idle = make(chan *tab, 16)

// takeTab returns a tab without cookies. It is given back when the test ends.
func takeTab(t *testing.T) *tab {
	t.Helper()
	var taken *tab
	select {
	case taken = <-idle:
	default:
		taken = newTab(t)
	}
	t.Cleanup(func() { taken.giveBack(t) })
	return taken
}

func newTab(t *testing.T) *tab {
	t.Helper()
	ctx, _ := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext()) // it ends with Chromium
	made := &tab{Context: ctx}
	if err := chromedp.Listen(ctx, made.record); err != nil {
		t.Fatal(err)
	}
	_, err := chromedp.Call(ctx, audits.Enable, cdp.Empty{})
	if err == nil {
		_, err = chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	}
	if err != nil {
		t.Fatal(err)
	}
	go made.recordMessages(chromedp.Console(ctx))
	return made
}

// giveBack reports what the browser has reported, and leaves the page.
func (b *tab) giveBack(t *testing.T) {
	err := chromedp.Do(b, chromedp.Navigate("about:blank"))
	if err == nil {
		_, err = chromedp.Call(b, network.ClearBrowserCookies, cdp.Empty{})
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, failure := range b.failures {
		t.Errorf("the browser reports: %s", failure)
	}
	b.failures, b.asked = nil, 0
	if err == nil {
		idle <- b
	}
}

func (b *tab) fail(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures = append(b.failures, text)
}

// timesAsked returns how often the browser asked before it left a page.
func (b *tab) timesAsked() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked
}

// record records what the browser reports. It answers its dialogs with yes.
func (b *tab) record(event any) {
	switch e := event.(type) {
	case *audits.EventIssueAdded:
		if e.Issue.Details != nil && e.Issue.Details.ContentSecurityPolicyIssueDetails != nil {
			b.fail(fmt.Sprintf("the Content-Security-Policy was violated: %+v", *e.Issue.Details.ContentSecurityPolicyIssueDetails))
		}
	case *page.EventJavascriptDialogOpening:
		if e.Type == page.DialogTypeBeforeunload {
			b.mu.Lock()
			b.asked++
			b.mu.Unlock()
		} else {
			b.fail("a script of the page says " + e.Message)
		}
		go chromedp.Call(b, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
	}
}

func (b *tab) recordMessages(messages iter.Seq2[chromedp.ConsoleMessage, error]) {
	for m, err := range messages {
		if err != nil {
			return
		}
		// A page of an error status is one that a test wants to see.
		if (m.IsException() || m.Type == "error") && !strings.Contains(m.Text, "the server responded with a status") {
			b.fail(m.String())
		}
	}
}
