package grpcwebtest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"originwarden/origins"
	"originwarden/proxy"
	"originwarden/proxy/downstream"
	"originwarden/proxy/fastlane"
)

const listed, unlisted = "https://app.example.com", "https://strange.example"

// lists is the list of every tenant.
type lists struct{ list *origins.List }

func (l lists) List(context.Context, string) (*origins.List, error) { return l.list, nil }

// setting is how a gateway is reached, and how it reaches its tenant.
type setting struct {
	lane     string // fast or reference
	client   string // the protocol of clients: HTTP/1.1 or HTTP/2.0
	upstream string // the scheme of the upstream: http or h2c
}

func settings() (all []setting) {
	for _, lane := range []string{"fast", "reference"} {
		for _, client := range []string{"HTTP/1.1", "HTTP/2.0"} {
			for _, upstream := range []string{"http", "h2c"} {
				all = append(all, setting{lane, client, upstream})
			}
		}
	}
	return all
}

// startGateway starts a gateway in front of a tenant. It returns the URL of the gateway,
// and a client that speaks the protocol of the setting and sends an Origin.
func startGateway(t *testing.T, s setting, tenant http.Handler) (string, *pageClient) {
	t.Helper()
	server := httptest.NewUnstartedServer(tenant)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(s.upstream == "http")
	server.Config.Protocols.SetUnencryptedHTTP2(s.upstream == "h2c")
	server.Start()
	t.Cleanup(server.Close)
	gateway, err := proxy.New(proxy.Config{
		Tenants: []proxy.Tenant{{ID: "acme", Hosts: []string{"127.0.0.1"}, Upstream: &url.URL{Scheme: s.upstream, Host: server.Listener.Addr().String()},
			Policy: origins.Policy{Methods: []string{"POST"}, RequestHeaders: []string{"*"}}}},
		Lists:    lists{origins.NewList(1, []origins.Part{{ID: "pages", Revision: 1, Origins: []string{listed}}})},
		CORS:     proxy.CORS{Methods: []string{"POST"}, ExposeHeaders: []string{"Grpc-Status", "Grpc-Message", "Grpc-Status-Details-Bin"}, MaxAge: time.Minute},
		Timeouts: proxy.Timeouts{Connect: 3 * time.Second, Response: 10 * time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewUnstartedServer(gateway)
	front.Config.ConnContext = downstream.ConnContext
	var lane fastlane.Handler
	if s.lane == "fast" {
		lane = gateway
	}
	certified := httptest.NewUnstartedServer(nil) // for its certificate
	certified.EnableHTTP2 = s.client == "HTTP/2.0"
	certified.StartTLS()
	t.Cleanup(certified.Close)
	front.Config.TLSConfig = certified.TLS.Clone()
	front.Config.Protocols = fastlane.Protocols(true)
	front.Listener = fastlane.NewListener(t.Context(), downstream.NewListener(front.Listener, 0, nil, false, nil), certified.TLS.Clone(), lane, fastlane.Settings{})
	front.Start()
	t.Cleanup(front.Close)
	return "https" + strings.TrimPrefix(front.URL, "http"), &pageClient{t: t, client: certified.Client(), protocol: s.client, origin: listed}
}

// pageClient sends requests like the script of a page: each has an Origin, and the
// response has to be one that the browser lets the script read.
type pageClient struct {
	t                testing.TB
	client           *http.Client
	protocol, origin string
}

// Do sends a request.
func (c *pageClient) Do(r *http.Request) (*http.Response, error) {
	r.Header.Set("Origin", c.origin)
	res, err := c.client.Do(r)
	if err != nil {
		return nil, err
	}
	if res.Proto != c.protocol {
		c.t.Errorf("the gateway responded by %s, want %s", res.Proto, c.protocol)
	}
	if got := res.Header["Access-Control-Allow-Origin"]; c.origin == listed && (len(got) != 1 || got[0] != listed) {
		c.t.Errorf("Access-Control-Allow-Origin is %q, want %s", got, listed)
	}
	return res, nil
}
