package proxy_test

import (
	"context"
	"net/http"
	"testing"

	"originwarden/proxy"
)

func TestAttach_PassesValueToObserver(t *testing.T) {
	for path, want := range map[string]any{"/api/v1/web-integrations": "a word", "/": nil} {
		h := newHarness(t, options{config: func(c *proxy.Config) {
			c.Tenants[0].API = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				proxy.Attach(r.Context(), "a word")
				panic(http.ErrAbortHandler) // the response is aborted
			})
		}})
		conn := h.dial()
		conn.Write([]byte(request("GET " + path)))
		if x := h.nextExchange(); x.Attached != want {
			t.Errorf("%s: attached %v, want %v", path, x.Attached, want)
		}
	}
	proxy.Attach(context.Background(), "a word") // without a request it does nothing
}
