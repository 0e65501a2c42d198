package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"
)

const (
	maxBody    = 4 << 10 // bytes of a request
	maxMessage = 4 << 10 // bytes of a WebSocket message
	eventEvery = time.Second
)

// Tenant returns an HTTP API such as a gateway stands in front of: a list of
// orders, a PUT of one, an event stream, and a WebSocket that echoes. It sends
// no CORS headers and answers no preflight. Each has its own orders, in memory
// and of a fixed number. It may be used concurrently.
//
// Streams and sockets go on until the client leaves or the request's context
// ends; a server that stops ends its BaseContext.
func Tenant() http.Handler {
	t := &tenant{orders: []order{
		{1, goods{"Paper lantern", 12}},
		{2, goods{"Brass bell", 1}},
		{3, goods{"Garden gate", 2}},
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", describe)
	mux.HandleFunc("GET /api/orders", t.list)
	mux.HandleFunc("PUT /api/orders/{id}", t.replace)
	mux.HandleFunc("GET /api/events", streamEvents)
	mux.HandleFunc("GET /socket", echo)
	return mux
}

type tenant struct {
	mu     sync.Mutex
	orders []order
}

type order struct {
	ID int `json:"id"`
	goods
}

// goods are what a PUT replaces.
type goods struct {
	Item     string `json:"item"`
	Quantity int    `json:"quantity"`
}

func describe(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"name": "originwarden's demo tenant",
		"routes": []string{
			"GET /api/orders", "PUT /api/orders/{id}", "GET /api/events (event stream)", "GET /socket (WebSocket)",
		},
	})
}

func (t *tenant) list(w http.ResponseWriter, _ *http.Request) {
	t.mu.Lock()
	orders := slices.Clone(t.orders)
	t.mu.Unlock()
	writeJSON(w, http.StatusOK, orders)
}

func (t *tenant) replace(w http.ResponseWriter, r *http.Request) {
	g, status, err := readGoods(w, r)
	if err != nil {
		writeError(w, status, err)
		return
	}
	replaced, ok := t.put(r.PathValue("id"), g)
	if !ok {
		writeError(w, http.StatusNotFound, errors.New("there is no such order"))
		return
	}
	writeJSON(w, http.StatusOK, replaced)
}

func (t *tenant) put(id string, g goods) (order, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.orders {
		if strconv.Itoa(t.orders[i].ID) == id {
			t.orders[i].goods = g
			return t.orders[i], true
		}
	}
	return order{}, false
}

// readGoods takes JSON only: a media type that is not CORS-safelisted makes
// browsers ask by a preflight first.
func readGoods(w http.ResponseWriter, r *http.Request) (g goods, status int, err error) {
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media != "application/json" {
		return g, http.StatusUnsupportedMediaType, errors.New("the content type must be application/json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return g, http.StatusRequestEntityTooLarge, fmt.Errorf("the body must have at most %d bytes", maxBody)
	}
	if json.Unmarshal(body, &g) != nil || g.Item == "" || g.Quantity < 1 {
		return g, http.StatusBadRequest, errors.New("the body must have an item and a quantity of at least 1")
	}
	return g, http.StatusOK, nil
}

// streamEvents sends an event at once and then one a second.
func streamEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	tick := time.NewTicker(eventEvery)
	defer tick.Stop()
	for n := 1; ; n++ {
		fmt.Fprintf(w, "id: %d\ndata: {\"event\":%d}\n\n", n, n)
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}

func echo(w http.ResponseWriter, r *http.Request) {
	// The library would hold Origin to the Host by itself. A tenant behind the
	// gateway leaves that to it: a handshake that arrives here is an allowed one.
	socket, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return // answered by Accept
	}
	defer socket.CloseNow()
	socket.SetReadLimit(maxMessage)
	for {
		kind, message, err := socket.Read(r.Context())
		if err != nil || socket.Write(r.Context(), kind, message) != nil {
			return
		}
	}
}

func writeError(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, map[string]string{"error": err.Error()})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}
