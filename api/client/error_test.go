package client_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"originwarden/api/client"
)

// getError returns the error of a Get that receives this response.
func getError(t *testing.T, status int, body string, headers ...string) (*client.Error, error) {
	t.Helper()
	_, err := newInMemoryClient(respondWith(status, body, headers...)).Get(t.Context(), "x")
	refused, ok := errors.AsType[*client.Error](err)
	if !ok {
		t.Fatalf("error %v, want a *client.Error", err)
	}
	return refused, err
}

func TestError_MatchesSentinelOfStatus(t *testing.T) {
	sentinels := map[int]error{401: client.ErrUnauthorized, 403: client.ErrForbidden, 404: client.ErrNotFound, 412: client.ErrPreconditionFailed, 429: client.ErrRateLimited}
	for _, status := range []int{400, 401, 403, 404, 405, 412, 413, 415, 429, 500, 503} {
		_, err := getError(t, status, "")
		for code, sentinel := range sentinels {
			if errors.Is(err, sentinel) != (code == status) {
				t.Errorf("status %d: errors.Is(err, %v) = %v, want %v", status, sentinel, code != status, code == status)
			}
		}
	}
}

func TestError_FormatsErrorsOnOneLine(t *testing.T) {
	const at = "GET https://acme.example.com/api/v1/web-integrations/x: "
	for _, row := range []struct {
		rule   string
		status int
		body   string
		want   string
	}{
		{"title, pointer, detail and code", 400,
			`{"errors":[{"code":"C-6","title":"Invalid","detail":"why","status":"400","source":{"pointer":"/validOrigins/0"},"meta":{}}],"traceId":"0af7"}`,
			"400 Bad Request: Invalid at /validOrigins/0: why (C-6) (trace id 0af7)"},
		{"parameter", 400, `{"errors":[{"code":"C","title":"Invalid","source":{"parameter":"sort"}}]}`, "400 Bad Request: Invalid at sort (C)"},
		{"meta", 400, `{"errors":[{"code":"C-5","title":"Missing","meta":{"requiredFields":["name"]}}]}`, `400 Bad Request: Missing {"requiredFields":["name"]} (C-5)`},
		{"several errors", 400, `{"errors":[{"title":"a"},{"title":"b"}]}`, "400 Bad Request: a; b"},
		{"more than ten errors", 400, `{"errors":[` + strings.Repeat(`{"title":"a"},`, 11) + `{"title":"b"}]}`, "400 Bad Request: a" + strings.Repeat("; a", 9) + "; and 2 more"},
		{"HTML body", 502, `<html>`, "502 Bad Gateway"},
		{"empty body", 404, ``, "404 Not Found"},
		{"other JSON document", 500, `{"errors":"x"}`, "500 Internal Server Error"},
		{"body too large", 500, `{"errors":[{"title":"` + strings.Repeat("a", 1<<20) + `"}]}`, "500 Internal Server Error"},
		{"status without text", 599, ``, "599 "},
		{"control characters", 400, `{"errors":[{"code":"\u001b[2J","title":"a\r\nb","detail":"\u202e\u0085\u2028ü\ufeff"}],"traceId":"\u0007"}`,
			`400 Bad Request: a\r\nb: \u202e\u0085\u2028ü\ufeff (\x1b[2J) (trace id \a)`},
		{"invalid UTF-8", 400, "{\"errors\":[{\"title\":\"a\xffb\"}]}", "400 Bad Request: a\ufffdb"},
	} {
		_, err := getError(t, row.status, row.body)
		if got := err.Error(); got != at+row.want {
			t.Errorf("%s:\n got %s\nwant %s", row.rule, got, at+row.want)
		}
	}
}

func TestError_ParsesRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{"5": 5 * time.Second, "0": time.Second, "": 0, "soon": 0, "4294967295": 4294967295 * time.Second, "4294967296": 0} {
		if refused, _ := getError(t, 503, "", "Retry-After", value); refused.RetryAfter != want {
			t.Errorf("Retry-After %q: got %v, want %v", value, refused.RetryAfter, want)
		}
	}
}

func FuzzClient_HandlesAnyResponse(f *testing.F) {
	for _, seed := range []string{
		``, `{"data":[{"id":"x"}],"links":{"next":{"href":"https://acme.example.com/x"}}}`, `{"id":"x","validOrigins":["a"]}`,
		`{"errors":[{"code":"c","title":"t","detail":"d","source":{"pointer":"/p"},"meta":{"a":1}}],"traceId":"t"}`,
	} {
		f.Add(200, seed, "1")
		f.Add(429, seed, "Sat, 01 Jan 2000 00:00:09 GMT")
	}
	f.Fuzz(func(t *testing.T, status int, body, header string) {
		if status < 200 || status > 999 {
			return
		}
		c := newInMemoryClient(respondWith(status, body, "Retry-After", header, "Location", header, "ETag", header, "Web-Integrations-Revision", header))
		c.MaxWait = -1
		for name, call := range allCalls(c) {
			if err := call(t.Context()); err != nil {
				expectPrintable(t, name, err)
			}
		}
		pages := 0
		for _, err := range c.Pages(t.Context(), client.ListOptions{}) {
			if pages++; pages > 3 {
				break
			}
			if err != nil {
				expectPrintable(t, "Pages", err)
			}
		}
	})
}

// expectPrintable checks that the text of err has no control characters.
func expectPrintable(t *testing.T, name string, err error) {
	t.Helper()
	if text := err.Error(); strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		t.Errorf("%s: error %q has control characters", name, text)
	}
}
