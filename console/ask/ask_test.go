package ask_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"originwarden/console/ask"
)

func TestQuestion_Mistakes(t *testing.T) {
	ok := ask.Question{Origin: "https://app.example.com", Method: "GET", Path: "/"}
	rows := []struct {
		rule   string
		change func(*ask.Question)
		fields string
	}{
		{"complete", func(*ask.Question) {}, ""},
		{"malformed origin", func(q *ask.Question) { q.Origin = "app.example.com/'<\"" }, ""},
		{"empty origin", func(q *ask.Question) { q.Origin = "" }, ""},
		{"origin with a line break", func(q *ask.Question) { q.Origin = "a\r\nb" }, "origin"},
		{"long origin", func(q *ask.Question) { q.Origin = strings.Repeat("a", 1025) }, "origin"},
		{"method with a space", func(q *ask.Question) { q.Method = "A B" }, "method"},
		{"no method", func(q *ask.Question) { q.Method = "" }, "method"},
		{"no path", func(q *ask.Question) { q.Path = "" }, "path"},
		{"path with a space", func(q *ask.Question) { q.Path = "/a b" }, "path"},
		{"path with a fragment", func(q *ask.Question) { q.Path = "/a#b" }, "path"},
		{"URL as path", func(q *ask.Question) { q.Path = "https://a.example/" }, "path"},
		{"header that is no token", func(q *ask.Question) { q.Headers = []string{"x-a", "a b"} }, "headers"},
		{"51 headers", func(q *ask.Question) { q.Headers = slices.Repeat([]string{"a"}, 51) }, "headers"},
		{"integration with NUL", func(q *ask.Question) { q.Integration = "\x00" }, "integration"},
		{"several", func(q *ask.Question) { q.Path, q.Method = "", "" }, "method path"},
	}
	for _, row := range rows {
		q := ok
		row.change(&q)
		var fields []string
		for _, m := range q.Mistakes() {
			fields = append(fields, m.Field)
		}
		if slices.Sort(fields); strings.Join(fields, " ") != row.fields {
			t.Errorf("%s: %q", row.rule, q.Mistakes())
		}
	}
}

func TestQuestion_NeedsPreflight(t *testing.T) {
	for _, row := range []struct {
		question ask.Question
		want     bool
	}{
		{ask.Question{Method: "GET"}, false},
		{ask.Question{Method: "POST", Headers: []string{"Accept", "accept-language"}}, false},
		{ask.Question{Method: "POST", Headers: []string{"Content-Type"}}, true},
		{ask.Question{Method: "get"}, true},
		{ask.Question{Method: "PUT"}, true},
		{ask.Question{Method: "PUT", NoOrigin: true}, false},
		{ask.Question{Method: "GET", Integration: "a"}, true},
		{ask.Question{Method: "GET", Integration: "a", WebSocket: true}, false},
	} {
		if got := row.question.NeedsPreflight(); got != row.want {
			t.Errorf("%+v: %v", row.question, got)
		}
	}
}

// The line for the shell sends exactly the request, whatever is in it.
func TestCurl_SendsTheRequest(t *testing.T) {
	received := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		received <- describe(r)
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	hostile := `it's "$(touch /tmp/x)" ; \ ` + "`id` <b> é"
	for _, q := range []ask.Question{
		{Origin: "https://app.example.com", Method: "GET", Path: "/a?b=c&d"},
		{Origin: "https://app.example.com", Method: "HEAD", Path: "/"},
		{Origin: hostile, Method: "PUT", Path: "/'/[1-3]/{a,b}/../%2e/$HOME", Headers: []string{"content-type", "X-A'b"}, Integration: hostile},
		{Origin: "", Method: "POST", Path: "/"},
		{NoOrigin: true, Method: "DELETE", Path: "/"},
		{Origin: "https://app.example.com", Path: "/", WebSocket: true, Integration: hostile},
		{Origin: "https://app.example.com", Path: "/?a", WebSocket: true, Integration: "a&b"},
	} {
		requests := []*http.Request{q.Request(host)}
		if q.NeedsPreflight() {
			requests = append(requests, q.Preflight(host))
		}
		for _, r := range requests {
			command := exec.Command("sh", "-c", ask.Curl(server.URL, r))
			if out, err := command.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", ask.Curl(server.URL, r), err, out)
			}
			if got, want := <-received, describe(r); got != want {
				t.Errorf("%s\nsent %s\nwant %s", ask.Curl(server.URL, r), got, want)
			}
		}
	}
}

func describe(r *http.Request) string {
	header := r.Header.Clone()
	for _, name := range []string{"User-Agent", "Accept"} {
		header.Del(name)
	}
	var b strings.Builder
	fmt.Fprintln(&b, r.Method, r.Host, r.RequestURI)
	header.Write(&b)
	io.Copy(io.Discard, r.Body)
	return b.String()
}
