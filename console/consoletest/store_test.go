package consoletest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// imported is a web integration of acme in the file of an import.
type imported struct {
	ID           string    `json:"id"`
	TenantID     string    `json:"tenantId"`
	Name         string    `json:"name"`
	CreatedBy    string    `json:"createdBy"`
	Created      time.Time `json:"created"`
	LastUpdated  time.Time `json:"lastUpdated"`
	ValidOrigins []string  `json:"validOrigins"`
}

func newImported(name, createdBy string, origins ...string) imported {
	return imported{TenantID: "acme", Name: name, CreatedBy: createdBy, Created: time.Unix(1e9, 0).UTC(), LastUpdated: time.Unix(1e9, 0).UTC(), ValidOrigins: origins}
}

// startWith starts a gateway whose tenant acme has web integrations. Their ids are
// numbers, from 0.
func startWith(t *testing.T, all []imported) (*gateway, tenant) {
	t.Helper()
	dir, file := t.TempDir(), bytes.Buffer{}
	lines := json.NewEncoder(&file)
	lines.Encode(map[string]any{"originwarden": "export", "version": 1, "store": "s", "exported": time.Unix(1e9, 0).UTC()})
	lines.Encode(map[string]any{"tenant": "acme"})
	for n, one := range all {
		one.ID = idOf(n)
		lines.Encode(one)
	}
	lines.Encode(map[string]any{"end": true, "integrations": len(all)})
	command := exec.Command(binary, "import", "--store", "sqlite:"+filepath.Join(dir, "lists.db"))
	command.Stdin = &file
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("importing: %v\n%s", err, out)
	}
	upstream, acme := startUpstream(), newTenant("acme")
	t.Cleanup(upstream.Close)
	started, stop, err := runGateway(dir, configuration(upstream.URL, "", acme))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return started.of(t), acme
}

func idOf(n int) string { return fmt.Sprintf("%032d", n) }

// The pages of a large tenant are small, and answer at once.
func TestPages_OfALargeTenant(t *testing.T) {
	t.Parallel()
	all := make([]imported, 10_000)
	for n := range all {
		name := fmt.Sprintf("integration %05d", n)
		if n == 1 || n == 9998 || n%150 == 0 {
			name += " marked"
		}
		all[n] = newImported(name, "olga", fmt.Sprintf("https://n%05d.example.com", n))
	}
	for n := range 999 {
		all[7].ValidOrigins = append(all[7].ValidOrigins, fmt.Sprintf("https://of-the-large-one-%03d.example.com", n))
	}
	g, acme := startWith(t, all)
	b := openBrowser(t, g, acme, true)
	b.signIn(b.administrator)
	for _, row := range []struct{ name, path, text string }{
		{"overview-large", "", "10,999"},
		{"integrations-large", "/web-integrations", "integration 00024"},
		{"integrations-large-last", "/web-integrations?sort=-name", "integration 09999"},
		{"integrations-large-search", "/web-integrations?q=N 09998", "integration 09998"},
		{"integrations-large-origin", "/web-integrations?q=https://n09998.example.com", "integration 09998"},
		{"integrations-large-nothing", "/web-integrations?q=nothing", "No web integration has “nothing” in its name or origins"},
		{"integration-large", "/web-integrations/" + idOf(7), "1,000 origins. 1,000 more are fine as written"},
		{"integration-large-delete", "/web-integrations/" + idOf(7) + "/delete", "and 997 more"},
		{"ask-large", "/ask?origin=https://n09998.example.com", "Allowed: listed"},
		{"history-large", "/history", "integration 09999 was created"},
	} {
		b.openTenant(row.path)
		b.wants(row.text)
		if row.name == "integration-large" { // its form has the list, and what it was when the page was made
			b.checkSizeUpTo(row.name, maxPage+2*int64(len(strings.Join(all[7].ValidOrigins, "\n"))))
		} else {
			b.checkSize(row.name)
		}
		if took := evaluate[float64](b, `performance.getEntriesByType("navigation")[0].responseEnd`); took > 10_000 {
			t.Errorf("%s: the page took %.0f ms", row.name, took)
		} else {
			t.Logf("%s: %.0f ms", row.name, took)
		}
	}
	b.openTenant("/web-integrations?q=marked")
	first := b.rows()
	b.click("a[rel=next]")
	b.wants("integration 05400 marked")
	b.click("a[rel=next]")
	b.wants("integration 09998 marked")
	b.lacks("Next")
	b.click("a[rel=prev]")
	b.wants("integration 05400 marked")
	b.click("a[rel=prev]")
	b.lacks("Previous")
	b.hasRows(first)
	b.openTenant("/web-integrations/" + idOf(7))
	b.enter("#name", "the large one")
	b.click(save)
	b.wants("was saved")
}

// Without the store, the pages say so and show the lists in force.
func TestPages_WithoutTheStore(t *testing.T) {
	t.Parallel()
	for _, scripts := range []bool{true, false} {
		t.Run(map[bool]string{true: "with scripts", false: "without scripts"}[scripts], func(t *testing.T) {
			t.Parallel()
			g, acme := startWith(t, []imported{newImported("production", "olga", "https://www.example.com")})
			b := openBrowser(t, g, acme, scripts)
			b.signIn(operatorToken)
			b.openTenant("/web-integrations/" + idOf(0))
			b.enter("#origins", "https://www.example.com\n"+app)
			if err := os.Rename(g.store(), g.store()+".away"); err != nil {
				t.Fatal(err)
			}
			b.click(save)
			b.wants("The write was not made")
			b.checkState("store-gone-form")
			for name, path := range map[string]string{"overview": "", "integrations": "/web-integrations", "refused": "/refused", "ask": "/ask?origin=" + app, "history": "/history"} {
				b.openTenant(path)
				b.wants("The gateway reports:")
				b.checkState("store-gone-" + name)
			}
			b.openTenant("")
			b.wants("Origins\n1")
			b.serves("https://www.example.com", http.StatusOK)
			if err := os.Rename(g.store()+".away", g.store()); err != nil {
				t.Fatal(err)
			}
		})
	}
}
