package decide_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"originwarden/lists"
	"originwarden/lists/liststest"
	"originwarden/origins"
	"originwarden/proxy"
	"originwarden/proxy/decide"
	"originwarden/proxy/decide/decidetest"
)

// answerFields returns the fields of an answer that are for the asking proxy alone.
func answerFields(r response) string {
	h := r.Header
	return fmt.Sprintf("%s status=%q keep=%q drop=%q", r.verdict(), h["Originwarden-Status"], h["Originwarden-Keep-Cors"], h["Originwarden-Drop-Credentials"])
}

func TestHandler_TellsWhatEachModeDoes(t *testing.T) {
	preflightOf := func(origin string) decidetest.Request {
		r := get("/orders", origin, decidetest.Field{Name: "Access-Control-Request-Method", Value: "PUT"})
		r.Method = "OPTIONS"
		return r
	}
	rows := []struct {
		rule    string
		mode    proxy.Mode
		request decidetest.Request
		status  int // of all dialects but nginx
		nginx   int
		fields  string // real stands for the status
	}{
		{"listed", proxy.Enforce, get("/", decidetest.Listed), 200, 200, `allowed, listed status=[] keep=[] drop=[]`},
		{"unlisted", proxy.Enforce, get("/", decidetest.Unlisted), 403, 403, `refused, origin_not_listed status=real keep=[] drop=[]`},
		{"repeated", proxy.Enforce, get("/", decidetest.Listed, decidetest.Field{Name: "Origin", Value: decidetest.Listed}), 400, 403, `refused, origin_repeated status=real keep=[] drop=[]`},
		{"preflight", proxy.Enforce, preflightOf(decidetest.Listed), 204, 204, `allowed, listed status=[] keep=[] drop=[]`},
		{"preflight, unlisted", proxy.Enforce, preflightOf(decidetest.Unlisted), 403, 403, `refused, origin_not_listed status=[] keep=[] drop=[]`},
		{"public path", proxy.Enforce, get("/public/a", decidetest.Unlisted), 200, 200, `allowed, path_public status=[] keep=[] drop=["true"]`},
		{"listed", proxy.Headers, get("/", decidetest.Listed), 200, 200, `allowed, listed status=[] keep=[] drop=[]`},
		{"unlisted", proxy.Headers, get("/", decidetest.Unlisted), 200, 200, `refused, origin_not_listed status=[] keep=[] drop=[]`},
		{"preflight, unlisted", proxy.Headers, preflightOf(decidetest.Unlisted), 403, 403, `refused, origin_not_listed status=[] keep=[] drop=[]`},
		{"listed", proxy.Report, get("/", decidetest.Listed), 200, 200, `allowed, listed status=[] keep=["true"] drop=[]`},
		{"unlisted", proxy.Report, get("/", decidetest.Unlisted), 200, 200, `refused, origin_not_listed status=[] keep=["true"] drop=[]`},
		{"preflight, unlisted", proxy.Report, preflightOf(decidetest.Unlisted), 200, 200, `refused, origin_not_listed status=[] keep=["true"] drop=[]`},
		{"public path", proxy.Report, get("/public/a", decidetest.Unlisted), 200, 200, `allowed, path_public status=[] keep=["true"] drop=[]`},
		{"API", proxy.Report, get("/api/v1/web-integrations", decidetest.Unlisted), 403, 403, `refused, origin_not_listed status=real keep=[] drop=[]`},
	}
	for name, dialect := range dialects() {
		for _, row := range rows {
			want, real := row.status, "[]"
			if dialect == decide.Nginx {
				want, real = row.nginx, fmt.Sprintf("[%q]", strconv.Itoa(row.status))
			}
			got := startDoor(t, dialect, row.mode, nil).ask(t, row.request)
			if fields := strings.Replace(row.fields, "real", real, 1); got.StatusCode != want || answerFields(got) != fields {
				t.Errorf("%s, %v, %s:\n got %d %s\nwant %d %s", name, row.mode, row.rule, got.StatusCode, answerFields(got), want, fields)
			}
			if hasCORS := got.Header["Access-Control-Allow-Origin"] != nil; hasCORS && (row.mode == proxy.Report || got.Header.Get("Originwarden-Verdict") != "allowed") {
				t.Errorf("%s, %v, %s: CORS headers %v", name, row.mode, row.rule, got.Header)
			}
			if got.Header.Get("Originwarden-Keep-Cors") == "true" && got.Header["Vary"] != nil {
				t.Errorf("%s, %v, %s: Vary %q is to be set", name, row.mode, row.rule, got.Header["Vary"])
			}
		}
	}
}

func TestHandler_TellsNearestEntryWithDebug(t *testing.T) {
	d := startDoor(t, decide.Traefik, proxy.Enforce, func(c *proxy.Config) { c.Tenants[0].Debug = true })
	got := d.ask(t, get("/", decidetest.Listed+":8443"))
	if !strings.Contains(got.body, `"nearest":{"entry":"`+decidetest.Listed+`","relation":"other_port"}`) {
		t.Errorf("body %s", got.body)
	}
	if x := d.Next(t); x.Nearest.Entry != decidetest.Listed {
		t.Errorf("observed %+v", x.Nearest)
	}
}

func TestHandler_RefusesWithoutList(t *testing.T) {
	unavailable := func(context.Context, string) (*origins.List, error) { return nil, errors.New("the store is down") }
	for name, dialect := range dialects() {
		d := startDoor(t, dialect, proxy.Enforce, func(c *proxy.Config) {
			c.Lists = liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 10, Origins: 1000}}, unavailable)
		})
		status := 503
		if dialect == decide.Nginx {
			status = 403
		}
		got := d.ask(t, get("/", decidetest.Listed))
		if got.StatusCode != status || got.verdict() != "refused, list_unavailable" || got.Header.Get("Retry-After") != "1" {
			t.Errorf("%s: %d %s %v", name, got.StatusCode, got.verdict(), got.Header)
		}
		if got := d.ask(t, get("/", "")); got.StatusCode != 200 || got.verdict() != "allowed, no_origin" {
			t.Errorf("%s, without origin: %d %s", name, got.StatusCode, got.verdict())
		}
	}
}

func TestHandler_IgnoresBodies(t *testing.T) {
	for name, dialect := range dialects() {
		d := startDoor(t, dialect, proxy.Enforce, func(c *proxy.Config) { c.BodyBytes = 10 })
		r := get("/", decidetest.Listed)
		r.Method = "POST"
		body := strings.Repeat("b", 1000)
		for _, raw := range []string{
			question(dialect, r, "Content-Length: 1000") + body,
			question(dialect, r, "Transfer-Encoding: chunked") + "3e8\r\n" + body + "\r\n0\r\n\r\n",
			question(dialect, r, "Content-Length: 1000", "Expect: 100-continue"),
		} {
			if got := d.send(t, raw); got.StatusCode != 200 || got.verdict() != "allowed, listed" {
				t.Errorf("%s: %d %s", name, got.StatusCode, got.verdict())
			}
		}
		if x := d.Next(t); x.Method != "POST" || x.Received != 0 {
			t.Errorf("%s: observed %+v", name, x)
		}
	}
}

// The method of a question is the client's, or what the proxy likes.
func TestHandler_TakesQuestionsOfEveryMethod(t *testing.T) {
	for name, dialect := range dialects() {
		d := startDoor(t, dialect, proxy.Enforce, nil)
		for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS", "DELETE", "PROPFIND"} {
			r := get("/", decidetest.Unlisted)
			if dialect == decide.Envoy {
				r.Method = method
			}
			raw := question(dialect, r)
			got := d.send(t, method+raw[strings.IndexByte(raw, ' '):])
			if got.StatusCode != 403 || got.verdict() != "refused, origin_not_listed" || (got.body == "") != (method == "HEAD") {
				t.Errorf("%s, %s: %d %s %q", name, method, got.StatusCode, got.verdict(), got.body)
			}
		}
	}
}

func TestHandler_ChangesDialect(t *testing.T) {
	d := startDoor(t, decide.Nginx, proxy.Enforce, nil)
	ask := question(decide.Envoy, get("/", decidetest.Listed))
	if got := d.send(t, ask); got.StatusCode != 404 {
		t.Errorf("before: %d", got.StatusCode)
	}
	d.SetDialect(decide.Envoy)
	if got := d.send(t, ask); got.StatusCode != 200 {
		t.Errorf("afterwards: %d", got.StatusCode)
	}
}

func TestHandler_ClosesConnectionsWhenItIsToldTo(t *testing.T) {
	d := startDoor(t, decide.Envoy, proxy.Enforce, nil)
	if got := d.ask(t, get("/", decidetest.Listed)); got.Close {
		t.Error("the connection is closed before")
	}
	d.CloseConnections()
	if got := d.ask(t, get("/", decidetest.Listed)); !got.Close || got.StatusCode != 200 {
		t.Errorf("closed %v, status %d", got.Close, got.StatusCode)
	}
}

// Only a call of gRPC gets to its handler, whatever Content-Type the client of a
// proxy has sent.
func TestHandler_LeavesCallsToGRPC(t *testing.T) {
	called := false
	g := decidetest.Decisions(proxy.Enforce).Start(t, nil)
	h := decide.New(decide.Config{Decider: g, GRPC: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true })}, decide.Envoy)
	for _, row := range []struct {
		target, contentType string
		major               int
		want                bool
	}{
		{"/envoy.service.auth.v3.Authorization/Check", "application/grpc", 2, true},
		{"/envoy.service.auth.v3.Authorization/Check", "application/grpc+proto", 2, true},
		{"/envoy.service.auth.v3.Authorization/Check", "application/grpc", 1, false},
		{"/envoy.service.auth.v3.Authorization/Check", "application/json", 2, false},
		{"/decide/envoy.service.auth.v3.Authorization/Check", "application/grpc", 2, false},
		{"/decide", "application/grpc", 2, false},
	} {
		r, err := http.NewRequest("POST", "http://acme.example"+row.target, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.RequestURI, r.RemoteAddr, r.ProtoMajor = row.target, "127.0.0.1:1", row.major
		r.Header.Set("Content-Type", row.contentType)
		called = false
		if h.ServeHTTP(&discardWriter{http.Header{}}, r); called != row.want {
			t.Errorf("%+v: called %v", row, called)
		}
	}
}
