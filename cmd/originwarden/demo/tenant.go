package demo

import (
	"encoding/json"
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
// no CORS headers and answers no preflight. Each handler has its own fixed set of
// orders, in memory. It may be used concurrently.
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

// replace accepts only JSON: browsers send a preflight before a media type that is
// not CORS-safelisted.
func (t *tenant) replace(w http.ResponseWriter, r *http.Request) {
	var g goods
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	switch {
	case mediaType != "application/json":
		writeError(w, http.StatusUnsupportedMediaType, "the content type must be application/json")
	case err != nil:
		writeError(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body must have at most %d bytes", maxBody))
	case json.Unmarshal(body, &g) != nil || g.Item == "" || g.Quantity < 1:
		writeError(w, http.StatusBadRequest, "the body must have an item and a quantity of at least 1")
	default:
		t.put(w, r.PathValue("id"), g)
	}
}

func (t *tenant) put(w http.ResponseWriter, id string, g goods) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.orders, func(o order) bool { return strconv.Itoa(o.ID) == id })
	if i < 0 {
		writeError(w, http.StatusNotFound, "there is no such order")
		return
	}
	t.orders[i].goods = g
	writeJSON(w, http.StatusOK, t.orders[i])
}

// streamEvents sends an event at once and then one a second.
func streamEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	tick := time.Tick(eventEvery)
	for n := 1; ; n++ {
		fmt.Fprintf(w, "id: %d\ndata: {\"event\":%d}\n\n", n, n)
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick:
		}
	}
}

func echo(w http.ResponseWriter, r *http.Request) {
	// By default, the library requires that Origin matches Host. Behind the gateway
	// this is not needed: only allowed handshakes arrive here.
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

func writeError(w http.ResponseWriter, status int, text string) {
	writeJSON(w, status, map[string]string{"error": text})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}
