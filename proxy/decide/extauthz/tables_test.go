package extauthz_test

import (
	"bufio"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/encoding/protojson"

	"originwarden/origins"
	"originwarden/proxy"
	"originwarden/proxy/decide/decidetest"
	"originwarden/proxy/decide/extauthz"
)

// Envoy is told what the gateway in the path does, for each request of all tables: the
// verdict and the reason, the CORS headers of what is forwarded, and the response to what
// is not.
func TestCheck_AnswersAsTheGatewayDoes(t *testing.T) {
	for _, suite := range decidetest.Suites(t) {
		g := suite.Start(t, func(c *proxy.Config) { c.TrustedProxies = prefixes("127.0.0.0/8") })
		h := &harness{t: t, exchanges: g.Exchanges}
		h.serve(extauthz.New(extauthz.Config{Decider: g, IsReady: func() bool { return true }, Observe: h.observe}))
		for _, r := range suite.Requests {
			if r.Unparsed {
				continue // Envoy does not ask
			}
			inPath := send(t, g.Address, r)
			want := g.Next(t)
			for _, e := range encodings() {
				rule := suite.Name + ", " + string(e) + ", " + r.Rule
				got := h.check(rule, e.questionAbout(r))
				if e == merged && want.Decision == origins.OriginMalformed && strings.Contains(r.Values("Origin")[0], ",") {
					if got.metadata() != "refused origin_repeated" || got.status() != 0 && got.status() != 400 {
						t.Errorf("%s: status %d, %s; want it as if Envoy had joined lines", rule, got.status(), got.metadata())
					}
					continue
				}
				expectExchange(t, rule, got, want)
				expectResponse(t, rule, got, inPath, want)
			}
		}
	}
}

// questionAbout returns what Envoy asks about a request that has come to it from the
// tests.
func (e encoding) questionAbout(r decidetest.Request) *authv3.CheckRequest {
	question := e.question(r.Method+" "+r.Target, "Host: "+r.Host)
	for _, f := range r.Header {
		e.add(question.Attributes.Request.Http, f.Name+": "+f.Value)
	}
	question.Attributes.Source.Address = socketAddress("127.0.0.1", 1)
	return question
}

// send sends a request to the gateway in the path.
func send(t *testing.T, address string, r decidetest.Request) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	lines := []string{r.Method + " " + r.Target + " HTTP/1.1", "Host: " + r.Host, "X-Forwarded-Proto: https"}
	for _, f := range r.Header {
		lines = append(lines, f.Name+": "+f.Value)
	}
	if r.Method == http.MethodPost || r.Method == http.MethodPut {
		lines = append(lines, "Content-Length: 0")
	}
	if _, err := conn.Write([]byte(strings.Join(lines, "\r\n") + "\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%s: %v", r.Rule, err)
	}
	return response
}

// expectExchange compares what was observed of a question with the exchange in the path.
func expectExchange(t *testing.T, rule string, got answer, want proxy.Exchange) {
	t.Helper()
	if got.metadata() != string(want.Verdict)+" "+want.Reason {
		t.Errorf("%s: answered %s, want %s %s", rule, got.metadata(), want.Verdict, want.Reason)
	}
	x := got.exchange
	isSame := x.Verdict == want.Verdict && x.Reason == want.Reason && x.Decision == want.Decision && x.Tenant == want.Tenant && x.Kind == want.Kind &&
		x.Mode == want.Mode && x.Method == want.Method && x.Path == want.Path && x.Client == want.Client && x.API == want.API &&
		x.Pattern == want.Pattern && x.Limit == want.Limit && x.OwnHost == want.OwnHost && x.Agent == want.Agent
	if !isSame || !x.Asked {
		t.Errorf("%s: observed\n     %+v\nwant %+v", rule, x, want)
	}
}

// expectResponse compares what Envoy sends with the response in the path.
func expectResponse(t *testing.T, rule string, got answer, want *http.Response, x proxy.Exchange) {
	t.Helper()
	// The API of the suites answers nothing, and never a preflight.
	forwarded := x.UpstreamTime > 0 || x.API && x.Verdict == origins.Allowed && x.Kind != origins.Preflight
	switch {
	case forwarded != (got.status() == 0):
		t.Errorf("%s: status %d, forwarded in the path: %v", rule, got.status(), forwarded)
	case !forwarded && got.status() != want.StatusCode:
		t.Errorf("%s: status %d, want %d", rule, got.status(), want.StatusCode)
	}
	var lines, expected []string
	for _, line := range got.fields() {
		action, field, _ := strings.Cut(line, " ")
		if name, _, _ := strings.Cut(field, ":"); action != "replace" && isOfGateway(name) {
			lines = append(lines, field)
		}
	}
	for name, values := range want.Header {
		for _, value := range values {
			if name = strings.ToLower(name); isOfGateway(name) {
				expected = append(expected, name+": "+value)
			}
		}
	}
	slices.Sort(lines)
	slices.Sort(expected)
	if !slices.Equal(lines, expected) {
		t.Errorf("%s:\n got %q\nwant %q", rule, lines, expected)
	}
}

func isOfGateway(name string) bool {
	return name == "vary" || name == "cache-control" || name == "retry-after" || name == "allow" || strings.HasPrefix(name, "access-control-")
}

func TestCheck_ReadsQuestionsOfEnvoy(t *testing.T) {
	h := newHarness(t, options{})
	for file, want := range map[string]struct {
		status         int
		metadata, from string
		kind           origins.Kind
	}{
		"envoy-merged.json":    {0, "allowed listed", "192.0.2.7", origins.Actual},
		"envoy-raw.json":       {204, "allowed listed", "2001:db8::7", origins.Preflight},
		"envoy-websocket.json": {0, "allowed listed", "192.0.2.7", origins.WebSocket},
	} {
		got := h.check(file, readQuestion(t, file))
		if got.status() != want.status || got.metadata() != want.metadata || got.exchange.Kind != want.kind || got.exchange.Client.String() != want.from {
			t.Errorf("%s: status %d, %s, observed %+v", file, got.status(), got.metadata(), got.exchange)
		}
	}
}

func readQuestion(t testing.TB, file string) *authv3.CheckRequest {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	question := &authv3.CheckRequest{}
	if err := protojson.Unmarshal(text, question); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return question
}
