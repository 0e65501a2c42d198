package proxy_test

import (
	"context"
	"net/http"
	"testing"

	"originwarden/proxy"
)

func TestAttach_ReachesTheObserver(t *testing.T) {
	for path, want := range map[string]any{"/api/v1/web-integrations": "a word", "/": nil} {
		w := newWorld(t, options{config: func(c *proxy.Config) {
			c.Tenants[0].API = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				proxy.Attach(r.Context(), "a word")
				panic(http.ErrAbortHandler) // as of a response that is cut
			})
		}})
		conn := w.dial()
		conn.Write([]byte(request("GET " + path)))
		if x := w.observed(); x.Attached != want {
			t.Errorf("%s: %v is attached, want %v", path, x.Attached, want)
		}
	}
	proxy.Attach(context.Background(), "a word") // of no request
}
