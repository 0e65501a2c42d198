// Package decidetest has requests whose decision is known, from all tables of this
// module, and gateways that they are for. The tests of each way to ask for a decision use
// it, so that all ways agree with the gateway in the path.
package decidetest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"originwarden/lists"
	"originwarden/lists/liststest"
	"originwarden/origins"
	"originwarden/proxy"
)

// Suite is a configuration of a gateway, and requests to it.
type Suite struct {
	Name    string
	Tenants []proxy.Tenant
	// Lists are the entries of a tenant's web integrations, by tenant and id.
	Lists    map[string]map[string][]string
	Requests []Request
}

// Gateway is a gateway with a tenant behind it, on a real socket.
type Gateway struct {
	*proxy.Gateway
	// Address is where requests are sent to.
	Address string
	// Exchanges has what the gateway has observed.
	Exchanges chan proxy.Exchange
	// Config is what the gateway was made of.
	Config proxy.Config
}

// Tenant is the body of every response of the tenants and of their API.
const Tenant = "the tenant"

// Start starts the gateway of the suite, and stops it at the end of the test. change may
// change its configuration; it may be nil.
func (s Suite) Start(t testing.TB, change func(*proxy.Config)) *Gateway {
	t.Helper()
	tenant := httptest.NewServer(http.HandlerFunc(answer))
	t.Cleanup(tenant.Close)
	upstream, err := url.Parse(tenant.URL)
	if err != nil {
		t.Fatal(err)
	}
	g := &Gateway{Exchanges: make(chan proxy.Exchange, 10_000)}
	g.Config = proxy.Config{
		Tenants:  append([]proxy.Tenant(nil), s.Tenants...),
		Lists:    liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 10, Origins: 10_000}}, s.load),
		CORS:     proxy.CORS{Credentials: true, Methods: methods(), ExposeHeaders: []string{"ETag"}, MaxAge: 10 * time.Minute},
		URLBytes: MaxURL,
		Timeouts: proxy.Timeouts{Connect: 3 * time.Second, Response: 10 * time.Second, Idle: time.Minute},
		OnEnd:    func(x *proxy.Exchange) { g.Exchanges <- *x },
	}
	for i := range g.Config.Tenants {
		g.Config.Tenants[i].Upstream = upstream
	}
	if change != nil {
		change(&g.Config)
	}
	if g.Gateway, err = proxy.New(g.Config); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(g.Gateway)
	server.Config.DisableGeneralOptionsHandler = true
	server.Start()
	t.Cleanup(func() {
		server.Close()
		g.Close()
	})
	g.Address = server.Listener.Addr().String()
	return g
}

// MaxURL is the limit of the gateways for targets.
const MaxURL = 1024

func methods() []string { return []string{"GET", "HEAD", "POST", "PUT"} }

func (s Suite) load(_ context.Context, tenant string) (*origins.List, error) {
	var parts []origins.Part
	for id, entries := range s.Lists[tenant] {
		parts = append(parts, origins.Part{ID: id, Revision: 1, Origins: entries})
	}
	return origins.NewList(1, parts), nil
}

// Next returns the next exchange that was observed.
func (g *Gateway) Next(t testing.TB) proxy.Exchange {
	t.Helper()
	select {
	case x := <-g.Exchanges:
		return x
	case <-time.After(20 * time.Second):
		t.Fatal("no exchange was reported")
		return proxy.Exchange{}
	}
}

// Request is a request as a client sends it to a proxy.
type Request struct {
	Rule, Method, Target, Host string
	Header                     []Field // without Host
	// Reason is that of the decision, or the code of the error before it in lower case.
	// "": the table has none, and what the gateway in the path decides counts.
	Reason string
	// Unparsed says that net/http refuses the request.
	Unparsed bool
}

// Field is a line of a header.
type Field struct{ Name, Value string }

// newRequest returns the request with a request line and header lines. Its host is
// acme.example, if none of the lines has one. Proxies pass on a target in origin-form.
func newRequest(rule, reason, line string, header ...string) Request {
	method, target, _ := strings.Cut(line, " ")
	r := Request{Rule: rule + ": " + line + " with " + strings.Join(header, " | "), Method: method, Target: target, Host: "acme.example", Reason: reason}
	if rest, isURL := strings.CutPrefix(target, "http://"); isURL {
		end := strings.IndexAny(rest+"/", "/?")
		if r.Host, r.Target = rest[:end], rest[end:]; !strings.HasPrefix(r.Target, "/") {
			r.Target = "/" + r.Target
		}
	}
	for _, text := range header {
		name, value, found := strings.Cut(text, ":")
		switch f := (Field{name, strings.Trim(value, " ")}); {
		case !found:
		case strings.EqualFold(name, "Host"):
			r.Host = f.Value
		default:
			r.Header = append(r.Header, f)
		}
	}
	return r
}

// Values returns the values of the lines of a field.
func (r *Request) Values(name string) (all []string) {
	for _, f := range r.Header {
		if strings.EqualFold(f.Name, name) {
			all = append(all, f.Value)
		}
	}
	return all
}

// IsPreflight reports whether the request is a preflight.
func (r *Request) IsPreflight() bool {
	return r.Method == http.MethodOptions && r.Values("Origin") != nil && r.Values("Access-Control-Request-Method") != nil
}
