package migrate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

const (
	shop    = "https://shop.example.com"    // listed, and let in by the old rules
	staging = "https://staging.example.com" // not listed, and let in by the old rules
	partner = "https://partner.example.net" // neither
)

// A step is a row of the page's tables.
type step struct {
	name  string
	edge  int    // which of the edge's configurations
	mode  string // of the gateway
	rules bool   // of the application

	want             state    // that the way through the edge comes to
	staging, partner attempts // what works for pages that are not listed
}

var (
	old      = state{Preflights: "the rules'", Headers: "the rules'"}
	watched  = state{Gateway: true, Preflights: "the rules'", Headers: "the rules'"}
	set      = state{Gateway: true, Preflights: "the gateway's", Headers: "the gateway's"}
	enforced = state{Gateway: true, Preflights: "the gateway's", Headers: "the gateway's", Refuses: true}

	works     = attempts{Get: true, Put: true, Socket: true}
	unread    = attempts{Socket: true}
	forbidden = attempts{}
)

func TestMigrate_BehindTheEdge(t *testing.T) {
	for _, product := range []product{nginx, caddy, haproxy} {
		t.Run(strings.TrimPrefix(product.heading, "## "), func(t *testing.T) {
			w := newWay(t, product, configurations(t, product.heading))
			w.list(t, shop)
			w.goThrough(t, []step{
				{"0: the old rules", 0, "report", false, old, works, unread},
				{"1: the gateway is put in", 1, "report", false, watched, works, unread},
				{"2: the gateway sets headers, which the edge removes", 1, "headers", false, watched, works, unread},
				{"3: the rules are taken out", 2, "headers", false, set, unread, unread},
				{"4: the gateway enforces", 2, "enforce", false, enforced, forbidden, forbidden},
			})
		})
	}
}

func TestMigrate_ApplicationMiddleware(t *testing.T) {
	forwarding := configurations(t, nginx.heading)
	behind := forwarding[len(forwarding)-1]
	direct := replaceOnce(t, behind, "127.0.0.1:8080", "127.0.0.1:3000")
	w := newWay(t, nginx, []string{direct, applyDiff(t, direct, readSection(t, "## Application middleware")[0].text)})
	w.list(t, shop)
	w.goThrough(t, []step{
		{"0: the old rules", 0, "report", true, old, works, unread},
		{"1: the gateway is put in", 1, "report", true, watched, works, unread},
		{"2: the gateway sets headers", 1, "headers", true, set, unread, unread},
		{"3: the gateway enforces", 1, "enforce", true, enforced, forbidden, forbidden},
		{"4: the rules are taken out", 1, "enforce", false, enforced, forbidden, forbidden},
	})
}

// An edge that keeps its rules and removes nothing is why the page has an order:
// the listed page is to break here, or this browser proves nothing.
func TestMigrate_BreaksWithTwoHeaders(t *testing.T) {
	rules := configurations(t, nginx.heading)[0]
	w := newWay(t, nginx, []string{rules, replaceOnce(t, rules, "127.0.0.1:3000", "127.0.0.1:8080")})
	w.list(t, shop)
	listed := openPage(t, w.browser, shop)
	w.take(t, step{edge: 1, mode: "report", want: watched})
	listed.expect(t, "report", works)
	w.gateway.setMode(t, "headers")
	listed.expect(t, "headers", unread)
}

// goThrough goes through all steps and back, while a listed page asks.
func (w *way) goThrough(t *testing.T, steps []step) {
	t.Helper()
	w.take(t, steps[0]) // the page is to find the old rules
	listed, staging, partner := openPage(t, w.browser, shop), openPage(t, w.browser, staging), openPage(t, w.browser, partner)
	run[chromedp.Void](t, listed, "void keepAsking()")
	back := slices.Clone(steps[:len(steps)-1])
	slices.Reverse(back)
	for _, step := range append(slices.Clone(steps), back...) {
		w.take(t, step)
		staging.expect(t, step.name, step.staging)
		partner.expect(t, step.name, step.partner)
		listed.expectNoFailure(t, step.name, w.edge.keepsSockets)
	}
}

// expect fails the test if a page does not come to see what it should.
func (p *page) expect(t *testing.T, step string, want attempts) {
	t.Helper()
	for until := deadline(); ; {
		got := run[attempts](t, p, "attempts()")
		if got == want {
			return
		}
		if until.passed() {
			t.Fatalf("%s: %s: %+v, want %+v", step, p.origin, got, want)
		}
	}
}

// expectNoFailure waits until a page has asked for everything three times more,
// and fails the test if anything has not worked since the page was opened.
func (p *page) expectNoFailure(t *testing.T, step string, keepsSockets bool) {
	t.Helper()
	seen := run[struct {
		Rounds, Lost int
		Failures     []string
	}](t, p, "more(3)")
	if len(seen.Failures) > 0 {
		p.mu.Lock()
		t.Fatalf("%s: %s is broken: %q, for these reasons: %q", step, p.origin, seen.Failures, p.reasons)
	}
	if keepsSockets && seen.Lost > 0 {
		t.Fatalf("%s: %s lost a WebSocket that was open", step, p.origin)
	}
	t.Logf("%s: %d rounds, %d open WebSockets lost", step, seen.Rounds, seen.Lost)
}
