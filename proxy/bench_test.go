package proxy_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"originwarden/api/refusals"
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
	return benchGatewayWith(b, upstream, nil)
}

func benchGatewayWith(b *testing.B, upstream *url.URL, onEnd func(*proxy.Exchange)) *proxy.Gateway {
	policy := origins.Policy{PublicOrigins: []string{public}, Methods: []string{"GET", "PUT"}, RequestHeaders: []string{"*"}}
	g, err := proxy.New(proxy.Config{
		Tenants: []proxy.Tenant{{ID: "acme", Hosts: []string{"acme.example"}, Upstream: upstream, Policy: policy}},
		Lists: liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 1, Origins: 10}}, func(ctx context.Context, _ string) (*origins.List, error) {
			return loadTwo(ctx, "acme")
		}),
		CORS:  proxy.CORS{Credentials: true, Methods: policy.Methods},
		OnEnd: onEnd,
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

// It shows what a full inventory of refused origins costs: without one, with an origin
// that it knows, and in a flood of new ones.
func BenchmarkGateway_RefusedWithInventory(b *testing.B) {
	flood := make([]string, 100_000)
	for i := range flood {
		flood[i] = fmt.Sprintf("https://%d.example", i)
	}
	for name, from := range map[string][]string{"none": {unlisted}, "known": {unlisted}, "flood": flood} {
		b.Run(name, func(b *testing.B) {
			v := refusals.New(nil, 0, nil)
			for i := range 20_000 {
				v.Record(fmt.Sprint(i%12), refusals.Request{Origin: flood[len(flood)-1-i], Reason: origins.OriginNotListed, Path: "/", Time: time.Now()})
			}
			g := benchGatewayWith(b, nil, func(x *proxy.Exchange) {
				if name != "none" {
					v.Record(x.Tenant, refusals.Request{Origin: x.Origin, Reason: x.Decision, Method: x.Method, Path: x.Path, Agent: x.Agent, OwnHost: x.OwnHost, Time: x.Start})
				}
			})
			header := http.Header{"Origin": {""}, "User-Agent": {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"}}
			r, w := benchRequest("GET", header), &discardWriter{http.Header{}}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				header["Origin"][0] = from[i%len(from)]
				clear(w.header)
				g.ServeHTTP(w, r)
			}
		})
	}
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
