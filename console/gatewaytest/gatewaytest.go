// Package gatewaytest starts gateways with a console, for tests.
package gatewaytest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/logs"
	"originwarden/cmd/originwarden/server"
)

// StoreFile is the name of the SQLite file in a gateway's folder.
const StoreFile = "originwarden.db"

// Gateway is a running gateway with a SQLite file.
type Gateway struct {
	// Tenants and Admin are the URLs of its two addresses.
	Tenants, Admin string
	// Dir has the configuration originwarden.yaml and the store.
	Dir string
	// Server is what runs. Reload reads the configuration again.
	Server *server.Server
	reload chan os.Signal
	log    *Log
}

// Log collects what the gateway logs.
type Log struct{ lines chan string }

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	select {
	case l.lines <- string(p):
	default: // nobody awaits that many lines
	}
	return len(p), nil
}

// Token returns the line of the configuration for a token. The token's text is its
// subject with "token-of-" before it.
func Token(subject, tenant, role string) string {
	return fmt.Sprintf("{subject: %q, tenant: %q, role: %s, sha256: \"%x\"}", subject, tenant, role, sha256.Sum256([]byte(TokenOf(subject))))
}

// TokenOf returns the text of the token for a subject.
func TokenOf(subject string) string { return "token-of-" + subject }

// Tokens is the part api of a configuration with an administrator and a reader of
// each tenant, "admin" and "reader".
func Tokens() string {
	return "api: {tokens: [" + Token("admin", "*", "admin") + ", " + Token("reader", "*", "reader") + "]}\n"
}

// StartUpstream starts an upstream that answers every request with 200.
func StartUpstream(t testing.TB) (address string) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }))
	t.Cleanup(upstream.Close)
	return upstream.URL
}

// Start starts a gateway with a configuration, which must not have the keys listen,
// admin.listen and store, and stops it at the end of the test.
func Start(t testing.TB, configuration string) *Gateway {
	t.Helper()
	return StartIn(t, t.TempDir(), configuration)
}

// StartIn is Start in a folder that may have the store already, as StoreFile.
func StartIn(t testing.TB, dir, configuration string) *Gateway {
	t.Helper()
	g := &Gateway{Dir: dir, reload: make(chan os.Signal), log: &Log{make(chan string, 10_000)}}
	g.Configure(t, configuration)
	cfg, err := g.load()
	if err != nil {
		t.Fatal(err)
	}
	type addresses struct{ tenants, admin net.Addr }
	ready, ended := make(chan addresses, 1), make(chan error, 1)
	stop, cancel := context.WithCancel(context.Background())
	g.Server = server.New(cfg, server.Options{
		Log:    logs.NewNonblocking(cfg.Log, g.log),
		Listen: func(_, address string) (net.Listener, error) { return net.Listen("tcp", address) },
		Ready:  func(tenants, admin, _ net.Addr) { ready <- addresses{tenants, admin} },
		Load:   g.load,
		Reload: g.reload,
	})
	go func() { ended <- g.Server.Run(stop, context.Background()) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case at := <-ready:
		g.Tenants, g.Admin = "http://"+at.tenants.String(), "http://"+at.admin.String()
	case err := <-ended:
		ended <- err
		t.Fatal(err)
	}
	return g
}

func (g *Gateway) file() string { return filepath.Join(g.Dir, "originwarden.yaml") }

func (g *Gateway) load() (*config.Config, error) {
	return config.Load(g.file(),
		config.Flag{Name: "listen", Value: "127.0.0.1:0"},
		config.Flag{Name: "admin-listen", Value: "127.0.0.1:0"},
		config.Flag{Name: "store", Value: "sqlite:" + filepath.Join(g.Dir, StoreFile)})
}

// Configure replaces the configuration. It is in force after Reload.
func (g *Gateway) Configure(t testing.TB, configuration string) {
	t.Helper()
	if err := os.WriteFile(g.file(), []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Reload reads the configuration, and returns when it is in force.
func (g *Gateway) Reload(t testing.TB) {
	t.Helper()
	g.reload <- os.Interrupt
	g.AwaitLog(t, "configuration was reloaded")
}

// AwaitLog returns the next line of the log that contains text.
func (g *Gateway) AwaitLog(t testing.TB, text string) string {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		select {
		case line := <-g.log.lines:
			if strings.Contains(line, text) {
				return line
			}
		case <-timeout:
			t.Fatalf("no log line has %q", text)
		}
	}
}

// Browser is a client that keeps cookies, follows redirects, and sends Origin with its
// forms, as browsers do. Its zero value is not of use.
type Browser struct {
	*http.Client
	t       testing.TB
	console string
}

// NewBrowser returns a client that has not signed in.
func (g *Gateway) NewBrowser(t testing.TB) *Browser {
	jar, _ := cookiejar.New(nil) // which cannot fail
	return &Browser{&http.Client{Jar: jar}, t, g.Admin}
}

// SignIn returns a client that has signed in by the token of a subject.
func (g *Gateway) SignIn(t testing.TB, subject string) *Browser {
	t.Helper()
	b := g.NewBrowser(t)
	if response, body := b.Post("/sign-in", "token", TokenOf(subject)); response.Request.URL.Path == "/sign-in" {
		t.Fatalf("signing in: %d %s", response.StatusCode, body)
	}
	return b
}

// Get gets a path of the console.
func (b *Browser) Get(path string) (*http.Response, string) {
	b.t.Helper()
	request, err := http.NewRequest(http.MethodGet, b.console+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.Send(request)
}

// Post sends a form, given as names and values.
func (b *Browser) Post(path string, form ...string) (*http.Response, string) {
	b.t.Helper()
	values := url.Values{}
	for i := 0; i < len(form); i += 2 {
		values.Add(form[i], form[i+1])
	}
	request, err := http.NewRequest(http.MethodPost, b.console+path, strings.NewReader(values.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", b.console)
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.Send(request)
}

// Send sends a request and reads the response.
func (b *Browser) Send(request *http.Request) (*http.Response, string) {
	b.t.Helper()
	response, err := b.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return response, string(body)
}
