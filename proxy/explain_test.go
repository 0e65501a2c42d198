package proxy_test

import (
	"bufio"
	"net/http"
	"slices"
	"strings"
	"testing"

	"originwarden/origins"
	"originwarden/proxy"
)

// What the gateway explains is what it does: for each request the reason, the status of
// its own response, and the CORS headers are the same.
func TestExplain_SaysWhatTheGatewayDoes(t *testing.T) {
	o, u := "Origin: "+listed, "Origin: "+unlisted
	handshake := []string{"Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="}
	requests := []string{
		request("GET /"), request("GET /", o), request("GET /", u), request("GET /", "Origin: null"), request("GET /", "Origin: https://a/"), request("GET /", "Origin:"),
		request("GET /", o, o), request("GET /", "Origin: "+public), request("POST /callback", "Origin: null"), request("DELETE /", o),
		request("GET /public/a", u), request("GET /public/%2e", u), request("OPTIONS /public/a", u, "Access-Control-Request-Method: GET"),
		request("OPTIONS /", o, "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: a,b"), request("OPTIONS /", o),
		request("OPTIONS /", o, "Access-Control-Request-Method: DELETE"), request("OPTIONS /", u, "Access-Control-Request-Method: PUT"),
		request("OPTIONS /", o, "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: a b"), request("OPTIONS *", o),
		request("GET /", o, "Qlik-Web-Integration-Id: first"), request("GET /?qlik-web-integration-id=second", o), request("GET /?qlik-web-integration-id=x", o),
		request("GET /?qlik-web-integration-id=first", o, "Qlik-Web-Integration-Id: second"),
		request("GET /", append(handshake, u)...), request("GET /", u, "Upgrade: websocket", "Connection: Upgrade"),
		request("GET /api/v1/web-integrations", o), request("GET /api/v1/web-integrations", u), request("GET /", o, "Host: unknown.example"), request("GET /", o, "Host: empty.example"),
		request("TRACE /", o), request("GET /"+strings.Repeat("u", 1024), o),
	}
	for _, mode := range []proxy.Mode{proxy.Enforce, proxy.Headers, proxy.Report} {
		h := newHarness(t, options{mode: mode, policy: func(p *origins.Policy) { p.PublicPaths = []string{"/public/*"} }})
		for _, raw := range requests {
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
			if err != nil {
				t.Fatalf("%q: %v", raw, err)
			}
			explained := h.proxy.Explain(t.Context(), r)
			got, done := h.send(raw), h.nextExchange()
			isOwn := len(h.tenantRequests()) == 0 && !(done.API && done.Verdict == origins.Allowed)
			header := http.Header{}
			for _, f := range explained.Header {
				header[f.Name] = f.Values
			}
			want := response{Response: &http.Response{Header: header}}
			switch {
			case explained.Reason != done.Reason || explained.Verdict != done.Verdict || explained.Mode != done.Mode || explained.API != done.API:
				t.Errorf("%v, %q: explained %s, was %s", mode, raw, explained.Reason, done.Reason)
			case explained.Forwards == isOwn || isOwn && explained.Status != got.StatusCode:
				t.Errorf("%v, %q: explained status %d, was %d", mode, raw, explained.Status, got.StatusCode)
			case !slices.Equal(want.cors(), got.cors()):
				t.Errorf("%v, %q: explained %q, was %q", mode, raw, want.cors(), got.cors())
			case done.Decision != explained.Explained.Reason || (done.Decision == "") != (explained.Explained.Steps == nil):
				t.Errorf("%v, %q: decided %q, explained %+v", mode, raw, done.Decision, explained.Explained)
			}
		}
		if len(h.exchanges) > 0 {
			t.Error("an explanation was observed as an exchange")
		}
	}
}

// Bodies of refusals differ only in the trace id.
func TestExplain_HasTheBodyOfARefusal(t *testing.T) {
	h := newHarness(t, options{})
	raw := request("GET /", "Origin: "+unlisted)
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		t.Fatal(err)
	}
	explained, got := h.proxy.Explain(t.Context(), r), h.send(raw)
	if body := strings.Replace(got.body, h.nextExchange().TraceID, "", 1); body != string(explained.Body) {
		t.Errorf("explained %s, was %s", explained.Body, body)
	}
}
