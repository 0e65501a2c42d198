package consoletest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// No page runs what strangers and other administrators have written.
func TestPages_ShowHostileTextAsText(t *testing.T) {
	t.Parallel()
	hostile := []string{
		`"><script>alert(1)</script><img src=x onerror=alert(2)>`,
		`</textarea></title></style><svg onload=alert(3)>`,
		`javascript:alert(4)//{{.}}${alert(5)}`,
		"\u202eright to left\u2066 isolated",
		strings.Repeat("W", 256),
		strings.Repeat("\U0001d504", 250),
	}
	var all []imported
	for n, text := range hostile {
		all = append(all, newImported(text, text, fmt.Sprintf("https://a%d.example", n), "https://"+strings.Repeat("long.", 40)+"example.com"))
	}
	g, acme := startWith(t, all)
	for _, text := range hostile[:4] {
		r, err := http.NewRequest(http.MethodGet, "http://"+g.address+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.URL.RawPath, r.URL.Path = "", "/"+text
		r.Host = acme.host
		r.Header.Set("User-Agent", text)
		for _, origin := range []string{"https://evil.example", "https://a.example/" + strings.Map(printable, text)} {
			r.Header.Set("Origin", origin)
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
		}
	}
	b := openBrowser(t, g, acme, true)
	b.signIn(b.administrator)
	for _, row := range []struct{ name, path, text string }{
		{"hostile-overview", "", ""},
		{"hostile-integrations", "/web-integrations", hostile[0]},
		{"hostile-integration", "/web-integrations/" + idOf(1), hostile[1]},
		{"hostile-delete", "/web-integrations/" + idOf(4) + "/delete", hostile[4]},
		{"hostile-refused", "/refused", "https://a.example/" + hostile[0]},
		{"hostile-ask", "/ask?origin=https%3A%2F%2Fa0.example", hostile[0]},
		{"hostile-search", "/web-integrations?q=" + hostileQuery, hostileText},
		{"hostile-ask-origin", "/ask?origin=" + hostileQuery + "&method=" + hostileQuery + "&path=/" + hostileQuery, ""},
		{"hostile-history", "/history?origin=" + hostileQuery, ""},
		{"hostile-new", "/web-integrations/new?origin=" + hostileQuery, hostileText},
		{"hostile-notice", "/refused?done=list&of=" + hostileQuery, ""},
	} {
		b.openTenant(row.path)
		b.wants(row.text)
		b.checkState(row.name)
	}
}

const (
	hostileText  = `<script>alert(6)</script>` // the form strips the quote
	hostileQuery = `%22%3E%3Cscript%3Ealert(6)%3C%2Fscript%3E`
)

// printable removes what a header cannot have.
func printable(c rune) rune {
	if c > '~' {
		return -1
	}
	return c
}
