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

// dialWebSocket opens a WebSocket from origin through the gateway.
func dialWebSocket(t *testing.T, r *runningCommand, origin string) *websocket.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
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

// readCloseStatus waits until the WebSocket is closed and returns the status.
func readCloseStatus(t *testing.T, socket *websocket.Conn) websocket.StatusCode {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	_, _, err := socket.Read(ctx)
	return websocket.CloseStatus(err)
}

func TestServe_ClosesWebSocketsOfRemovedOrigin(t *testing.T) {
	dir := t.TempDir()
	r := startGateway(t, dir, tenantConfig(startServer(t, demo.Tenant().ServeHTTP)))
	token, err := os.ReadFile(filepath.Join(dir, adminTokenName))
	if err != nil {
		t.Fatal(err)
	}
	bearer := "Authorization: Bearer " + strings.TrimSpace(string(token))
	made, _ := send(t, "POST", r.tenants+collection, `{"name":"n","validOrigins":["https://page.example"]}`, bearer, "Content-Type: application/json")
	listed := dialWebSocket(t, r, "https://page.example")
	own := dialWebSocket(t, r, strings.Replace(r.tenants, "127.0.0.1", "localhost", 1))
	if response, _ := send(t, "DELETE", made.Header.Get("Location"), "", bearer); response.StatusCode != 204 {
		t.Fatal(response.Status)
	}
	if status := readCloseStatus(t, listed); status != websocket.StatusPolicyViolation {
		t.Errorf("close status %v", status)
	}
	if err := own.Write(t.Context(), websocket.MessageText, []byte("still")); err != nil {
		t.Errorf("WebSocket of the own origin was closed: %v", err)
	}
	r.await(t, r.stderr, `"kind":"websocket".*"tunnel_end":"revoked"`)
}

func TestServe_ClosesWebSocketsOnStop(t *testing.T) {
	r := launchGateway(t, Environment{}, t.TempDir(), tenantConfig(startServer(t, demo.Tenant().ServeHTTP), "timeouts: {drain: 1h}"))
	socket := dialWebSocket(t, r, r.tenants)
	r.signals <- os.Interrupt
	if status := readCloseStatus(t, socket); status != websocket.StatusGoingAway {
		t.Errorf("close status %v", status)
	}
	if status := r.wait(t); status != exitDone {
		t.Errorf("exit status %d:\n%s", status, r.stderr)
	}
	if lines := regexp.MustCompile(`"kind":"websocket".*"tunnel_end":"shutdown"`).FindAllString(r.stderr.String(), -1); len(lines) != 1 {
		t.Errorf("%d lines:\n%s", len(lines), r.stderr)
	}
}

func TestServe_ClosesIdleAndOldWebSockets(t *testing.T) {
	for _, limit := range []string{"idle", "lifetime"} {
		r := startGateway(t, t.TempDir(), tenantConfig(startServer(t, demo.Tenant().ServeHTTP), "timeouts: {websocket_"+limit+": 100ms}"))
		if status := readCloseStatus(t, dialWebSocket(t, r, r.tenants)); status != websocket.StatusGoingAway {
			t.Errorf("%s: close status %v", limit, status)
		}
		r.await(t, r.stderr, `"tunnel_end":"`+limit+`"`)
	}
}
