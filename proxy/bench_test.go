package proxy_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"originwarden/lists"
	"originwarden/lists/liststest"
	"originwarden/origins"
	"originwarden/proxy"
)

// discardWriter discards the response.
type discardWriter struct{ header http.Header }

func (d *discardWriter) Header() http.Header         { return d.header }
func (d *discardWriter) Write(b []byte) (int, error) { return len(b), nil }
func (d *discardWriter) WriteHeader(int)             {}

func benchGateway(b *testing.B, upstream *url.URL) *proxy.Gateway {
	policy := origins.Policy{PublicOrigins: []string{public}, Methods: []string{"GET", "PUT"}, RequestHeaders: []string{"*"}}
	g, err := proxy.New(proxy.Config{
		Tenants: []proxy.Tenant{{ID: "acme", Hosts: []string{"acme.example"}, Upstream: upstream, Policy: policy}},
		Lists: liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 1, Origins: 10}}, func(ctx context.Context, _ string) (*origins.List, error) {
			return loadTwo(ctx, "acme")
		}),
		CORS: proxy.CORS{Credentials: true, Methods: policy.Methods},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(g.Close)
	return g
}

func benchRequest(method string, header http.Header) *http.Request {
	r := httptest.NewRequest(method, "/a?b=c", nil)
	r.Host, r.Header = "acme.example", header
	return r
}

func BenchmarkGateway_Preflight(b *testing.B) {
	benchServe(b, benchRequest("OPTIONS", http.Header{"Origin": {listed}, "Access-Control-Request-Method": {"PUT"},
		"Access-Control-Request-Headers": {"content-type,qlik-csrf-token,qlik-web-integration-id"}}))
}

func BenchmarkGateway_Refused(b *testing.B) {
	benchServe(b, benchRequest("GET", http.Header{"Origin": {unlisted}}))
}

func benchServe(b *testing.B, r *http.Request) {
	g, w := benchGateway(b, nil), &discardWriter{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		g.ServeHTTP(w, r)
	}
}

// It compares a forwarded GET with a plain httputil.ReverseProxy, to the same tenant
// over real sockets.
func BenchmarkGateway_Forwarded(b *testing.B) {
	tenant := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 1024)) }))
	b.Cleanup(tenant.Close)
	upstream, _ := url.Parse(tenant.URL)
	plain := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(upstream); p.SetXForwarded() }}
	for name, handler := range map[string]http.Handler{"gateway": benchGateway(b, upstream), "bare": plain} {
		b.Run(name, func(b *testing.B) {
			r, w := benchRequest("GET", http.Header{"Origin": {listed}}), &discardWriter{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				handler.ServeHTTP(w, r)
			}
		})
	}
}
