package cli

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"originwarden/cmd/originwarden/demo"
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
