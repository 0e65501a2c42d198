package console_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
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
