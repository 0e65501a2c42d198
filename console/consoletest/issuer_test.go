package consoletest_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	clientID     = "the-console"
	clientSecret = "the secret"
	password     = "the password"
)

// issuer is a running OpenID provider, at whose page users sign in by a name and the
// password.
type issuer struct {
	*storage.Storage
	url string

	mu    sync.Mutex
	users map[string]user // by subject
}

type user struct {
	*storage.User
	role string
}

// addUser adds a user of the tenant acme.
func (i *issuer) addUser(name, subject, role string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.users[subject] = user{&storage.User{ID: subject, Username: name, Password: password}, role}
}

// GetUserByID implements storage.UserStore.
func (i *issuer) GetUserByID(subject string) *storage.User {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.users[subject].User
}

// GetUserByUsername implements storage.UserStore.
func (i *issuer) GetUserByUsername(name string) *storage.User {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, u := range i.users {
		if u.Username == name {
			return u.User
		}
	}
	return nil
}

// ExampleClientID implements storage.UserStore.
func (i *issuer) ExampleClientID() string { return clientID }

// SetUserinfoFromRequest implements op.CanSetUserinfoFromRequest: it adds the claims that
// grant a role.
func (i *issuer) SetUserinfoFromRequest(ctx context.Context, info *oidc.UserInfo, token op.IDTokenRequest, scopes []string) error {
	i.mu.Lock()
	role := i.users[token.GetSubject()].role
	i.mu.Unlock()
	info.AppendClaims("tenantId", "acme")
	info.AppendClaims("roles", []string{role})
	return i.Storage.SetUserinfoFromRequest(ctx, info, token, scopes)
}

// startWithIssuer starts a gateway to whose console users sign in by an issuer.
func startWithIssuer(t *testing.T) (*gateway, tenant, *issuer) {
	t.Helper()
	i := &issuer{users: map[string]user{}}
	var provider http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { provider.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	i.url = server.URL
	upstream, acme := startUpstream(), newTenant("acme")
	t.Cleanup(upstream.Close)
	dir := t.TempDir()
	started, stop, err := runGateway(dir, configuration(upstream.URL, "", acme))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	redirect := "http://" + started.admin + "/sign-in/callback"
	client := storage.WebClient(clientID, clientSecret, redirect)
	i.Storage = storage.NewStorageWithClients(i, map[string]*storage.Client{clientID: client})
	provider = exampleop.SetupServer(i.url, i, slog.New(slog.DiscardHandler), false)

	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte(clientSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	config := configuration(upstream.URL, fmt.Sprintf("  oidc: {issuer: %q, audience: lists}\n", i.url), acme)
	config += fmt.Sprintf("admin: {listen: \"127.0.0.1:0\", sign_in: {client_id: %s, secret_file: %q, redirect_url: %q}}\n", clientID, secret, redirect)
	g := started.of(t)
	g.reload(config)
	return g, acme, i
}

// signInAt signs in at the page of the issuer, and waits for the console.
func (b *browser) signInAt(name string) {
	b.t.Helper()
	b.enter("#username", name)
	b.enter("#password", password)
	b.click("button[type=submit]")
	b.do(chromedp.WaitReady(chromedp.CSS("footer"))) // after the page that moves on
}
