package recipes_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

const (
	listed   = "https://app.example.com"
	unlisted = "https://other.example.com" // of the same site
)

const indexHTML = `<!doctype html>
<title>A page of another origin</title>
<script>
const result = import('/page.js').then(page => page.run()).catch(error => ({Error: String(error)}))
</script>
`

// bundleScript returns the script of a recipe together with one of the folder scripts,
// and with the packages that they import. Files are others that they import, by path.
func bundleScript(t *testing.T, script, driver string, files map[string]string) string {
	t.Helper()
	rest, err := os.ReadFile(filepath.Join("scripts", driver))
	if err != nil {
		t.Fatal(err)
	}
	packages, err := filepath.Abs("scripts/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(filepath.Join(packages, ".bin", "esbuild"), "--bundle", "--format=esm", "--log-level=warning")
	command.Dir = dir
	command.Env = append(os.Environ(), "NODE_PATH="+packages)
	command.Stdin = strings.NewReader(script + string(rest))
	var problems bytes.Buffer
	command.Stderr = &problems
	out, err := command.Output()
	if err != nil {
		t.Fatalf("bundling the script of a page (after npm ci in the folder scripts?): %v\n%s", err, &problems)
	}
	return string(out)
}

// startPages starts a server of pages with a script, for all hosts. For each POST to
// /next of a page it calls next, which may be nil.
func startPages(t *testing.T, script string, next func()) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, indexHTML)
	})
	mux.HandleFunc("GET /page.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		io.WriteString(w, script)
	})
	mux.HandleFunc("POST /next", func(http.ResponseWriter, *http.Request) { next() })
	server := httptest.NewUnstartedServer(mux)
	pair, _, _ := newAuthority(t).issue(t, "*.example.com")
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// startBrowser starts Chromium. Rules say where it connects to for which host.
func startBrowser(t *testing.T, rules ...string) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.Flag("ignore-certificate-errors", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("host-resolver-rules", strings.Join(rules, ", ")))
	allocator, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	browser, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Do(browser); err != nil {
		t.Fatal(err)
	}
	return browser
}

// openPage opens a page in its own tab.
func openPage(t *testing.T, browser context.Context, origin string) context.Context {
	t.Helper()
	tab, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	if err := chromedp.Do(tab, chromedp.Navigate(origin)); err != nil {
		t.Fatal(err)
	}
	return tab
}

// evaluate returns the value of an expression in a page, or of its promise.
func evaluate[T any](t *testing.T, page context.Context, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(page, 30*time.Second)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// runPage opens a page and returns the result of its script.
func runPage[T any](t *testing.T, browser context.Context, origin string) T {
	t.Helper()
	return evaluate[T](t, openPage(t, browser, origin), "result")
}
