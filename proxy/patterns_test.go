package proxy_test

import (
	"context"
	"testing"

	"github.com/coder/websocket"

	"originwarden/lists/liststest"
	"originwarden/origins"
	"originwarden/proxy"
)

const (
	ownPattern    = "https://pr-*.example.com"
	hostedPattern = "https://proj-*-team.vercel.app"
	ownPage       = "https://pr-1.example.com"
	hostedPage    = "https://proj-1-team.vercel.app"
)

// newPatternHarness returns a harness whose first web integration has two patterns.
func newPatternHarness(t *testing.T, permitted origins.Patterns, o options) *harness {
	o.policy = func(p *origins.Policy) { p.Patterns = permitted }
	o.load = func(context.Context, string) (*origins.List, error) {
		return origins.NewList(2, []origins.Part{
			{ID: "first", Revision: 1, Origins: []string{ownPattern, hostedPattern}},
			{ID: "second", Revision: 2, Origins: []string{other}},
		}), nil
	}
	return newHarness(t, o)
}

func TestGateway_DecidesByPatterns(t *testing.T) {
	const listedReason, notListed = string(origins.Listed), string(origins.OriginNotListed)
	id := func(name string) string { return "qlik-web-integration-id: " + name }
	rows := []struct {
		rule      string
		permitted origins.Patterns
		origin    string
		extra     string
		reason    string
		pattern   string
	}{
		{"none permits no pattern", origins.NoPatterns, ownPage, "", notListed, ownPattern},
		{"own permits own", origins.OwnPatterns, ownPage, "", listedReason, ownPattern},
		{"own does not permit hosted", origins.OwnPatterns, hostedPage, "", notListed, hostedPattern},
		{"hosted permits both", origins.HostedPatterns, hostedPage, "", listedReason, hostedPattern},
		{"web integration with the pattern", origins.OwnPatterns, ownPage, id("first"), listedReason, ownPattern},
		{"web integration without the pattern", origins.OwnPatterns, ownPage, id("second"), string(origins.OriginNotInWebIntegration), ""},
		{"entry without a pattern", origins.OwnPatterns, other, "", listedReason, ""},
		{"dot for *", origins.OwnPatterns, "https://pr-1.a.example.com", "", notListed, ""},
		{"other port", origins.OwnPatterns, ownPage + ":8443", "", notListed, ""},
		{"pattern as an origin", origins.OwnPatterns, ownPattern, "", string(origins.OriginMalformed), ""},
	}
	for _, protocol := range protocols() {
		for _, row := range rows {
			h := newPatternHarness(t, row.permitted, options{protocol: protocol})
			lines := []string{"Origin: " + row.origin}
			if row.extra != "" {
				lines = append(lines, row.extra)
			}
			got := h.send(request("GET /", lines...))
			allowed := row.reason == listedReason
			if echoed := got.Header.Get("Access-Control-Allow-Origin"); (got.StatusCode == 200) != allowed || (echoed == row.origin) != allowed || !allowed && echoed != "" {
				t.Errorf("%s, %s: status %d, Access-Control-Allow-Origin %q", protocol, row.rule, got.StatusCode, echoed)
			}
			if x := h.nextExchange(); x.Reason != row.reason || x.Pattern != row.pattern {
				t.Errorf("%s, %s: %s by %q, want %s by %q", protocol, row.rule, x.Reason, x.Pattern, row.reason, row.pattern)
			}
			if sent := len(h.tenantRequests()); (sent == 1) != allowed {
				t.Errorf("%s, %s: the tenant received %d requests", protocol, row.rule, sent)
			}
		}
	}
}

func TestGateway_AnswersPreflightOfPattern(t *testing.T) {
	for _, protocol := range protocols() {
		h := newPatternHarness(t, origins.OwnPatterns, options{protocol: protocol})
		got := h.send(request("OPTIONS /", "Origin: "+ownPage, "Access-Control-Request-Method: PUT"))
		if got.StatusCode != 204 || got.Header.Get("Access-Control-Allow-Origin") != ownPage {
			t.Errorf("%s: status %d, %v", protocol, got.StatusCode, got.Header)
		}
	}
}

func TestGateway_ClosesTunnelsOfRemovedPattern(t *testing.T) {
	h := newPatternHarness(t, origins.HostedPatterns, options{tenant: echo})
	own, hosted := h.openWebSocket(ownPage, "/"), h.openWebSocket(hostedPage, "/?qlik-web-integration-id=first")
	waitUntilRelaying(t, own, hosted)
	liststest.Apply(h.lists, origins.Change{Tenant: "acme", Part: origins.Part{ID: "first", Revision: 10, Origins: []string{hostedPattern}}})
	expectClose(t, "removed pattern", own, websocket.StatusPolicyViolation, "revoked")
	expectEcho(t, "other pattern", hosted)
	liststest.Apply(h.lists, origins.Change{Tenant: "acme", Part: origins.Part{ID: "second", Revision: 11, Origins: []string{hostedPattern}}})
	liststest.Apply(h.lists, origins.Change{Tenant: "acme", Part: origins.Part{ID: "first", Revision: 12}})
	expectClose(t, "in another web integration only", hosted, websocket.StatusPolicyViolation, "revoked")
}

func TestGateway_ClosesTunnelsOfPatternThatIsNoLongerPermitted(t *testing.T) {
	var cfg proxy.Config
	h := newPatternHarness(t, origins.HostedPatterns, options{tenant: echo, config: func(c *proxy.Config) { cfg = *c }})
	own, hosted := h.openWebSocket(ownPage, "/"), h.openWebSocket(hostedPage, "/")
	waitUntilRelaying(t, own, hosted)
	cfg.Tenants = append([]proxy.Tenant{}, cfg.Tenants...)
	cfg.Tenants[0].Policy.Patterns = origins.OwnPatterns
	if err := h.proxy.Reconfigure(cfg); err != nil {
		t.Fatal(err)
	}
	expectClose(t, "hosted", hosted, websocket.StatusPolicyViolation, "revoked")
	expectEcho(t, "own", own)
	if got := h.send(request("GET /", "Origin: "+hostedPage)); got.StatusCode != 403 {
		t.Errorf("after the reload: status %d, want 403", got.StatusCode)
	}
}
