package demo_test

import (
	"regexp"
	"strings"
	"testing"

	"originwarden/cmd/originwarden/demo"
)

func TestPage_IsServedWithItsHeaders(t *testing.T) {
	url := startServer(t, demo.Page(demo.PageOptions{GatewayPort: 8080}))
	for _, c := range []struct {
		method, path string
		status       int
		contentType  string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8"},
		{"HEAD", "/", 200, "text/html; charset=utf-8"},
		{"GET", "/?run=all", 200, "text/html; charset=utf-8"},
		{"GET", "/page.css", 200, "text/css; charset=utf-8"},
		{"GET", "/page.js", 200, "text/javascript; charset=utf-8"},
		{"GET", "/page.html", 404, "text/plain; charset=utf-8"},
		{"POST", "/", 405, "text/plain; charset=utf-8"},
	} {
		response, _ := send(t, c.method, url+c.path, "", "")
		for name, want := range map[string]string{
			"Content-Type":           c.contentType,
			"X-Content-Type-Options": "nosniff",
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; " +
				"connect-src 'self' http://localhost:8080 http://127.0.0.1:8080 ws://localhost:8080 ws://127.0.0.1:8080; " +
				"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		} {
			if got := response.Header.Get(name); got != want {
				t.Errorf("%s %s: %s is %q, want %q", c.method, c.path, name, got, want)
			}
		}
		if response.StatusCode != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, response.StatusCode, c.status)
		}
	}
}

func TestPage_ShowsOptions(t *testing.T) {
	for _, c := range []struct {
		options  demo.PageOptions
		contains []string
		lacks    string
	}{
		{demo.PageOptions{GatewayPort: 8080, OtherPort: 8082, Listed: true},
			[]string{`data-gateway-port="8080"`, `data-other-port="8082"`, `data-listed="true">listed at`, `id="other"`}, ">not listed at"},
		{demo.PageOptions{GatewayPort: 9000, OtherPort: 8081},
			[]string{`data-gateway-port="9000"`, `data-other-port="8081"`, `data-listed="false">not listed at`, `id="other"`}, ">listed at"},
		{demo.PageOptions{GatewayPort: 9000}, []string{`data-listed="false">not listed at`}, `id="other"`},
	} {
		_, page := send(t, "GET", startServer(t, demo.Page(c.options)), "", "")
		for _, want := range c.contains {
			if !strings.Contains(page, want) {
				t.Errorf("%+v: the page lacks %s", c.options, want)
			}
		}
		if strings.Contains(page, c.lacks) {
			t.Errorf("%+v: the page must not have %s", c.options, c.lacks)
		}
	}
}

func TestPage_HasButtonAndResultForEachTest(t *testing.T) {
	url := startServer(t, demo.Page(demo.PageOptions{GatewayPort: 8080}))
	_, page := send(t, "GET", url, "", "")
	for _, name := range []string{"get", "put", "events", "websocket"} {
		if !strings.Contains(page, `id="result-`+name+`" class="result" data-state="idle"`) || !strings.Contains(page, `id="run-`+name+`"`) {
			t.Errorf("%s has no button or no result", name)
		}
	}
	_, script := send(t, "GET", url+"/page.js", "", "")
	for _, id := range regexp.MustCompile(`byId\("([^"]+)"\)`).FindAllStringSubmatch(script, -1) {
		if id[1] != "other" && !strings.Contains(page, `id="`+id[1]+`"`) {
			t.Errorf("the script uses #%s, which the page lacks", id[1])
		}
	}
}

// The page works offline: it refers to no other host, and everything that it refers
// to is served with it.
func TestPage_RefersToNoOtherHost(t *testing.T) {
	url := startServer(t, demo.Page(demo.PageOptions{GatewayPort: 8080, OtherPort: 8082}))
	external := regexp.MustCompile(`(?i)(https?|wss?):(//)?[^/$]|//[a-z0-9]|@import|url\(`)
	reference := regexp.MustCompile(`(?:src|href)="([^"]*)"`)
	for _, path := range []string{"/", "/page.css", "/page.js"} {
		_, text := send(t, "GET", url+path, "", "")
		if found := external.FindString(text); found != "" {
			t.Errorf("%s refers to another host: %q", path, found)
		}
		for _, to := range reference.FindAllStringSubmatch(text, -1) {
			if to[1] == "data:," {
				continue
			}
			if response, _ := send(t, "GET", url+to[1], "", ""); response.StatusCode != 200 {
				t.Errorf("%s refers to %q, which is not served", path, to[1])
			}
		}
	}
}
