package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sendRaw sends bytes on a new connection and returns the response without its
// body.
func sendRaw(t *testing.T, url, request string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(testTimeout))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response
}

// echoRequest responds with the method and the target of the request.
func echoRequest(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "%s %s", r.Method, r.RequestURI)
}

func TestServe_AppliesConfiguration(t *testing.T) {
	url := startServer(t, echoRequest)
	r := startGateway(t, t.TempDir(), fmt.Sprintf(`
trusted_proxies: [127.0.0.0/8, "::1/128"]
tenants:
  - {id: rest, upstream: '%[1]s', require_origin: unsafe, post_from_anywhere: [/callback], public_paths: [/assets/*]}
  - {id: bare, hosts: [bare.example], upstream: '%[1]s', api: false, mode: headers}
  - {id: told, hosts: [told.example], upstream: '%[1]s', public_origins: ["https://Public.example"]}
cors: {credentials: false, methods: [PURGE], request_headers: [x-token], expose_headers: [x-seen], max_age: 90s}
limits: {url_bytes: 100, header_bytes: 16KiB}
metrics: {tenants: 1}
`, url))
	port := r.tenants[strings.LastIndex(r.tenants, ":"):]
	for _, c := range []struct {
		name, method, path string
		headers            []string
		status             int
		reason             string // of the log line
	}{
		{"localhost as own origin", "POST", "/", []string{"Origin: http://localhost" + port}, 200, "same_origin"},
		{"127.0.0.1 as own origin", "POST", "/", []string{"Origin: http://127.0.0.1" + port}, 200, "same_origin"},
		{"own host at another port", "POST", "/", []string{"Origin: http://127.0.0.1:1"}, 403, "origin_not_listed"},
		{"own host over https", "GET", "/", []string{"Host: bare.example", "Origin: https://bare.example"}, 200, "same_origin"},
		{"own host at the listener's port", "GET", "/", []string{"Host: bare.example", "Origin: http://bare.example" + port}, 200, "same_origin"},
		{"configured public origin", "GET", "/", []string{"Host: told.example", "Origin: https://public.example"}, 200, "same_origin"},
		{"own host with other public origins", "GET", "/", []string{"Host: told.example", "Origin: https://told.example"}, 403, "origin_not_listed"},
		{"required origin missing", "POST", "/", nil, 403, "origin_required"},
		{"origin not required", "POST", "/", []string{"Host: told.example"}, 200, "no_origin"},
		{"exempt path", "POST", "/callback", []string{"Origin: null"}, 200, "path_exempt"},
		{"public path", "GET", "/assets/app.js", []string{"Origin: https://any.example"}, 200, "path_public"},
		{"public path of another tenant", "GET", "/assets/app.js", []string{"Host: told.example", "Origin: https://any.example"}, 403, "origin_not_listed"},
		{"API", "GET", collection, nil, 401, "auth-1"},
		{"API disabled", "GET", collection, []string{"Host: bare.example"}, 200, "no_origin"},
		{"mode headers", "GET", "/", []string{"Host: bare.example", "Origin: https://a.example"}, 200, "origin_not_listed"},
		{"URL too long", "GET", "/" + strings.Repeat("a", 100), nil, 414, "url_too_long"},
		{"preflight of an allowed method", "OPTIONS", "/", []string{"Host: told.example", "Origin: https://public.example", "Access-Control-Request-Method: PURGE", "Access-Control-Request-Headers: x-token"}, 204, "same_origin"},
		{"preflight of another method", "OPTIONS", "/", []string{"Host: told.example", "Origin: https://public.example", "Access-Control-Request-Method: PUT"}, 403, "method_not_allowed"},
		{"preflight of another header", "OPTIONS", "/", []string{"Host: told.example", "Origin: https://public.example", "Access-Control-Request-Method: PURGE", "Access-Control-Request-Headers: x-other"}, 403, "header_not_allowed"},
	} {
		trace := fmt.Sprintf("%032x", len(r.stderr.String())+1)
		headers := append(c.headers, "Traceparent: 00-"+trace+"-b7ad6b7169203331-01", "X-Forwarded-For: 203.0.113.9")
		response, _ := send(t, c.method, r.tenants+c.path, "", headers...)
		line := r.await(t, r.stderr, `"reason":"([^"]*)".*"client":"203.0.113.9","trace_id":"`+trace+`"`)
		if response.StatusCode != c.status || line[1] != c.reason {
			t.Errorf("%s: %d %s, want %d %s", c.name, response.StatusCode, line[1], c.status, c.reason)
		}
		for name, want := range map[string]string{"Access-Control-Allow-Credentials": "", "Access-Control-Max-Age": "90", "Access-Control-Allow-Methods": "PURGE"} {
			if got := response.Header.Get(name); got != want && response.StatusCode == 204 {
				t.Errorf("%s: %s is %q", c.name, name, got)
			}
		}
	}
	_, text := send(t, "GET", r.admin+"/metrics", "")
	for _, want := range []string{`originwarden_requests_total{kind="actual",reason="path_exempt",tenant="rest",verdict="allowed"} 1`,
		`originwarden_requests_total{kind="actual",reason="path_public",tenant="rest",verdict="allowed"} 1`,
		`tenant="_other"`, "originwarden_cache_tenants 3\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if strings.Contains(text, `tenant="bare"`) {
		t.Error("tenant beyond metrics.tenants has a label")
	}
}

func TestServe_HandlesRequestsThatNetHTTPWouldAnswer(t *testing.T) {
	r := startGateway(t, t.TempDir(), tenantConfig(startServer(t, hello), "limits: {header_bytes: 16KiB}"))
	for _, c := range []struct {
		name, request string
		status        int
	}{
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 204},
		{"header just below 16 KiB", "GET / HTTP/1.1\r\nHost: a\r\nX-A: " + strings.Repeat("a", 16<<10-100) + "\r\n\r\n", 200},
		{"header above 16 KiB", "GET / HTTP/1.1\r\nHost: a\r\nX-A: " + strings.Repeat("a", 16<<10) + "\r\n\r\n", 431},
		{"HTTP/2 without negotiation", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 501},
	} {
		if response := sendRaw(t, r.tenants, c.request); response.StatusCode != c.status {
			t.Errorf("%s: %s", c.name, response.Status)
		}
	}
	r.await(t, r.stderr, `"method":"OPTIONS","path":"\*","status":204`)
}

func TestServe_AppliesChangeBeforeResponseAndStoresIt(t *testing.T) {
	dir, url := t.TempDir(), startServer(t, hello)
	const page = "Origin: https://page.example"
	r := launchGateway(t, Environment{}, dir, tenantConfig(url))
	token, err := os.ReadFile(filepath.Join(dir, adminTokenName))
	if err != nil {
		t.Fatal(err)
	}
	bearer := "Authorization: Bearer " + strings.TrimSpace(string(token))
	if response, _ := send(t, "GET", r.tenants, "", page); response.StatusCode != 403 {
		t.Errorf("before: %s", response.Status)
	}
	response, text := send(t, "POST", r.tenants+collection, `{"name":"n","validOrigins":["https://Page.example"]}`, bearer, "Content-Type: application/json")
	var made struct {
		ID    string
		Links struct{ Self struct{ Href string } }
	}
	if err := json.Unmarshal([]byte(text), &made); err != nil || response.StatusCode != 201 || made.Links.Self.Href != r.tenants+collection+"/"+made.ID {
		t.Fatalf("%s %s", response.Status, text)
	}
	if response, _ := send(t, "GET", r.tenants, "", page); response.StatusCode != 200 {
		t.Errorf("after listing: %s", response.Status)
	}
	if r.stop(t) != exitDone {
		t.Error(r.stderr)
	}
	r = startGateway(t, dir, tenantConfig(url))
	if _, text := send(t, "GET", r.admin+"/metrics", ""); !strings.Contains(text, "originwarden_cache_origins 1\n") || !strings.Contains(text, `originwarden_cache_loads_total{outcome="ok"} 1`) {
		t.Errorf("the list was not preloaded:\n%s", text)
	}
	if response, _ := send(t, "GET", r.tenants, "", page); response.StatusCode != 200 {
		t.Errorf("after a restart: %s", response.Status)
	}
	if response, _ := send(t, "DELETE", r.tenants+collection+"/"+made.ID, "", bearer); response.StatusCode != 204 {
		t.Errorf("deleting: %s", response.Status)
	}
	if response, _ := send(t, "GET", r.tenants, "", page); response.StatusCode != 403 {
		t.Errorf("after deleting: %s", response.Status)
	}
}

func TestServe_PreloadsListsWithinCacheLimits(t *testing.T) {
	r := startGateway(t, t.TempDir(), `
tenants:
  - {id: a, hosts: [a.example], upstream: 'http://127.0.0.1:1'}
  - {id: b, hosts: [b.example], upstream: 'http://127.0.0.1:1'}
  - {id: c, hosts: [c.example], upstream: 'http://127.0.0.1:1'}
cache: {tenants: 2}
`)
	_, text := send(t, "GET", r.admin+"/metrics", "")
	if !strings.Contains(text, `originwarden_cache_loads_total{outcome="ok"} 2`) || !strings.Contains(text, "originwarden_cache_evictions_total 0\n") {
		t.Error(text)
	}
}
