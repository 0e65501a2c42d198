package demo_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"originwarden/cmd/originwarden/demo"
)

func startServer(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// send makes a request and returns the response and its body.
func send(t *testing.T, method, url, contentType, body string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Origin", "https://app.example.com")
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	responseBody, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(responseBody)
}

func TestTenant_Responses(t *testing.T) {
	const good = `{"item":"Brass bell","quantity":5}`
	for _, c := range []struct {
		name, method, path, contentType, body string
		status                                int
		contains                              string
	}{
		{"describes itself", "GET", "/", "", "", 200, `"GET /api/orders"`},
		{"lists orders", "GET", "/api/orders", "", "", 200, `{"id":2,"item":"Brass bell","quantity":1}`},
		{"replaces an order", "PUT", "/api/orders/2", "application/json", good, 200, `{"id":2,"item":"Brass bell","quantity":5}`},
		{"accepts a charset", "PUT", "/api/orders/2", "application/json; charset=utf-8", good, 200, `"quantity":5`},
		{"refuses an unknown order", "PUT", "/api/orders/4", "application/json", good, 404, "error"},
		{"refuses an order id with a leading zero", "PUT", "/api/orders/02", "application/json", good, 404, "error"},
		{"refuses text/plain, which needs no preflight", "PUT", "/api/orders/2", "text/plain", good, 415, "error"},
		{"refuses a missing content type", "PUT", "/api/orders/2", "", good, 415, "error"},
		{"refuses invalid JSON", "PUT", "/api/orders/2", "application/json", good + "}", 400, "error"},
		{"refuses an order without an item", "PUT", "/api/orders/2", "application/json", `{"quantity":1}`, 400, "error"},
		{"refuses an order without a quantity", "PUT", "/api/orders/2", "application/json", `{"item":"Bell"}`, 400, "error"},
		{"refuses a long body", "PUT", "/api/orders/2", "application/json", strings.Repeat(" ", 4<<10) + good, 413, "error"},
		{"refuses other paths", "GET", "/api", "", "", 404, ""},
		{"refuses preflights", "OPTIONS", "/api/orders/2", "", "", 405, ""},
		{"echoes only to WebSockets", "GET", "/socket", "", "", 426, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			response, body := send(t, c.method, startServer(t, demo.Tenant())+c.path, c.contentType, c.body)
			if response.StatusCode != c.status || !strings.Contains(body, c.contains) {
				t.Errorf("got %d %s, want %d with %s", response.StatusCode, body, c.status, c.contains)
			}
			if c.contains != "" && response.Header.Get("Content-Type") != "application/json" {
				t.Errorf("content type %q", response.Header.Get("Content-Type"))
			}
			for name := range response.Header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("the tenant sent %s", name)
				}
			}
		})
	}
}

func TestTenant_StoresPutOrder(t *testing.T) {
	url := startServer(t, demo.Tenant())
	send(t, "PUT", url+"/api/orders/3", "application/json", `{"id":9,"item":"Oak gate","quantity":7}`)
	_, body := send(t, "GET", url+"/api/orders", "", "")
	var orders []struct {
		ID, Quantity int
		Item         string
	}
	if err := json.Unmarshal([]byte(body), &orders); err != nil {
		t.Fatal(err)
	}
	if len(orders) != 3 || orders[2].ID != 3 || orders[2].Item != "Oak gate" || orders[2].Quantity != 7 {
		t.Errorf("orders %s", body)
	}
}

func TestTenant_ConcurrentRequests(t *testing.T) {
	tenant := demo.Tenant()
	var all sync.WaitGroup
	for n := range 20 {
		all.Go(func() {
			put := httptest.NewRequest("PUT", "/api/orders/1", strings.NewReader(fmt.Sprintf(`{"item":"Bell","quantity":%d}`, n+1)))
			put.Header.Set("Content-Type", "application/json")
			tenant.ServeHTTP(httptest.NewRecorder(), put)
			tenant.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/api/orders", nil))
		})
	}
	all.Wait()
}

// notifyWhenDone returns h and a channel that is closed when h has returned.
func notifyWhenDone(h http.Handler) (http.Handler, <-chan struct{}) {
	done := make(chan struct{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		h.ServeHTTP(w, r)
	}), done
}

func TestTenant_StreamsEventsUntilClientDisconnects(t *testing.T) {
	tenant, done := notifyWhenDone(demo.Tenant())
	response, err := http.Get(startServer(t, tenant) + "/api/events")
	if err != nil {
		t.Fatal(err)
	}
	if got := response.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("content type %q", got)
	}
	lines := bufio.NewScanner(response.Body)
	for _, want := range []string{"id: 1", `data: {"event":1}`, ""} {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("got %q, want %q: %v", lines.Text(), want, lines.Err())
		}
	}
	select {
	case <-done:
		t.Fatal("the stream ended by itself")
	default:
	}
	response.Body.Close()
	<-done
}

func TestTenant_SendsEventEverySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 9500*time.Millisecond)
		defer cancel()
		recorder, begun := httptest.NewRecorder(), time.Now()
		demo.Tenant().ServeHTTP(recorder, httptest.NewRequestWithContext(ctx, "GET", "/api/events", nil))
		if n := strings.Count(recorder.Body.String(), "\n\n"); n != 10 {
			t.Errorf("%d events in 9.5 seconds, want 10", n)
		}
		if took := time.Since(begun); took != 9500*time.Millisecond {
			t.Errorf("the stream ended after %v, want 9.5s", took)
		}
	})
}

func dialWebSocket(t *testing.T, url string) *websocket.Conn {
	t.Helper()
	// The tenant accepts every origin, because the gateway decides.
	socket, _, err := websocket.Dial(t.Context(), url+"/socket", &websocket.DialOptions{
		HTTPHeader: http.Header{"Origin": {"https://elsewhere.example"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.CloseNow() })
	return socket
}

func TestTenant_EchoesMessages(t *testing.T) {
	socket := dialWebSocket(t, startServer(t, demo.Tenant()))
	for _, kind := range []websocket.MessageType{websocket.MessageText, websocket.MessageBinary} {
		for _, message := range []string{"hello", "", strings.Repeat("x", 4<<10)} {
			if err := socket.Write(t.Context(), kind, []byte(message)); err != nil {
				t.Fatal(err)
			}
			gotKind, got, err := socket.Read(t.Context())
			if err != nil || gotKind != kind || string(got) != message {
				t.Fatalf("got %v %q %v, want %v %q", gotKind, got, err, kind, message)
			}
		}
	}
	if err := socket.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Errorf("closing: %v", err)
	}
}

func TestTenant_ClosesSocketAfterLongMessage(t *testing.T) {
	socket := dialWebSocket(t, startServer(t, demo.Tenant()))
	if err := socket.Write(t.Context(), websocket.MessageText, make([]byte, 4<<10+1)); err != nil {
		t.Fatal(err)
	}
	_, _, err := socket.Read(t.Context())
	if got := websocket.CloseStatus(err); got != websocket.StatusMessageTooBig {
		t.Errorf("closed with %v (%v), want %v", got, err, websocket.StatusMessageTooBig)
	}
}

func TestTenant_ClosesSocketsWithServer(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	tenant, done := notifyWhenDone(demo.Tenant())
	server := httptest.NewUnstartedServer(tenant)
	server.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	server.Start()
	t.Cleanup(server.Close)
	socket := dialWebSocket(t, server.URL)
	stop()
	if _, _, err := socket.Read(t.Context()); err == nil {
		t.Error("the socket is still open")
	}
	<-done
}
