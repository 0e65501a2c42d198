package workers_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"originwarden/cmd/originwarden/server/workers"
)

// serve returns the URL of handler over HTTP/2, a client, and what the server logs.
func serve(t *testing.T, handler http.HandlerFunc) (string, *http.Client, logged) {
	t.Helper()
	h := workers.New(handler)
	t.Cleanup(h.Close)
	errorLog := make(logged, 10)
	server := httptest.NewUnstartedServer(h)
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(errorLog, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL, server.Client(), errorLog
}

// logged are the first lines of a log.
type logged chan string

func (l logged) Write(p []byte) (int, error) {
	select {
	case l <- string(p):
	default:
	}
	return len(p), nil
}

func TestHandler_ServesConcurrentRequests(t *testing.T) {
	const requests = 600 // more than goroutines stay
	var together sync.WaitGroup
	together.Add(50)
	url, client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("n") < "050" {
			together.Done()
			together.Wait() // each needs a goroutine of its own
		}
		fmt.Fprint(w, r.URL.RawQuery)
	})
	var done sync.WaitGroup
	for n := range requests {
		done.Go(func() {
			query := fmt.Sprintf("n=%03d", n)
			res, err := client.Get(url + "/?" + query)
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			if body, _ := io.ReadAll(res.Body); string(body) != query || res.ProtoMajor != 2 {
				t.Errorf("got %q over %s, want %q over HTTP/2", body, res.Proto, query)
			}
		})
	}
	done.Wait()
}

func TestHandler_PassesPanicsOn(t *testing.T) {
	url, client, errorLog := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/abort" {
			panic(http.ErrAbortHandler)
		}
		panic(errors.New("broken on purpose"))
	})
	for _, path := range []string{"/abort", "/abort", "/panic"} { // the goroutine is used again
		if res, err := client.Get(url + path); err == nil {
			res.Body.Close()
			t.Errorf("%s: got status %d, want an error", path, res.StatusCode)
		}
	}
	// The client learns of it before the log does.
	if got := <-errorLog; strings.Count(got, "broken on purpose") != 1 || !strings.Contains(got, "TestHandler_PassesPanicsOn") {
		t.Errorf("the log has %q, want the panic first, with the stack of the handler", got)
	}
}

func TestHandler_ServesHTTP1OnItsOwnGoroutine(t *testing.T) {
	h := workers.New(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "served") }))
	h.Close()
	server := httptest.NewTLSServer(h)
	defer server.Close()
	client := server.Client()
	client.Transport.(*http.Transport).TLSClientConfig.NextProtos = []string{"http/1.1"}
	client.Transport.(*http.Transport).TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	res, err := client.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); string(body) != "served" || res.ProtoMajor != 1 {
		t.Errorf("got %q over %s, want it served over HTTP/1.1", body, res.Proto)
	}
}
