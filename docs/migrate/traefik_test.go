package migrate_test

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// A route is Traefik, without a gateway, in front of an application with its own rules.
type route struct {
	application *application
	edge        *edge
	client      *http.Client
}

// startRoute starts Traefik, which waits two seconds before it applies a changed file.
func startRoute(t *testing.T, configuration string) *route {
	t.Helper()
	if _, err := exec.LookPath(traefik.command); err != nil {
		t.Skip("traefik is not installed")
	}
	_, certificate := startPages(t)
	r := &route{application: startApplication(t)}
	r.application.rules.Store(true)
	r.edge = startEdge(t, traefik, certificate, r.addresses(configuration))
	r.client = newClient("127.0.0.1:" + r.edge.port)
	r.waitForStatus(t, shop, http.StatusOK)
	return r
}

func (r *route) addresses(configuration string) string {
	return strings.ReplaceAll(configuration, "127.0.0.1:3000", r.application.address)
}

// status returns the status of a response to a page of the origins, 0 if there is none.
func (r *route) status(t *testing.T, method string, origins ...string) int {
	t.Helper()
	if response := r.send(t, method, origins...); response != nil {
		return response.StatusCode
	}
	return 0
}

// send sends a request with the origins, each on its line. It returns nil if there is no
// response.
func (r *route) send(t *testing.T, method string, origins ...string) *http.Response {
	t.Helper()
	request, _ := http.NewRequestWithContext(t.Context(), method, "https://api.example.com/orders/0", nil)
	request.Header["Origin"] = origins
	request.Header.Set("Cookie", "session=s1")
	if method == http.MethodOptions {
		request.Header.Set("Access-Control-Request-Method", "PUT")
	}
	response, err := r.client.Do(request)
	if err != nil {
		return nil
	}
	response.Body.Close()
	return response
}

func (r *route) waitForStatus(t *testing.T, origin string, want int) {
	t.Helper()
	for limit := newDeadline(); ; {
		if r.status(t, "GET", origin) == want {
			return
		}
		if limit.passed() {
			t.Fatalf("%s never gets %d", origin, want)
		}
	}
}

// open opens a WebSocket of a page.
func (r *route) open(t *testing.T, origin string) (*websocket.Conn, error) {
	t.Helper()
	socket, _, err := websocket.Dial(t.Context(), "wss://api.example.com/events", &websocket.DialOptions{
		HTTPClient: r.client, HTTPHeader: http.Header{"Origin": {origin}},
	})
	if err == nil {
		t.Cleanup(func() { socket.CloseNow() })
	}
	return socket, err
}

// upper is an origin that no browser sends.
const upper = "https://SHOP.example.com"

// The rules that migrate.md replaces, and the claims of compare.md about them.
func TestTraefik_HeadersMiddleware(t *testing.T) {
	r := startRoute(t, configurations(t, traefik.heading)[0])
	for _, row := range []struct {
		rule         string
		method       string
		origins      []string
		allow, other string // Access-Control-Allow-Origin, -Expose-Headers
		vary         string
	}{
		{"preflight of an allowed origin", "OPTIONS", []string{shop}, shop, "ETag", ""},
		{"preflight of another: without the first header", "OPTIONS", []string{partner}, "", "ETag", ""},
		{"allowed origin", "GET", []string{shop}, shop, "ETag", "Origin"},
		{"another is forwarded", "GET", []string{partner}, "", "ETag", "Origin"},
		{"case counts", "GET", []string{upper}, "", "ETag", "Origin"},
		{"no origin", "GET", nil, "", "ETag", "Origin"},
		{"the first of two lines counts", "GET", []string{shop, partner}, shop, "ETag", "Origin"},
		{"the first of two lines counts", "GET", []string{partner, shop}, "", "ETag", "Origin"},
	} {
		response := r.send(t, row.method, row.origins...)
		if response == nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %+v", row.rule, response)
		}
		h := response.Header
		got := []string{h.Get("Access-Control-Allow-Origin"), h.Get("Access-Control-Expose-Headers"), h.Get("Vary")}
		if got[0] != row.allow || got[1] != row.other || got[2] != row.vary || len(h.Values("Access-Control-Allow-Origin")) > 1 {
			t.Errorf("%s: %q, want %q", row.rule, got, []string{row.allow, row.other, row.vary})
		}
		if reached := h.Get("ETag") != ""; reached != (row.method == "GET") {
			t.Errorf("%s: reached the application: %t", row.rule, reached)
		}
	}
	if _, err := r.open(t, partner); err != nil {
		t.Errorf("WebSocket of another origin: %v", err)
	}
}

// readRouters returns the routers of compare.md, which are for plain HTTP.
func readRouters(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../compare.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Try it\n")
	for _, block := range parseBlocks(section) {
		if block.language == "yaml" {
			return strings.NewReplacer("https://a.example", shop, ", service: api", ", service: api, tls: {}").Replace(block.text)
		}
	}
	t.Fatal("compare.md has no routers")
	return ""
}

// The routers of compare.md refuse, and an open WebSocket outlives its origin's listing.
func TestTraefik_Routers(t *testing.T) {
	routers := readRouters(t)
	r := startRoute(t, routers)
	for _, row := range []struct {
		rule    string
		origins []string
		want    int
	}{
		{"listed", []string{shop}, 200},
		{"not listed", []string{partner}, 404},
		{"case counts", []string{upper}, 404},
		{"empty", []string{""}, 404},
		{"no origin", nil, 200},
		{"any of two lines counts", []string{shop, partner}, 200},
		{"any of two lines counts", []string{partner, shop}, 200},
	} {
		for _, method := range []string{"GET", "POST"} {
			if got := r.status(t, method, row.origins...); got != row.want {
				t.Errorf("%s: %d, want %d", row.rule, got, row.want)
			}
		}
	}
	if got := r.status(t, "OPTIONS", partner); got != http.StatusNotFound {
		t.Errorf("preflight of another origin: %d", got)
	}
	if _, err := r.open(t, partner); err == nil {
		t.Error("the WebSocket of another origin opened")
	}
	socket, err := r.open(t, shop)
	if err != nil {
		t.Fatal(err)
	}
	r.edge.write(t, strings.ReplaceAll(r.addresses(routers), shop, partner))
	r.waitForStatus(t, shop, http.StatusNotFound)
	if err := socket.Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil {
		t.Error(err)
	}
	if _, _, err := socket.Read(t.Context()); err != nil {
		t.Errorf("the WebSocket was closed: %v", err)
	}
}
