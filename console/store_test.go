package console_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestPages_StayReadableWithoutTheStore(t *testing.T) {
	g := start(t)
	made := create(t, g, "n", "https://a.example")
	b := g.SignIn(t, "admin")
	path := integrations + "/" + made.ID
	_, form := b.Get(path)
	file := filepath.Join(g.Dir, "originwarden.db")
	if err := os.Rename(file, file+".away"); err != nil {
		t.Fatal(err)
	}
	const text = "https://a.example\nhttps://b.example"
	response, page := submit(b, path, form, "origins", text)
	if response.StatusCode != http.StatusServiceUnavailable || !strings.Contains(page, "The write was not made") || inputs(page).Get("origins") != text {
		t.Errorf("saving: %d %s", response.StatusCode, page)
	}
	for _, path := range []string{"/", "/tenants/acme", "/tenants/other"} {
		if response, page := b.Get(path); response.StatusCode != 200 || !strings.Contains(page, "The gateway reports:") || !strings.Contains(page, "</html>") {
			t.Errorf("%s: %d %s", path, response.StatusCode, page)
		}
	}
	if _, page := b.Get("/tenants/acme"); !regexp.MustCompile(`(?s)<dt>Origins</dt><dd>1</dd>`).MatchString(page) {
		t.Errorf("the list in force is not shown: %s", page)
	}
	if err := os.Rename(file+".away", file); err != nil {
		t.Fatal(err)
	}
	if response, page := submit(b, path, page); response.StatusCode != 200 || len(integrationsOf(t, g)[0].ValidOrigins) != 2 {
		t.Errorf("saving again: %d %s", response.StatusCode, page)
	}
}

func TestWebIntegration_OfAThousandOriginsIsEditable(t *testing.T) {
	g := start(t)
	var origins []string
	for i := range 1000 {
		origins = append(origins, fmt.Sprintf("https://%sn%d.example.com:8443", strings.Repeat("long-label.", 15), i))
	}
	made := create(t, g, "large", origins...)
	b := g.SignIn(t, "admin")
	path := integrations + "/" + made.ID
	_, page := b.Get(path)
	if !strings.Contains(page, "1,000 origins") || !strings.Contains(page, "1,000 more are fine as written") {
		t.Error("the page does not say that all are fine")
	}
	origins[0] = "https://changed.example"
	if response, _ := submit(b, path, page, "origins", strings.Join(origins, "\n")); response.Request.URL.Query().Get("done") != "edited" {
		t.Errorf("got %d at %s", response.StatusCode, response.Request.URL)
	}
	if stored := integrationsOf(t, g)[0].ValidOrigins; len(stored) != 1000 || stored[0] != origins[0] {
		t.Errorf("stored are %d", len(stored))
	}
}
