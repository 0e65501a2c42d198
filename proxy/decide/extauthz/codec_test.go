package extauthz_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"originwarden/proxy"
)

// What cannot be decoded is denied too: gRPC's own error would let the request pass if
// Envoy has failure_mode_allow.
func TestCheck_DeniesWhatCannotBeDecoded(t *testing.T) {
	h := newHarness(t, options{})
	for rule, message := range map[string][]byte{
		"bytes":                   {0xff, 0xff},
		"a truncated message":     bytes.TrimSuffix(marshal(t, raw.question("GET /")), []byte("s")),
		"a path that is no UTF-8": bytes.Replace(marshal(t, raw.question("GET /zzz")), []byte("/zzz"), []byte("/\xffzz"), 1),
	} {
		got, err := h.askRaw(t.Context(), message)
		if err != nil {
			t.Errorf("%s: %v", rule, err)
			continue
		}
		if x := <-h.exchanges; got.GetDeniedResponse().GetStatus().GetCode() != 400 || x.Reason != "question_invalid" || x.Err == nil {
			t.Errorf("%s: %v, observed %+v", rule, got, x)
		}
	}
}

// What is observed of a question that is denied is what it is about.
func TestCheck_ObservesWhatIsDenied(t *testing.T) {
	h := newHarness(t, options{})
	for _, e := range encodings() {
		question := e.question("GET /a?secret", "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		question.Attributes.Request.Http.Scheme = "ftp"
		x := h.check(string(e), question).exchange
		if x.Method != "GET" || x.Path != "/a" || x.Client.String() != client || x.TraceID != "0af7651916cd43dd8448eb211c80319c" {
			t.Errorf("%s: observed %+v", e, x)
		}
	}
}

// Answers of any size, at once, are each about their own question.
func TestCheck_AnswersEachWithItsOwn(t *testing.T) {
	h := newHarness(t, options{config: func(c *proxy.Config) { c.OnEnd = nil }})
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := range 100 {
				var names []string
				for k := range i % 40 {
					names = append(names, fmt.Sprintf("x-%d-%d-%d-%s", w, i, k, strings.Repeat("n", 3*k)))
				}
				question := encodings()[i%2].question("OPTIONS /", "Origin: "+listed, "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x,"+strings.Join(names, ","))
				response, err := h.envoy.Check(t.Context(), question)
				want := "set access-control-allow-headers: " + strings.Join(append([]string{"x"}, names...), ", ")
				if lines := (answer{CheckResponse: response}).fields(); err != nil || !slices.Contains(lines, want) {
					t.Errorf("%d names: %v, %.500q", len(names), err, lines)
				}
			}
		})
	}
	all.Wait()
}
