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

// A certificate is for every name: the browser is told not to look.
type certificate tls.Certificate

// startPages serves the page on every host, and returns the server's address
// and certificate.
func startPages(t *testing.T) (string, certificate) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, pageHTML)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), certificate(server.TLS.Certificates[0])
}

// write writes the certificate's files where the snippets have them.
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

// startBrowser starts Chromium, to which the API is at one address and all pages
// are at another.
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

// A page is one in a tab of its own, signed in.
type page struct {
	tab    context.Context
	origin string

	mu      sync.Mutex
	reasons []string // why requests failed, which a script is not told
}

// noteReason keeps why the browser gave a request up.
func (p *page) noteReason(event any) {
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
	if err := chromedp.Listen(tab, p.noteReason); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(tab, chromedp.Navigate(origin)); err != nil {
		t.Fatal(err)
	}
	run[bool](t, p, "signIn()")
	return p
}

// run runs a script in a page to its end, and decodes what it resolves to.
func run[T any](t *testing.T, p *page, script string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.tab, 30*time.Second)
	defer cancel()
	result, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %s: %v", p.origin, script, err)
	}
	return result
}
