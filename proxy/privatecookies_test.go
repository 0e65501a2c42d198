package proxy_test

import (
	"slices"
	"strings"
	"testing"

	"originwarden/proxy"
)

// No tenant gets a cookie of the gateway's own pages, whatever line it stands in, over
// any protocol, also with a WebSocket and for a tenant that is only observed.
func TestGateway_ForwardsNoPrivateCookie(t *testing.T) {
	rows := []struct {
		rule  string
		lines []string // of the request
		want  []string // of the tenant's
	}{
		{"none", nil, nil},
		{"others", []string{"Cookie: a=1;b=\"2\""}, []string{"a=1;b=\"2\""}},
		{"alone", []string{"Cookie: own-session=1"}, nil},
		{"last", []string{"Cookie: a=1; own-session=1"}, []string{"a=1"}},
		{"first", []string{"cookie: own-session=1; a=1;b=2"}, []string{"a=1;b=2"}},
		{"in each of several lines", []string{"Cookie: own-session=1", "Cookie: a=1; own-session=1", "Cookie: b=2"}, []string{"a=1", "b=2"}},
		{"another, with its name within", []string{"Cookie: my-own-session=1; a=own-session"}, []string{"my-own-session=1; a=own-session"}},
	}
	for _, mode := range []proxy.Mode{proxy.Enforce, proxy.Report} {
		for _, lane := range []string{"fast", "reference"} {
			for _, protocol := range protocols() {
				h := newHarness(t, options{lane: lane, protocol: protocol, mode: mode, config: func(c *proxy.Config) { c.PrivateCookies = []string{"own-session"} }})
				for _, row := range rows {
					h.send(request("GET /", row.lines...))
					h.wantCookies(row.rule, row.want)
				}
				if protocol != http2 {
					h.send(request("GET /", append(webSocketFields(), "Cookie: a=1; own-session=1")...))
					h.wantCookies("WebSocket", []string{"a=1"})
				}
			}
		}
	}
}

func webSocketFields() []string {
	return []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}
}

// wantCookies checks the Cookie lines of the one request that the tenant has received.
func (h *harness) wantCookies(rule string, want []string) {
	h.t.Helper()
	saw := h.tenantRequests()
	if len(saw) != 1 {
		h.t.Fatalf("%s: the tenant received %v", rule, saw)
	}
	got := saw[0].Header["Cookie"]
	if h.protocol == http2 { // each cookie is a line, and net/http joins them
		got, want = cookiesOf(got), cookiesOf(want)
	}
	if !slices.Equal(got, want) {
		h.t.Errorf("%s, %s lane, %s: the tenant got %q, want %q", rule, h.lane, h.protocol, got, want)
	}
}

func cookiesOf(lines []string) (all []string) {
	for _, line := range lines {
		for _, cookie := range strings.Split(line, ";") {
			all = append(all, strings.TrimSpace(cookie))
		}
	}
	return all
}
