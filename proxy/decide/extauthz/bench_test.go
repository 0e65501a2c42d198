package extauthz_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"originwarden/lists"
	"originwarden/lists/liststest"
	"originwarden/proxy"
)

// What a question costs, client and all, beside a preflight that the gateway itself
// answers over HTTP/2: both on one connection, one after the other.
func BenchmarkCheck(b *testing.B) {
	for _, e := range encodings() {
		b.Run(string(e), func(b *testing.B) {
			h, question := newHarness(b, options{config: func(c *proxy.Config) { c.OnEnd = nil }}), e.question("OPTIONS /", preflight()...)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := h.envoy.Check(b.Context(), question); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("preflight", func(b *testing.B) {
		gateway, err := proxy.New(gatewayConfig(liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 100, Origins: 1000}}, loadOne)))
		if err != nil {
			b.Fatal(err)
		}
		defer gateway.Close()
		server := httptest.NewUnstartedServer(gateway)
		server.EnableHTTP2 = true
		server.StartTLS()
		defer server.Close()
		r, _ := http.NewRequest("OPTIONS", server.URL, nil)
		r.Host = "acme.example"
		r.Header = http.Header{"Origin": {listed}, "Access-Control-Request-Method": {"PUT"}, "Access-Control-Request-Headers": {"x-a,x-b"}}
		b.ReportAllocs()
		for b.Loop() {
			response, err := server.Client().Do(r)
			if err != nil || response.StatusCode != http.StatusNoContent {
				b.Fatal(response, err)
			}
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
	})
}

func preflight() []string {
	return []string{"Origin: " + listed, "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x-a,x-b"}
}
