package server

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"originwarden/console/ask"
	"originwarden/origins"
	"originwarden/proxy"
	"originwarden/proxy/request"
)

// ask answers a question about a tenant, as the gateway would.
func (s *Server) ask(ctx context.Context, tenant string, q ask.Question) ask.Answer {
	base := s.baseOf(tenant, q.Origin)
	_, host, _ := strings.Cut(base, "://")
	answer := ask.Answer{Request: s.explain(ctx, tenant, base, q.Request(host))}
	ownPage := answer.Request.Reason == string(origins.SameOrigin)
	if q.NeedsPreflight() && !ownPage {
		preflight := s.explain(ctx, tenant, base, q.Preflight(host))
		answer.Preflight = &preflight
	}
	return answer
}

func (s *Server) explain(ctx context.Context, tenant, base string, r *http.Request) ask.Response {
	e := s.gateway.Explain(ctx, r)
	if e.Tenant != tenant { // it is none, or its hosts have just changed
		x := proxy.Exchange{Kind: e.Kind, Verdict: origins.Refused, Reason: "tenant_unknown"}
		e = proxy.Explanation{Answer: proxy.Answer{Exchange: x, Status: http.StatusMisdirectedRequest}}
	}
	response := ask.Response{
		Kind: e.Kind, Mode: e.Mode.String(), Verdict: e.Verdict, Reason: e.Reason, Explanation: e.Explained,
		Forwards: e.Forwards, API: e.API, KeepsCORS: e.KeepsCORS, Status: e.Status, Body: string(e.Body), Curl: ask.Curl(base, r),
	}
	for _, field := range e.Header {
		for _, value := range field.Values {
			response.Header = append(response.Header, ask.Field{Name: field.Name, Value: value})
		}
	}
	return response
}

// baseOf returns the scheme and the host of a tenant's URLs: a public origin that has
// one of its hosts, or else its first host at the listener. The public origin is that of
// the page, if it can be: the tenant's pages make requests to their own address.
func (s *Server) baseOf(tenant, page string) string {
	cfg, scheme := s.current.Load().cfg, "http"
	if cfg.TLS.Enabled() {
		scheme = "https"
	}
	t, ok := tenantWithID(cfg, tenant)
	if !ok || len(t.NamedHosts()) == 0 {
		return scheme + "://" + LocalAddress(s.address)
	}
	var own []string
	for _, origin := range t.PublicOrigins {
		if u, err := url.Parse(origin); err == nil && slices.Contains(t.NamedHosts(), request.HostName(u.Host)) {
			own = append(own, origin)
		}
	}
	switch {
	case slices.Contains(own, page):
		return page
	case own != nil:
		return own[0]
	}
	local := *t
	local.PublicOrigins = nil
	_, port, _ := net.SplitHostPort(s.address.String())
	return local.PublicOriginsAt(scheme, port)[0]
}
