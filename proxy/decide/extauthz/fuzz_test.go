package extauthz_test

import (
	"slices"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"

	"originwarden/origins"
	"originwarden/proxy"
)

// For any bytes as a question, the gateway answers, never with an OK for an origin that is
// not allowed, and only ever allows what the list has. Run it with -fuzzminimizetime=1x: the
// goroutines make the coverage of one input vary, and minimizing takes all the time.
func FuzzCheck_EnforcesDecision(f *testing.F) {
	for _, file := range []string{"envoy-merged.json", "envoy-raw.json", "envoy-websocket.json"} {
		f.Add(marshal(f, readQuestion(f, file)))
	}
	for _, e := range encodings() {
		f.Add(marshal(f, e.question("GET /", "Origin: "+unlisted)))
		f.Add(marshal(f, e.question("GET /", "Origin: "+listed, "Origin: "+unlisted)))
		f.Add(marshal(f, e.question("POST /?qlik-web-integration-id=first", "Origin: null", "Sec-Fetch-Site: same-origin", "Content-Length: 3")))
		f.Add(marshal(f, e.question("OPTIONS *", "Origin: "+listed)))
	}
	h := newHarness(f, options{config: func(c *proxy.Config) {
		c.Tenants = c.Tenants[:1] // in the other modes, refused requests pass
		c.Tenants[0].Hosts = []string{"*"}
	}})
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) > 64<<10 {
			return
		}
		response, err := h.askRaw(t.Context(), input)
		if err != nil {
			t.Fatal(err)
		}
		x, question := <-h.exchanges, &authv3.CheckRequest{}
		if proto.Unmarshal(input, question) != nil && x.Reason != "question_invalid" {
			t.Skip("strings that are not used need not be UTF-8")
		}
		if isOK := response.GetStatus().GetCode() == 0; isOK != (response.GetOkResponse() != nil) || isOK && !mayPass(question.GetAttributes().GetRequest().GetHttp(), x) {
			t.Fatalf("%v: answered %v, observed %+v", question, response, x)
		}
		for _, line := range (answer{CheckResponse: response}).fields() {
			value, found := strings.CutPrefix(line, "set access-control-allow-origin: ")
			if found && !slices.Contains([]string{listed, public, "*"}, value) {
				t.Fatalf("%v: %s", question, line)
			}
		}
	})
}

func marshal(t testing.TB, question *authv3.CheckRequest) []byte {
	t.Helper()
	bytes, err := proto.Marshal(question)
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

// mayPass reports whether a request may be forwarded, by its Origin lines.
func mayPass(asked *authv3.AttributeContext_HttpRequest, x proxy.Exchange) bool {
	var lines []string
	for _, line := range asked.GetHeaderMap().GetHeaders() {
		if strings.EqualFold(line.GetKey(), "origin") {
			lines = append(lines, line.GetValue()+string(line.GetRawValue()))
		}
	}
	if len(asked.GetHeaderMap().GetHeaders()) == 0 {
		for name, value := range asked.GetHeaders() {
			if strings.EqualFold(name, "origin") {
				lines = append(lines, value)
			}
		}
	}
	switch {
	case len(lines) == 0:
		return x.Decision == origins.NoOrigin
	case len(lines) > 1:
		return false
	}
	return lines[0] == listed || lines[0] == public || lines[0] == "null" && x.Decision == origins.SameOrigin || x.Decision == origins.PathPublic
}
