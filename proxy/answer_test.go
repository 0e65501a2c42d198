package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"originwarden/proxy"
)

// Whoever answers, and however, the response leaves dressed.
func TestGateway_DressesAnswersHoweverTheyAreWritten(t *testing.T) {
	answers := map[string]http.HandlerFunc{
		"by writing":  func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "body") },
		"by a status": func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusOK) },
		"by two": func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(http.StatusOK)
			hostile(rw.Header())
			rw.WriteHeader(http.StatusTeapot)
		},
		"by a flush": func(rw http.ResponseWriter, _ *http.Request) {
			http.NewResponseController(rw).Flush()
			io.WriteString(rw, "body")
		},
		"by hints before it": func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(http.StatusEarlyHints)
			hostile(rw.Header())
			rw.WriteHeader(http.StatusOK)
		},
		"with names in lower case": func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header()["access-control-allow-origin"] = []string{"*"}
			rw.Header()["access-control-max-age"] = []string{"1"}
			io.WriteString(rw, "body")
		},
	}
	for rule, write := range answers {
		for _, protocol := range protocols() {
			w := newWorld(t, options{protocol: protocol, config: func(c *proxy.Config) {
				c.Tenants[0].API = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					hostile(rw.Header())
					write(rw, r)
				})
			}})
			got := w.send(request("GET /api/v1/web-integrations", "Origin: "+listed))
			if got.StatusCode == http.StatusEarlyHints {
				expectCORS(t, rule+", the hints", got, nil)
			} else {
				expectCORS(t, fmt.Sprint(rule, " by ", protocol), got, sharedWith(listed))
			}
			if x := w.observed(); x.Status != http.StatusOK {
				t.Errorf("%s by %s: observed %+v", rule, protocol, x)
			}
		}
	}
}
