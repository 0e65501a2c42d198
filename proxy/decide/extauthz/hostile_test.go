package extauthz_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"originwarden/proxy"
	"originwarden/proxy/decide"
	"originwarden/proxy/decide/extauthz"
	"originwarden/proxy/request"
)

func prefixes(all ...string) (parsed []netip.Prefix) {
	for _, s := range all {
		parsed = append(parsed, netip.MustParsePrefix(s))
	}
	return parsed
}

func TestCheck_DeniesWhatIsNoQuestion(t *testing.T) {
	type request = authv3.AttributeContext_HttpRequest
	h := newHarness(t, options{})
	for _, e := range encodings() {
		for rule, spoil := range map[string]func(*authv3.CheckRequest){
			"no attributes": func(q *authv3.CheckRequest) { q.Attributes = nil },
			"no request":    func(q *authv3.CheckRequest) { q.Attributes.Request = nil },
			"no HTTP, but TCP": func(q *authv3.CheckRequest) {
				q.Attributes.Request.Http = nil
			},
			"empty request":     about(func(r *request) { *r = request{} }),
			"no header":         about(func(r *request) { r.Headers, r.HeaderMap = nil, nil }),
			"no method":         about(func(r *request) { r.Method = "" }),
			"another method":    about(func(r *request) { r.Method = "POST" }),
			"no path":           about(func(r *request) { r.Path = "" }),
			"path without /":    about(func(r *request) { r.Path = "a" }),
			"absolute-form":     about(func(r *request) { r.Path = "http://acme.example/" }),
			"invalid escape":    about(func(r *request) { r.Path = "/%zz" }),
			"no host":           about(func(r *request) { r.Host = "" }),
			"no scheme":         about(func(r *request) { r.Scheme = "" }),
			"another scheme":    about(func(r *request) { r.Scheme = "ftp" }),
			"query of its own":  about(func(r *request) { r.Query = "qlik-web-integration-id=x" }),
			"fragment":          about(func(r *request) { r.Fragment = "x" }),
			"negative length":   about(func(r *request) { e.add(r, "Content-Length: -1") }),
			"signed length":     about(func(r *request) { e.add(r, "Content-Length: +1") }),
			"repeated length":   about(func(r *request) { e.add(r, "Content-Length: 1"); e.add(r, "Content-Length: 1") }),
			"repeated :method":  about(func(r *request) { e.add(r, ":method: GET") }),
			"too many headers":  about(func(r *request) { addMany(e, r, 1001) }),
			"no source":         func(q *authv3.CheckRequest) { q.Attributes.Source = nil },
			"source is a path":  func(q *authv3.CheckRequest) { q.Attributes.Source.Address = pipe("/run/envoy") },
			"source has a name": func(q *authv3.CheckRequest) { q.Attributes.Source.Address = socketAddress("client.example", 1) },
			"header without :method, as allowed_headers leaves it": about(func(r *request) {
				delete(r.Headers, ":method")
				for i, line := range r.HeaderMap.Headers {
					if line.Key == ":method" {
						r.HeaderMap.Headers = append(r.HeaderMap.Headers[:i:i], r.HeaderMap.Headers[i+1:]...)
						break
					}
				}
			}),
		} {
			question := e.question("GET /")
			spoil(question)
			got := h.check(rule, question)
			if got.status() != 400 || got.metadata() != "refused question_invalid" || got.exchange.Err == nil || !got.exchange.Asked {
				t.Errorf("%s, %s: status %d, %s, observed %+v", rule, e, got.status(), got.metadata(), got.exchange)
			}
			if !strings.Contains(got.GetDeniedResponse().GetBody(), `"QUESTION_INVALID"`) {
				t.Errorf("%s, %s: body %s", rule, e, got.GetDeniedResponse().GetBody())
			}
		}
	}
}

func about(change func(*authv3.AttributeContext_HttpRequest)) func(*authv3.CheckRequest) {
	return func(q *authv3.CheckRequest) { change(q.Attributes.Request.Http) }
}

func addMany(e encoding, r *authv3.AttributeContext_HttpRequest, n int) {
	for i := range n {
		e.add(r, fmt.Sprintf("x-%d: 1", i))
	}
}

func pipe(path string) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: path}}}
}

// Where both are set, the lines of header_map count: headers could not show a repeated
// Origin.
func TestCheck_PrefersRawHeaders(t *testing.T) {
	h := newHarness(t, options{})
	question := raw.question("GET /", "Origin: "+unlisted)
	question.Attributes.Request.Http.Headers = map[string]string{":method": "GET", "origin": listed}
	if got := h.check("", question); got.metadata() != "refused origin_not_listed" {
		t.Errorf("got %s", got.metadata())
	}
}

// No spelling of a name or a value hides an Origin.
func TestCheck_ReadsEverySpelling(t *testing.T) {
	h := newHarness(t, options{})
	headers := func(all ...*corev3.HeaderValue) *authv3.CheckRequest {
		question := raw.question("GET /")
		lines := &question.Attributes.Request.Http.HeaderMap.Headers
		*lines = append(*lines, all...)
		return question
	}
	joined := func(all ...string) *authv3.CheckRequest {
		question := merged.question("GET /")
		for i := 0; i < len(all); i += 2 {
			question.Attributes.Request.Http.Headers[all[i]] = all[i+1]
		}
		return question
	}
	for rule, row := range map[string]struct {
		question *authv3.CheckRequest
		want     string
	}{
		"value instead of a raw value":  {headers(&corev3.HeaderValue{Key: "origin", Value: unlisted}), "refused origin_not_listed"},
		"both":                          {headers(&corev3.HeaderValue{Key: "origin", Value: listed, RawValue: []byte(unlisted)}), "refused question_invalid"},
		"neither":                       {headers(&corev3.HeaderValue{Key: "origin"}), "refused origin_malformed"},
		"capitals":                      {headers(&corev3.HeaderValue{Key: "ORIGIN", Value: unlisted}), "refused origin_not_listed"},
		"two spellings":                 {headers(&corev3.HeaderValue{Key: "Origin", Value: listed}, &corev3.HeaderValue{Key: "origin", Value: listed}), "refused origin_repeated"},
		"bytes that are not UTF-8":      {headers(&corev3.HeaderValue{Key: "origin", RawValue: []byte("https://\xff.example")}), "refused origin_malformed"},
		"capitals, merged":              {joined("Origin", unlisted), "refused origin_not_listed"},
		"two spellings, merged":         {joined("Origin", listed, "origin", listed), "refused origin_repeated"},
		"lines that are joined":         {joined("origin", listed+","+listed), "refused origin_repeated"},
		"lines that are joined, spaced": {joined("origin", listed+", "+listed), "refused origin_repeated"},
		"an empty line behind":          {joined("origin", listed+","), "refused origin_repeated"},
		"an empty line before":          {joined("origin", ","+listed), "refused origin_repeated"},
		"ids that are joined":           {joined("origin", listed, "qlik-web-integration-id", "first,other"), "refused web_integration_unknown"},
	} {
		if got := h.check(rule, row.question).metadata(); got != row.want {
			t.Errorf("%s: %s, want %s", rule, got, row.want)
		}
	}
}

// Envoy says how much of the body it has received when it asks. A larger Content-Length
// counts.
func TestCheck_LimitsBodies(t *testing.T) {
	h := newHarness(t, options{})
	for rule, row := range map[string]struct {
		length string
		size   int64
		status int
	}{
		"neither":                            {"", 0, 0},
		"length at the limit":                {"Content-Length: 1048576", 0, 0},
		"length over the limit":              {"Content-Length: 1048577", 0, 413},
		"size over the limit":                {"", 1048577, 413},
		"size over the limit, chunked":       {"Transfer-Encoding: chunked", 1048577, 413},
		"size over the limit, length below":  {"Content-Length: 1", 1048577, 413},
		"unknown size":                       {"", -1, 0},
		"unknown size, length over":          {"Content-Length: 1048577", -1, 413},
		"length that exceeds every computer": {"Content-Length: 9223372036854775807", 0, 413},
	} {
		question := raw.question("POST /", "Origin: "+listed, row.length)
		question.Attributes.Request.Http.Size = row.size
		if got := h.check(rule, question).status(); got != row.status {
			t.Errorf("%s: status %d, want %d", rule, got, row.status)
		}
	}
}

// deciderFunc is a Decider.
type deciderFunc func(context.Context, request.Request) proxy.Answer

func (f deciderFunc) Decide(ctx context.Context, r request.Request) proxy.Answer { return f(ctx, r) }

func TestCheck_DeniesAfterPanic(t *testing.T) {
	h := newHarness(t, options{decider: func(gateway decide.Decider) decide.Decider {
		return deciderFunc(func(ctx context.Context, r request.Request) proxy.Answer {
			if r.Method == "PUT" {
				panic("broken")
			}
			return gateway.Decide(ctx, r)
		})
	}})
	got := h.check("panic", raw.question("PUT /", "Origin: "+listed))
	if got.status() != 500 || got.metadata() != "refused internal_error" || !strings.Contains(fmt.Sprint(got.exchange.Err), "broken") {
		t.Errorf("status %d, %s, observed %+v", got.status(), got.metadata(), got.exchange)
	}
	if strings.Contains(got.GetDeniedResponse().GetBody(), "broken") {
		t.Errorf("body %s", got.GetDeniedResponse().GetBody())
	}
	if got := h.check("afterwards", raw.question("GET /", "Origin: "+listed)); got.status() != 0 {
		t.Errorf("status %d", got.status())
	}
}

// What observes a decision may be what panics, once and again.
func TestCheck_DeniesAfterPanicsOfWhatObserves(t *testing.T) {
	h := newHarness(t, options{})
	var logged bytes.Buffer
	panics := func(*proxy.Exchange) { panic("cannot observe") }
	h.serve(extauthz.New(extauthz.Config{
		Decider: deciderFunc(func(context.Context, request.Request) proxy.Answer { panic("broken") }),
		Observe: panics, ErrorLog: log.New(&logged, "", 0),
	}))
	for rule, row := range map[string]struct {
		line   string
		status int
	}{"decision": {"GET /", 500}, "what is no question": {"GET a", 400}} {
		got, err := h.envoy.Check(t.Context(), raw.question(row.line, "Origin: "+listed))
		if err != nil || got.GetDeniedResponse().GetStatus().GetCode() != typev3.StatusCode(row.status) {
			t.Errorf("%s: %v, %v; want status %d", rule, got, err, row.status)
		}
	}
	if text := logged.String(); strings.Count(text, "panic observing a question: cannot observe") != 2 || !strings.Contains(text, "deciding: panic: broken") {
		t.Errorf("logged %s", text)
	}
}

// A decision that comes after the deadline is none, also for a client that still waits: it
// gets a status, or its stream is reset.
func TestCheck_GivesNoAnswerAfterTheDeadline(t *testing.T) {
	h := newHarness(t, options{decider: func(gateway decide.Decider) decide.Decider {
		return deciderFunc(func(ctx context.Context, r request.Request) proxy.Answer {
			<-ctx.Done()
			return gateway.Decide(ctx, r)
		})
	}})
	message := marshal(t, raw.question("GET /", "Origin: "+listed))
	for _, conn := range []*grpc.ClientConn{h.conn, h.httpConn} {
		got, err := callOnce(t, conn.Target(), message)
		if isReset := err != nil && strings.Contains(err.Error(), "CANCEL"); !isReset && got != "4 " { // DEADLINE_EXCEEDED
			t.Errorf("got %q, %v", got, err)
		}
	}
}

// callOnce sends a question that has to be answered soon, and returns the status and the
// body.
func callOnce(t *testing.T, address string, message []byte) (string, error) {
	t.Helper()
	r, err := http.NewRequest("POST", "http://"+address+"/envoy.service.auth.v3.Authorization/Check",
		bytes.NewReader(append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}, "Grpc-Timeout": {"20m"}}
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.Header.Get("Grpc-Status") + response.Trailer.Get("Grpc-Status") + " " + string(body), err
}

func TestCheck_RefusesLargeQuestions(t *testing.T) {
	h := newHarness(t, options{})
	for size, want := range map[int]codes.Code{200 << 10: codes.OK, 300 << 10: codes.ResourceExhausted} {
		_, err := h.envoy.Check(t.Context(), raw.question("GET /", "Cookie: "+strings.Repeat("a", size)))
		if status.Code(err) != want {
			t.Errorf("%d bytes: %v, want %v", size, err, want)
		}
	}
}
