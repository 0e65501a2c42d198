package proxy_test

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"originwarden/proxy"
)

// documentedProxyHeaders returns the headers that the table in configure.md lists as
// dropped or passed if the client is not a trusted proxy. A pattern yields one name.
func documentedProxyHeaders(t *testing.T) (dropped, passed []string) {
	t.Helper()
	text, err := os.ReadFile("../docs/configure.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*) \\| passed \\| (dropped|passed) \\|").FindAllStringSubmatch(string(text), -1) {
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			if header := strings.Replace(name[1], "*", "Any", 1); row[2] == "dropped" {
				dropped = append(dropped, header)
			} else {
				passed = append(passed, header)
			}
		}
	}
	return dropped, passed
}

func TestGateway_DropsProxyHeadersOfUntrustedClient(t *testing.T) {
	dropped, passed := documentedProxyHeaders(t)
	alwaysDropped := []string{"Proxy", "Forwarded", "X_Real_IP", "X.Real.IP", "X.Forwarded.For", "Remote~User"}
	droppedIfUntrusted := slices.Concat(dropped, alwaysDropped)
	application := append(slices.Clip(passed), "Authorization", "Cookie", "X-Api-Key", "X-Auth-Token", "X-User-Id", "X-Original-Filename", "X-Client-Version", "X-Host-Id",
		"X-Middleware-Prefetch", "X-Nextjs-Data", "X-Real", "X-Ms-Date", "X-Amz-Date", "Cf-Ray", "Proxy-Status", "Client-Id", "Sec-Fetch-Site", "Max-Forwards")
	for _, row := range []struct {
		rule         string
		trusted      bool
		mode         proxy.Mode
		line         string
		headers      []string
		want, absent []string
	}{
		{"actual request", false, proxy.Enforce, "GET /", nil, application, droppedIfUntrusted},
		{"refused request in mode report", false, proxy.Report, "GET /", []string{"Origin: " + unlisted}, application, droppedIfUntrusted},
		{"refused request in mode headers", false, proxy.Headers, "GET /", []string{"Origin: " + unlisted}, application, droppedIfUntrusted},
		{"preflight in mode report", false, proxy.Report, "OPTIONS /", []string{"Origin: " + unlisted, "Access-Control-Request-Method: PUT"}, application, droppedIfUntrusted},
		{"WebSocket handshake", false, proxy.Enforce, "GET /", []string{"Connection: Upgrade", "Upgrade: websocket", key}, application, droppedIfUntrusted},
		{"request of trusted proxy", true, proxy.Enforce, "GET /", nil, slices.Concat(dropped, application), alwaysDropped},
		{"refused request of trusted proxy in mode report", true, proxy.Report, "GET /", []string{"Origin: " + unlisted}, slices.Concat(dropped, application), alwaysDropped},
	} {
		o := options{mode: row.mode}
		if row.trusted {
			o.config = trustLoopback
		}
		h := newHarness(t, o)
		headers := row.headers
		for _, name := range slices.Concat(row.want, row.absent) {
			headers = append(headers, name+": said")
		}
		h.send(request(row.line, headers...))
		saw := h.tenantRequests()
		if len(saw) != 1 {
			t.Fatalf("%s: tenant received %v", row.rule, saw)
		}
		expectHeaders(t, row.rule, saw[0].Header, row.want, row.absent)
	}
	if len(dropped) < 100 || len(passed) < 6 {
		t.Errorf("table lists %d dropped and %d passed headers, want at least 100 and 6", len(dropped), len(passed))
	}
}

func expectHeaders(t *testing.T, rule string, header http.Header, want, absent []string) {
	t.Helper()
	for _, name := range want {
		if got := header.Values(name); !slices.Equal(got, []string{"said"}) {
			t.Errorf("%s: %s is %q, want \"said\"", rule, name, got)
		}
	}
	for _, name := range absent {
		if got := header.Values(name); got != nil {
			t.Errorf("%s: %s is %q, want none", rule, name, got)
		}
	}
}

func TestConfigure_ListsEveryDroppedHeader(t *testing.T) {
	dropped, _ := documentedProxyHeaders(t)
	source, err := os.ReadFile("fields/untrusted.go")
	if err != nil {
		t.Fatal(err)
	}
	_, lists, _ := strings.Cut(string(source), "func isProxyField")
	names := regexp.MustCompile(`"([A-Z][A-Za-z0-9-]+)"`).FindAllStringSubmatch(lists, -1)
	if len(names) < 100 {
		t.Fatalf("found %d names, want at least 100", len(names))
	}
	for _, name := range names {
		if !slices.ContainsFunc(dropped, func(have string) bool {
			return strings.EqualFold(have, name[1]) || strings.EqualFold(have, name[1]+"Any")
		}) {
			t.Errorf("configure.md does not list %s", name[1])
		}
	}
}
