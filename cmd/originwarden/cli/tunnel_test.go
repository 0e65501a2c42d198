package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/demo"
	"originwarden/cmd/originwarden/logs"
	"originwarden/origins"
	"originwarden/store"
)

// connect opens a WebSocket of a page through the gateway.
func connect(t *testing.T, r *running, origin string) *websocket.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	socket, _, err := websocket.Dial(ctx, r.tenants+"/socket", &websocket.DialOptions{HTTPClient: client, HTTPHeader: http.Header{"Origin": {origin}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.CloseNow() })
	if err := socket.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, text, err := socket.Read(ctx); err != nil || string(text) != "hello" {
		t.Fatalf("got %q, %v", text, err)
	}
	return socket
}

// closing returns the status that the socket is closed with.
func closing(t *testing.T, socket *websocket.Conn) websocket.StatusCode {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, _, err := socket.Read(ctx)
	return websocket.CloseStatus(err)
}

func TestServe_ClosesTheSocketsOfAnOriginThatIsTakenOffTheList(t *testing.T) {
	dir := t.TempDir()
	r := serving(t, dir, oneTenant(upstream(t, demo.Tenant().ServeHTTP)))
	token, err := os.ReadFile(filepath.Join(dir, adminTokenName))
	if err != nil {
		t.Fatal(err)
	}
	bearer := "Authorization: Bearer " + strings.TrimSpace(string(token))
	made, _ := send(t, "POST", r.tenants+collection, `{"name":"n","validOrigins":["https://page.example"]}`, bearer, "Content-Type: application/json")
	listed := connect(t, r, "https://page.example")
	own := connect(t, r, strings.Replace(r.tenants, "127.0.0.1", "localhost", 1))
	if response, _ := send(t, "DELETE", made.Header.Get("Location"), "", bearer); response.StatusCode != 204 {
		t.Fatal(response.Status)
	}
	if status := closing(t, listed); status != websocket.StatusPolicyViolation {
		t.Errorf("closed with %v", status)
	}
	if err := own.Write(t.Context(), websocket.MessageText, []byte("still")); err != nil {
		t.Errorf("the tenant's own page lost its socket: %v", err)
	}
	r.await(t, r.stderr, `"kind":"websocket".*"tunnel_end":"revoked"`)
}

// overtaken is a store of which a deletion is read before it has returned, and
// before the feed tells of it.
type overtaken struct {
	store.Store
	read     func()
	deleting sync.Mutex
}

func (s *overtaken) Delete(ctx context.Context, tenant, id string, allow func(store.WebIntegration) error) (uint64, error) {
	s.deleting.Lock()
	defer s.deleting.Unlock()
	revision, err := s.Store.Delete(ctx, tenant, id, allow)
	s.read()
	return revision, err
}

func (s *overtaken) Watch(ctx context.Context, after uint64, changed func([]origins.Change)) error {
	return s.Store.Watch(ctx, after, func(changes []origins.Change) {
		s.deleting.Lock()
		defer s.deleting.Unlock()
		changed(changes)
	})
}

// servingFrom is serving in the configuration alone, from the store that between
// returns.
func servingFrom(t *testing.T, configuration string, between func(r *running, s store.Store) store.Store) *running {
	t.Helper()
	cfg, err := config.Parse("", []byte(configuration))
	if err != nil {
		t.Fatal(err)
	}
	s, err := open(t.Context(), cfg, logs.New(cfg.Log, io.Discard), beginning{})
	if err != nil {
		t.Fatal(err)
	}
	r := &running{}
	s.store.Store = between(r, s.store.Store)
	stop, end := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		err := s.run(stop, stop, around{listen: net.Listen, ready: func(tenants, _ net.Addr) { ready <- tenants.String() }})
		ended <- errors.Join(err, s.close())
	}()
	t.Cleanup(func() {
		end()
		if err := <-ended; err != nil && !errors.Is(err, errCutShort) {
			t.Error(err)
		}
	})
	r.tenants = "http://" + <-ready
	return r
}

func TestServe_ClosesTheSocketsOfAnOriginAlsoIfItsListWasLoadedMeanwhile(t *testing.T) {
	const page = "https://page.example"
	dir, url := t.TempDir(), upstream(t, demo.Tenant().ServeHTTP)
	r := servingFrom(t, fmt.Sprintf(`
listen: 127.0.0.1:0
admin: {listen: "127.0.0.1:0"}
tenants: [{id: acme, upstream: '%[1]s'}, {id: other, hosts: [other.example], upstream: '%[1]s'}]
store: {url: 'sqlite:%[2]s'}
cache: {tenants: 1}
`, url, filepath.Join(dir, "lists.db")), func(r *running, s store.Store) store.Store {
		return &overtaken{Store: s, read: func() {
			send(t, "GET", r.tenants, "", "Host: other.example", strange) // puts the list out
			if response, _ := send(t, "GET", r.tenants, "", "Origin: "+page); response.StatusCode != 403 {
				t.Errorf("a request of the origin: %s", response.Status)
			}
		}}
	})
	token, err := os.ReadFile(filepath.Join(dir, adminTokenName))
	if err != nil {
		t.Fatal(err)
	}
	bearer := "Authorization: Bearer " + strings.TrimSpace(string(token))
	made, _ := send(t, "POST", r.tenants+collection, `{"name":"n","validOrigins":["`+page+`"]}`, bearer, "Content-Type: application/json")
	socket := connect(t, r, page)
	if response, _ := send(t, "DELETE", made.Header.Get("Location"), "", bearer); response.StatusCode != 204 {
		t.Fatal(response.Status)
	}
	if status := closing(t, socket); status != websocket.StatusPolicyViolation {
		t.Errorf("closed with %v", status)
	}
}

func TestServe_ClosesSocketsWhenItStops(t *testing.T) {
	r := startServing(t, Environment{}, t.TempDir(), oneTenant(upstream(t, demo.Tenant().ServeHTTP), "timeouts: {drain: 1h}"))
	socket := connect(t, r, r.tenants)
	r.signals <- os.Interrupt
	if status := closing(t, socket); status != websocket.StatusGoingAway {
		t.Errorf("closed with %v", status)
	}
	if status := r.wait(t); status != exitDone {
		t.Errorf("exit status %d:\n%s", status, r.stderr)
	}
	if lines := regexp.MustCompile(`"kind":"websocket".*"tunnel_end":"shutdown"`).FindAllString(r.stderr.String(), -1); len(lines) != 1 {
		t.Errorf("%d lines:\n%s", len(lines), r.stderr)
	}
}

func TestServe_ClosesSocketsThatAreIdleOrOld(t *testing.T) {
	for _, limit := range []string{"idle", "lifetime"} {
		r := serving(t, t.TempDir(), oneTenant(upstream(t, demo.Tenant().ServeHTTP), "timeouts: {websocket_"+limit+": 100ms}"))
		if status := closing(t, connect(t, r, r.tenants)); status != websocket.StatusGoingAway {
			t.Errorf("%s: closed with %v", limit, status)
		}
		r.await(t, r.stderr, `"tunnel_end":"`+limit+`"`)
	}
}
