package recipes_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync/atomic"
	"testing"
)

// An application is an API with cookies and a stream of events.
type application struct {
	requests atomic.Int64
	orders   chan string // bodies of PUT
}

func (a *application) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.requests.Add(1)
	_, err := r.Cookie("session")
	switch {
	case r.URL.Path == "/session":
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "s1", HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode})
		w.WriteHeader(http.StatusNoContent)
	case err != nil:
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == "/events":
		a.streamEvents(w, r)
	case r.Method == http.MethodPut:
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("ETag", `"2"`)
		w.Header().Set("Access-Control-Allow-Origin", "*") // which browsers reject with cookies
		a.orders <- string(body)
	}
}

// streamEvents sends an event at once, and one when the order has been changed. Then it
// ends the response. A client that reconnects gets a third event.
func (a *application) streamEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		fmt.Fprintf(w, "id: 3\ndata: after %s\n\n", last)
		return
	}
	for len(a.orders) > 0 {
		<-a.orders
	}
	io.WriteString(w, "retry: 10\nid: 1\ndata: hello\n\n")
	http.NewResponseController(w).Flush()
	select {
	case order := <-a.orders:
		fmt.Fprintf(w, "id: 2\ndata: %s\n\n", order)
	case <-r.Context().Done():
	}
}

func TestApplication_ServesOnlyListedPages(t *testing.T) {
	recipe := readRecipe(t, "A single-page application")
	app := &application{orders: make(chan string, 10)}
	server := httptest.NewServer(app)
	t.Cleanup(server.Close)
	g := startGateway(t, replaceOnce(t, recipe.config, "127.0.0.1:3000", server.Listener.Addr().String()), "127.0.0.1:0", nil)
	pages := startPages(t, bundleScript(t, recipe.script, "application-page.js", nil), nil)
	browser := startBrowser(t, "MAP api.example.com "+g.address, "MAP *.example.com "+pages)

	type seen struct {
		SignIn, Put string
		Events      []string
		Error       string
	}
	if got, want := runPage[seen](t, browser, listed), (seen{
		SignIn: "204", Put: `200 "2"`, Events: []string{"1: hello", `2: {"quantity":3}`, "3: after 2"},
	}); !reflect.DeepEqual(got, want) {
		t.Errorf("listed page: %+v, want %+v", got, want)
	}
	before := app.requests.Load()
	if got, want := runPage[seen](t, browser, unlisted), (seen{
		SignIn: "TypeError: Failed to fetch", Put: "TypeError: Failed to fetch", Events: []string{"closed"},
	}); !reflect.DeepEqual(got, want) {
		t.Errorf("unlisted page: %+v, want %+v", got, want)
	}
	if n := app.requests.Load() - before; n != 0 {
		t.Errorf("the application got %d requests of the unlisted page", n)
	}
	g.checkExamples(t, recipe.examples)
}
