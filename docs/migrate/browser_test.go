package migrate_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

//go:embed page.html
var pageHTML string

// A certificate serves for every name, because the browser ignores certificate errors.
type certificate tls.Certificate

// startPages starts a server of page.html for all hosts, and returns its address and
// its certificate.
func startPages(t *testing.T) (string, certificate) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, pageHTML)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), certificate(server.TLS.Certificates[0])
}

// write writes the certificate to the files that the snippets name.
func (c certificate) write(t *testing.T, dir string) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	for name, content := range map[string][]byte{
		"api.example.com.crt": chain,
		"api.example.com.key": private,
		"api.example.com.pem": append(chain, private...),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// startBrowser starts Chromium, which connects to api for the API's host and to pages
// for all other hosts.
func startBrowser(t *testing.T, api, pages string) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox,
		chromedp.Flag("ignore-certificate-errors", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("host-resolver-rules", fmt.Sprintf("MAP api.example.com %s, MAP *.example.com %s, MAP *.example.net %s", api, pages, pages)))
	allocator, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	browser, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Do(browser); err != nil {
		t.Fatal(err)
	}
	return browser
}

// A page is page.html in its own tab, signed in to the application.
type page struct {
	tab    context.Context
	origin string

	mu      sync.Mutex
	reasons []string // why requests failed, which scripts cannot see
}

// recordFailure records why a request of the browser failed.
func (p *page) recordFailure(event any) {
	failed, ok := event.(*network.EventLoadingFailed)
	if !ok {
		return
	}
	reason := failed.ErrorText
	if failed.CorsErrorStatus != nil {
		reason += " " + string(failed.CorsErrorStatus.CorsError)
	}
	p.mu.Lock()
	p.reasons = append(p.reasons, reason)
	p.mu.Unlock()
}

func openPage(t *testing.T, browser context.Context, origin string) *page {
	t.Helper()
	tab, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	p := &page{tab: tab, origin: origin}
	if err := chromedp.Listen(tab, p.recordFailure); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(tab, chromedp.Navigate(origin)); err != nil {
		t.Fatal(err)
	}
	runScript[bool](t, p, "signIn()")
	return p
}

// runScript runs a script in a page, and returns the value of its promise.
func runScript[T any](t *testing.T, p *page, script string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.tab, 30*time.Second)
	defer cancel()
	result, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %s: %v", p.origin, script, err)
	}
	return result
}
