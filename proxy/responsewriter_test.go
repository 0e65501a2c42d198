package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"originwarden/proxy"
)

// The gateway sets the CORS headers of every response, no matter how its handler
// writes it.
func TestGateway_SetsCORSHeadersOnEveryResponse(t *testing.T) {
	handlers := map[string]http.HandlerFunc{
		"write":  func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "body") },
		"status": func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusOK) },
		"two statuses": func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(http.StatusOK)
			addCORSHeaders(rw.Header())
			rw.WriteHeader(http.StatusTeapot)
		},
		"flush": func(rw http.ResponseWriter, _ *http.Request) {
			http.NewResponseController(rw).Flush()
			io.WriteString(rw, "body")
		},
		"early hints": func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(http.StatusEarlyHints)
			addCORSHeaders(rw.Header())
			rw.WriteHeader(http.StatusOK)
		},
		"names in lower case": func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header()["access-control-allow-origin"] = []string{"*"}
			rw.Header()["access-control-max-age"] = []string{"1"}
			io.WriteString(rw, "body")
		},
	}
	for rule, write := range handlers {
		for _, protocol := range protocols() {
			h := newHarness(t, options{protocol: protocol, config: func(c *proxy.Config) {
				c.Tenants[0].API = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					addCORSHeaders(rw.Header())
					write(rw, r)
				})
			}})
			got := h.send(request("GET /api/v1/web-integrations", "Origin: "+listed))
			if got.StatusCode == http.StatusEarlyHints {
				expectCORS(t, rule+": hints", got, nil)
			} else {
				expectCORS(t, fmt.Sprint(rule, " over ", protocol), got, allowedCORS(listed))
			}
			if x := h.nextExchange(); x.Status != http.StatusOK {
				t.Errorf("%s over %s: exchange %+v, want status 200", rule, protocol, x)
			}
		}
	}
}
