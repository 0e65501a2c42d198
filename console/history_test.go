package console_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"originwarden/console/gatewaytest"
)

// An undo that the user has agreed to undoes no change that was made after the page was
// shown, also if the page would name the same first entry again.
func TestUndo_AsksAgainAfterEveryLaterChange(t *testing.T) {
	g := start(t)
	made := create(t, g, "n", "https://a.example")
	b := g.SignIn(t, "admin")
	path := integrations + "/" + made.ID
	edit := func(origins string) { submit(b, path, must(b.Get(path)), "origins", origins) }
	edit("https://b.example\nhttps://c.example") // to be undone
	undo := regexp.MustCompile(`/tenants/acme/history/[^"]*/undo`).FindString(must(b.Get("/tenants/acme/history")))
	edit("https://b.example") // the conflict
	_, told := b.Get(undo)
	if !strings.Contains(told, "Later changes would be undone too") {
		t.Fatalf("the page names no later change: %s", told)
	}
	edit("https://d.example") // what the user was not told of
	response, again := submit(b, undo, told)
	if stored := integrationsOf(t, g)[0].ValidOrigins; response.StatusCode != http.StatusConflict || len(stored) != 1 || stored[0] != "https://d.example" {
		t.Fatalf("got %d, and stored is %v", response.StatusCode, stored)
	}
	if response, _ := submit(b, undo, again); response.Request.URL.Query().Get("done") != "undo" {
		t.Errorf("after the page was shown again: %d at %s", response.StatusCode, response.Request.URL)
	}
}

// An undo that the tenant's rules forbid is not offered again.
func TestUndo_SaysWhyTheRulesForbidIt(t *testing.T) {
	g := gatewaytest.Start(t, strings.Replace(configuration(t, gatewaytest.Token("admin", "*", "admin")), "api: {", "api: {limits: {origins: 3}, ", 1))
	made := create(t, g, "n", "https://a.example", "https://b.example", "https://c.example")
	b := g.SignIn(t, "admin")
	path := integrations + "/" + made.ID
	submit(b, path, must(b.Get(path)), "origins", "https://a.example") // to be undone
	undo := regexp.MustCompile(`/tenants/acme/history/[^"]*/undo`).FindString(must(b.Get("/tenants/acme/history")))
	submit(b, path, must(b.Get(path)), "origins", "https://a.example\nhttps://x.example")
	response, page := submit(b, undo, must(b.Get(undo)))
	if response.StatusCode != http.StatusConflict || !strings.Contains(page, "Nothing can be undone: a web integration may have at most 3 valid origins.") || strings.Contains(page, "Undo this change</button>") {
		t.Errorf("got %d: %s", response.StatusCode, page)
	}
}

func TestPages_CountAsReads(t *testing.T) {
	const undo = "/tenants/acme/history/1-0/undo"
	for _, row := range []struct{ method, path string }{
		{"GET", "/tenants/acme/history"},
		{"GET", undo},
		{"POST", undo},
		{"GET", "/tenants/acme/ask"},
		{"POST", "/tenants/acme/check-origins"},
	} {
		t.Run(row.method+" "+row.path, func(t *testing.T) {
			g := gatewaytest.Start(t, strings.Replace(configuration(t, gatewaytest.Token("admin", "*", "admin")), "api: {", "api: {rate_limits: {tier1: 4}, ", 1))
			b := noRedirects(g.SignIn(t, "admin"))
			var last *http.Response
			for range 5 {
				if row.method == "POST" {
					last, _ = b.Post(row.path)
				} else {
					last, _ = b.Get(row.path)
				}
			}
			if last.StatusCode != http.StatusTooManyRequests || last.Header.Get("Retry-After") == "" {
				t.Errorf("the last one: %d %v", last.StatusCode, last.Header)
			}
		})
	}
}
