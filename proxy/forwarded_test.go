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

// hopHeaders are the headers of the table in the documents of which a cell says
// that they are dropped from anybody but a trusted proxy, and those that pass.
// Of a family it has one member.
func hopHeaders(t *testing.T) (dropped, passed []string) {
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

func TestGateway_PassesNoWordOfAStrangerForThatOfAProxy(t *testing.T) {
	dropped, passed := hopHeaders(t)
	always := []string{"Proxy", "Forwarded", "X_Real_IP", "X.Real.IP", "X.Forwarded.For", "Remote~User"}
	lost := slices.Concat(dropped, always)
	applications := append(slices.Clip(passed), "Authorization", "Cookie", "X-Api-Key", "X-Auth-Token", "X-User-Id", "X-Original-Filename", "X-Client-Version", "X-Host-Id",
		"X-Middleware-Prefetch", "X-Nextjs-Data", "X-Real", "X-Ms-Date", "X-Amz-Date", "Cf-Ray", "Proxy-Status", "Client-Id", "Sec-Fetch-Site", "Max-Forwards")
	for _, row := range []struct {
		rule       string
		trusted    bool
		mode       proxy.Mode
		line       string
		headers    []string
		want, lost []string
	}{
		{"a request", false, proxy.Enforce, "GET /", nil, applications, lost},
		{"one that is reported", false, proxy.Report, "GET /", []string{"Origin: " + unlisted}, applications, lost},
		{"one without CORS headers", false, proxy.Headers, "GET /", []string{"Origin: " + unlisted}, applications, lost},
		{"a preflight that is forwarded", false, proxy.Report, "OPTIONS /", []string{"Origin: " + unlisted, "Access-Control-Request-Method: PUT"}, applications, lost},
		{"a handshake", false, proxy.Enforce, "GET /", []string{"Connection: Upgrade", "Upgrade: websocket", key}, applications, lost},
		{"a trusted proxy's", true, proxy.Enforce, "GET /", nil, slices.Concat(dropped, applications), always},
		{"a trusted proxy's that is reported", true, proxy.Report, "GET /", []string{"Origin: " + unlisted}, slices.Concat(dropped, applications), always},
	} {
		o := options{mode: row.mode}
		if row.trusted {
			o.config = trustLoopback
		}
		w := newWorld(t, o)
		headers := row.headers
		for _, name := range slices.Concat(row.want, row.lost) {
			headers = append(headers, name+": said")
		}
		w.send(request(row.line, headers...))
		saw := w.tenantSaw()
		if len(saw) != 1 {
			t.Fatalf("%s: the tenant saw %v", row.rule, saw)
		}
		expectSaid(t, row.rule, saw[0].Header, row.want, row.lost)
	}
	if len(dropped) < 100 || len(passed) < 6 {
		t.Errorf("the table has %d that are dropped and %d that pass", len(dropped), len(passed))
	}
}

func expectSaid(t *testing.T, rule string, header http.Header, want, lost []string) {
	t.Helper()
	for _, name := range want {
		if got := header.Values(name); !slices.Equal(got, []string{"said"}) {
			t.Errorf("%s: %s is %q", rule, name, got)
		}
	}
	for _, name := range lost {
		if got := header.Values(name); got != nil {
			t.Errorf("%s: %s is %q", rule, name, got)
		}
	}
}

func TestConfigure_HasEveryHeaderThatIsDropped(t *testing.T) {
	dropped, _ := hopHeaders(t)
	source, err := os.ReadFile("fields/untrusted.go")
	if err != nil {
		t.Fatal(err)
	}
	_, lists, _ := strings.Cut(string(source), "func isProxyField")
	names := regexp.MustCompile(`"([A-Z][A-Za-z0-9-]+)"`).FindAllStringSubmatch(lists, -1)
	if len(names) < 100 {
		t.Fatalf("only %d names were found", len(names))
	}
	for _, name := range names {
		if !slices.ContainsFunc(dropped, func(have string) bool {
			return strings.EqualFold(have, name[1]) || strings.EqualFold(have, name[1]+"Any")
		}) {
			t.Errorf("it has no %s", name[1])
		}
	}
}
