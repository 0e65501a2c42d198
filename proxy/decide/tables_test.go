package decide_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"originwarden/origins"
	"originwarden/proxy"
	"originwarden/proxy/decide"
	"originwarden/proxy/decide/decidetest"
)

// What a proxy is told is what the gateway in the path does, for each request of all
// tables and in each dialect: the verdict and the reason, the CORS headers of what is
// forwarded, and the response to what is not.
func TestHandler_AnswersAsTheGatewayDoes(t *testing.T) {
	for _, suite := range decidetest.Suites(t) {
		g := suite.Start(t, trustLoopback)
		path := newSender(t, g.Address)
		doors := map[string]*door{}
		for name, dialect := range dialects() {
			doors[name] = openDoorIn(t, g, dialect, "fast")
			doors[name+" in the reference lane"] = openDoorIn(t, g, dialect, "reference")
		}
		for _, r := range suite.Requests {
			inPath := path.send(t, inPath(r))
			if r.Unparsed {
				for name, d := range doors {
					expectUnparsed(t, suite.Name+", "+name+", "+r.Rule, d, r)
				}
				continue
			}
			want := g.Next(t)
			if r.Reason != "" && want.Reason != r.Reason {
				t.Errorf("%s, %s: reason %s in the path, want %s", suite.Name, r.Rule, want.Reason, r.Reason)
			}
			for name, d := range doors {
				if d.seesOther(r) {
					continue // see TestHandler_TakesUpgradeSeriously
				}
				got := d.ask(t, r)
				if len(d.invalid) > 0 {
					t.Fatalf("%s, %s, %s: %v", suite.Name, name, r.Rule, (<-d.invalid).Err)
				}
				expectSame(t, suite.Name+", "+name+", "+r.Rule, d.dialect, r, inPath, got)
				expectExchange(t, suite.Name+", "+name+", "+r.Rule, g.Next(t), want, got)
			}
		}
	}
}

// seesOther reports whether the door's proxy shows another upgrade than the client's: Nginx
// adds a Connection, and the others do not show whether it is HTTP/2, which has no key.
func (d *door) seesOther(r decidetest.Request) bool {
	if d.dialect == decide.Nginx {
		return r.Values("Upgrade") != nil && r.Values("Connection") == nil
	}
	return r.Values("Sec-WebSocket-Version") != nil && r.Values("Sec-WebSocket-Key") == nil
}

// expectUnparsed checks that a request which net/http refuses is refused.
func expectUnparsed(t *testing.T, rule string, d *door, r decidetest.Request) {
	t.Helper()
	got := d.ask(t, r)
	if got.StatusCode != http.StatusBadRequest {
		t.Errorf("%s: status %d, want 400", rule, got.StatusCode)
	}
	for len(d.invalid) > 0 {
		if x := <-d.invalid; x.Reason != "question_invalid" {
			t.Errorf("%s: reason %s", rule, x.Reason)
		}
	}
	for len(d.Exchanges) > 0 {
		t.Errorf("%s: %s was decided on", rule, d.Next(t).Reason)
	}
}

// expectSame compares an answer with the response in the path.
func expectSame(t *testing.T, rule string, d decide.Dialect, r decidetest.Request, inPath, got response) {
	t.Helper()
	isForwarded, status := inPath.StatusCode == http.StatusOK, inPath.StatusCode
	if isForwarded {
		inPath.body = ""
	}
	if real := got.Header.Get("Originwarden-Status"); d == decide.Nginx && status >= 400 && !r.IsPreflight() {
		if real != strconv.Itoa(status) {
			t.Errorf("%s: Originwarden-Status %q, want %d", rule, real, status)
		}
		status = http.StatusForbidden
	} else if real != "" {
		t.Errorf("%s: Originwarden-Status %q", rule, real)
	}
	if got.StatusCode != status {
		t.Errorf("%s: status %d, want %d", rule, got.StatusCode, status)
	}
	if withoutIDs(got.body) != withoutIDs(inPath.body) {
		t.Errorf("%s: body %q, want %q", rule, got.body, inPath.body)
	}
	if want := fieldsOf(inPath); !slices.Equal(fieldsOf(got), want) && !(isForwarded && got.Header.Get("Originwarden-Keep-Cors") == "true") {
		t.Errorf("%s:\n got %q\nwant %q", rule, fieldsOf(got), want)
	}
}

// withoutIDs returns a body without its trace id.
func withoutIDs(body string) string {
	return regexp.MustCompile(`[0-9a-f]{32}`).ReplaceAllString(body, "ID")
}

// fieldsOf returns the lines that the gateway decides on, sorted.
func fieldsOf(r response) (lines []string) {
	for name, values := range r.Header {
		isOwn := name == "Cache-Control" || name == "Retry-After" || name == "Allow" || name == "Vary" || name == "Content-Type" && r.StatusCode >= 400
		if isOwn || strings.HasPrefix(name, "Access-Control-") {
			lines = append(lines, fmt.Sprint(name, values))
		}
	}
	slices.Sort(lines)
	return lines
}

// expectExchange compares what was observed of a question with the exchange in the path.
func expectExchange(t *testing.T, rule string, got, want proxy.Exchange, answer response) {
	t.Helper()
	if answer.verdict() != string(want.Verdict)+", "+want.Reason {
		t.Errorf("%s: answered %s, want %s, %s", rule, answer.verdict(), want.Verdict, want.Reason)
	}
	isSame := got.Verdict == want.Verdict && got.Reason == want.Reason && got.Decision == want.Decision && got.Tenant == want.Tenant && got.Kind == want.Kind &&
		got.Mode == want.Mode && got.Method == want.Method && got.Path == want.Path && got.Origin == want.Origin && got.Client == want.Client && got.API == want.API &&
		got.Pattern == want.Pattern && got.Limit == want.Limit && got.OwnHost == want.OwnHost && got.Agent == want.Agent
	if !isSame || !got.Asked || want.Asked || got.Cut {
		t.Errorf("%s: observed\n     %+v\nwant %+v", rule, got, want)
	}
	if mayPass := want.Verdict == origins.Allowed || want.Mode != proxy.Enforce; answer.StatusCode == http.StatusOK && !mayPass {
		t.Errorf("%s: a refused request is forwarded", rule)
	}
}
