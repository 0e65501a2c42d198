package console_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	refusedPath = "/tenants/acme/refused"
	readyPath   = "/tenants/other/ready" // of a tenant in mode report
)

func TestReady_IsNotYetBeforeAWeek(t *testing.T) {
	for _, row := range []struct {
		rule    string
		headers []string
		parts   []string
	}{
		{"a request without Origin", nil, []string{"Not yet: observe the requests for a week"}},
		{"a request with two Origin lines", []string{"Origin: https://a.example", "Origin: https://b.example"},
			[]string{"Not yet: observe the requests for a week", "without an origin, or with several", "1 × <code>origin_repeated"}},
		{"a request of an origin", []string{"Origin: https://a.example"}, []string{"Not yet: decide about 1 origin", `value="https://a.example"`}},
	} {
		t.Run(row.rule, func(t *testing.T) {
			g := start(t)
			b := g.SignIn(t, "admin")
			if response, _ := b.Send(request(t, "GET", g.Tenants+"/", "", append(row.headers, "Host: other.localhost")...)); response.StatusCode != 200 {
				t.Fatalf("status %d in mode report", response.StatusCode)
			}
			_, page := b.Get(readyPath)
			for _, part := range row.parts {
				if !strings.Contains(page, part) {
					t.Errorf("the page has no %q: %s", part, page)
				}
			}
		})
	}
}

func TestReady_IsNotKnownWithoutTheStore(t *testing.T) {
	g := start(t)
	b := g.SignIn(t, "admin")
	b.Send(request(t, "GET", g.Tenants+"/", "", "Host: other.localhost"))
	file := filepath.Join(g.Dir, "originwarden.db")
	if err := os.Rename(file, file+".away"); err != nil {
		t.Fatal(err)
	}
	if response, page := b.Get(readyPath); response.StatusCode != 200 || !strings.Contains(page, "Not known: the store does not answer") {
		t.Errorf("%d %s", response.StatusCode, page)
	}
}
