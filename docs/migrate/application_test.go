package migrate_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"
)

// An application serves orders to clients with its cookie, and a WebSocket.
type application struct {
	address string
	rules   atomic.Bool // whether it has CORS rules of its own
}

func startApplication(t *testing.T) *application {
	t.Helper()
	a := new(application)
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	a.address = server.Listener.Addr().String()
	return a
}

func (a *application) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if a.rules.Load() && applyRules(w, r) {
		return
	}
	switch {
	case r.URL.Path == "/sign-in":
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "s1", Path: "/", Secure: true, SameSite: http.SameSiteNoneMode})
		w.WriteHeader(http.StatusNoContent)
	case r.URL.Path == "/events": // needs no cookie, because browsers may not send it from another site
		echo(w, r)
	case !hasSession(r):
		w.WriteHeader(http.StatusUnauthorized)
	case strings.HasPrefix(r.URL.Path, "/orders/"):
		w.Header().Set("ETag", `"1"`)
		json.NewEncoder(w).Encode(order{Method: r.Method, Gateway: r.Header.Get("Traceparent") != ""})
	default:
		http.NotFound(w, r)
	}
}

// An order describes the request for it.
type order struct {
	Method  string
	Gateway bool // through the gateway, which adds traceparent
}

func hasSession(r *http.Request) bool {
	_, err := r.Cookie("session")
	return err == nil
}

func echo(w http.ResponseWriter, r *http.Request) {
	socket, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // the gateway checks the origin
	if err != nil {
		return
	}
	defer socket.CloseNow()
	for {
		kind, message, err := socket.Read(r.Context())
		if err != nil || socket.Write(r.Context(), kind, message) != nil {
			return
		}
	}
}

// applyRules sets the CORS headers of the old rules. It reports whether it has also
// written the response, as for a preflight.
func applyRules(w http.ResponseWriter, r *http.Request) bool {
	if origin := r.Header.Get("Origin"); regexp.MustCompile(`^https://[a-z0-9-]+\.example\.com$`).MatchString(origin) {
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		w.Header().Set("Access-Control-Allow-Methods", "GET, PUT")
		w.Header().Set("Access-Control-Allow-Headers", "Content-Type, X-Requested-With")
		w.Header().Set("Access-Control-Expose-Headers", "ETag")
	}
	if r.Method != http.MethodOptions {
		return false
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}
