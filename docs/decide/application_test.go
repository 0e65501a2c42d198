package decide_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

// An application has CORS rules of its own, which allow everybody everything, sets a
// cookie, and has a WebSocket. It remembers its requests.
type application struct {
	address  string
	server   *httptest.Server
	mu       sync.Mutex
	requests []received
}

// received is what the application got.
type received struct {
	line   string // method and target
	host   string
	header http.Header
	body   string
}

func startApplication(t *testing.T) *application {
	t.Helper()
	a := new(application)
	a.server = httptest.NewUnstartedServer(a)
	a.server.Listener.Close()
	var err error
	if a.server.Listener, err = net.Listen("tcp4", ownIP()+":0"); err != nil { // where nothing listens when it is closed
		t.Fatal(err)
	}
	a.server.Start()
	t.Cleanup(a.server.Close)
	a.address = a.server.Listener.Addr().String()
	return a
}

func (a *application) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // its sender misses what is not there
	a.mu.Lock()
	a.requests = append(a.requests, received{r.Method + " " + r.RequestURI, r.Host, r.Header.Clone(), string(body)})
	a.mu.Unlock()
	for _, f := range applicationCORS {
		w.Header().Add(f[0], f[1])
	}
	w.Header().Set("Vary", "Accept")
	w.Header()["Set-Cookie"] = []string{"a=1", "b=2"}
	if r.Header.Get("Upgrade") != "" {
		echo(w, r)
		return
	}
	io.WriteString(w, "application")
}

// applicationCORS are the CORS headers of the application.
var applicationCORS = [][2]string{
	{"Access-Control-Allow-Origin", "*"},
	{"Access-Control-Allow-Origin", "https://evil.example"},
	{"Access-Control-Allow-Credentials", "true"},
	{"Access-Control-Allow-Headers", "*"},
	{"Access-Control-Allow-Methods", "*"},
	{"Access-Control-Allow-Private-Network", "true"},
	{"Access-Control-Expose-Headers", "*"},
	{"Access-Control-Max-Age", "86400"},
}

// take returns the requests that came since it was last called.
func (a *application) take() []received {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := slices.Clone(a.requests)
	a.requests = nil
	return all
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
