package migrate_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

const (
	shop    = "https://shop.example.com"     // listed, and allowed by the old rules
	staging = "https://staging.example.com"  // not listed, but allowed by the old rules
	partner = "https://partner.example.net"  // neither
	added   = "https://new.shop.example.com" // listed, but not allowed by the old rules
)

// A step is a row of the tables in migrate.md.
type step struct {
	name  string
	edge  int    // index of the edge's configuration
	mode  string // of the gateway
	rules bool   // whether the application applies its rules

	want                    state    // of the deployment, for requests through the edge
	staging, partner, added attempts // what works for these pages
}

var (
	oldRules       = state{Preflights: "the rules'", Headers: "the rules'"}
	reporting      = state{Gateway: true, Preflights: "the rules'", Headers: "the rules'"}
	settingHeaders = state{Gateway: true, Preflights: "the gateway's", Headers: "the gateway's"}
	enforcing      = state{Gateway: true, Preflights: "the gateway's", Headers: "the gateway's", Refuses: true}

	works      = attempts{Get: true, Put: true, Socket: true}
	unreadable = attempts{Socket: true}
	forbidden  = attempts{}
)

func TestMigrate_BehindTheEdge(t *testing.T) {
	for _, product := range []product{nginx, caddy, haproxy, traefik} {
		t.Run(strings.TrimPrefix(product.heading, "## "), func(t *testing.T) {
			if _, err := exec.LookPath(product.command); err != nil && product.command == traefik.command {
				t.Skip("traefik is not installed")
			}
			d := startDeployment(t, product, configurations(t, product.heading))
			d.listOrigins(t, shop, added)
			d.runSteps(t, []step{
				{"0: old rules", 0, "report", false, oldRules, works, unreadable, unreadable},
				{"1: add the gateway", 1, "report", false, reporting, works, unreadable, unreadable},
				{"2: set headers, which the edge removes", 1, "headers", false, reporting, works, unreadable, unreadable},
				{"3: remove the rules", 2, "headers", false, settingHeaders, unreadable, unreadable, works},
				{"4: enforce", 2, "enforce", false, enforcing, forbidden, forbidden, works},
			})
		})
	}
}

func TestMigrate_ApplicationMiddleware(t *testing.T) {
	forwarding := configurations(t, nginx.heading)
	behind := forwarding[len(forwarding)-1]
	direct := replaceOnce(t, behind, "127.0.0.1:8080", "127.0.0.1:3000")
	d := startDeployment(t, nginx, []string{direct, applyDiff(t, direct, readSection(t, "## Application middleware")[0].text)})
	d.listOrigins(t, shop, added)
	d.runSteps(t, []step{
		{"0: old rules", 0, "report", true, oldRules, works, unreadable, unreadable},
		{"1: add the gateway", 1, "report", true, reporting, works, unreadable, unreadable},
		{"2: set headers", 1, "headers", true, settingHeaders, unreadable, unreadable, works},
		{"3: enforce", 1, "enforce", true, enforcing, forbidden, forbidden, works},
		{"4: remove the rules", 1, "enforce", false, enforcing, forbidden, forbidden, works},
	})
}

// An edge that keeps its rules and does not remove the gateway's headers breaks the
// listed page. This is the reason for the order of the steps, and it shows that the
// browser would notice.
func TestMigrate_FailsWithDuplicateHeaders(t *testing.T) {
	rules := configurations(t, nginx.heading)[0]
	d := startDeployment(t, nginx, []string{rules, replaceOnce(t, rules, "127.0.0.1:3000", "127.0.0.1:8080")})
	d.listOrigins(t, shop)
	listed := openPage(t, d.browser, shop)
	d.applyStep(t, step{edge: 1, mode: "report", want: reporting})
	listed.expect(t, "report", works)
	d.gateway.setMode(t, "headers")
	listed.expect(t, "headers", unreadable)
}

// runSteps takes all steps and goes back, while a listed page sends requests.
func (d *deployment) runSteps(t *testing.T, steps []step) {
	t.Helper()
	d.applyStep(t, steps[0]) // the pages open with the old rules
	listed, staging := openPage(t, d.browser, shop), openPage(t, d.browser, staging)
	partner, added := openPage(t, d.browser, partner), openPage(t, d.browser, added)
	runScript[chromedp.Void](t, listed, "void keepRequesting()")
	back := slices.Clone(steps[:len(steps)-1])
	slices.Reverse(back)
	for _, step := range append(slices.Clone(steps), back...) {
		d.applyStep(t, step)
		staging.expect(t, step.name, step.staging)
		partner.expect(t, step.name, step.partner)
		added.expect(t, step.name, step.added)
		listed.expectNoFailure(t, step.name, d.edge.keepsSockets)
	}
}

// expect waits until exactly the wanted attempts work for a page.
func (p *page) expect(t *testing.T, step string, want attempts) {
	t.Helper()
	for limit := newDeadline(); ; {
		got := runScript[attempts](t, p, "attempts()")
		if got == want {
			return
		}
		if limit.passed() {
			t.Fatalf("%s: %s: %+v, want %+v", step, p.origin, got, want)
		}
	}
}

// expectNoFailure waits for three more rounds of a page's requests, and fails the test
// if anything has failed since the page was opened.
func (p *page) expectNoFailure(t *testing.T, step string, keepsSockets bool) {
	t.Helper()
	seen := runScript[struct {
		Rounds, Lost int
		Failures     []string
	}](t, p, "waitRounds(3)")
	if len(seen.Failures) > 0 {
		p.mu.Lock()
		t.Fatalf("%s: requests of %s failed: %q, reasons %q", step, p.origin, seen.Failures, p.reasons)
	}
	if keepsSockets && seen.Lost > 0 {
		t.Fatalf("%s: an open WebSocket of %s was closed", step, p.origin)
	}
	t.Logf("%s: %d rounds, %d open WebSockets closed", step, seen.Rounds, seen.Lost)
}
