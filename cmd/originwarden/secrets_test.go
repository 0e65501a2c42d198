package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// What lets somebody in, or tells who somebody is, is in no line at any level.
func TestLog_HasNoSecretOfARequestOrAnAnswer(t *testing.T) {
	const secret = "s3cr3t"
	tenant := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if answer := r.Header.Get("X-Answer"); answer != "" {
			conn, _, _ := http.NewResponseController(w).Hijack()
			io.WriteString(conn, strings.ReplaceAll(answer, "|", "\r\n"))
			conn.Close()
			return
		}
		w.Header().Set("Set-Cookie", "session="+secret)
		io.WriteString(w, secret)
	})
	for _, format := range []string{"json", "console"} {
		dir := t.TempDir()
		r := serving(t, dir, "tenants: [{id: acme, hosts: [acme.example], upstream: '"+tenant+"', debug: true}]\nlog: {level: debug, format: "+format+"}")
		token := strings.TrimPrefix(operatorsToken(t, dir), "Authorization: Bearer ")
		for i, raw := range []string{
			"GET /?token=s3cr3t&access_token=s3cr3t HTTP/1.1\nHost: acme.example\nAuthorization: Bearer s3cr3t\nCookie: session=s3cr3t\nX-Api-Key: s3cr3t\nReferer: https://a/?s3cr3t\n\n",
			"GET / HTTP/1.1\nHost: acme.example\nOrigin: https://strange.example\nAuthorization: Basic s3cr3t\nProxy-Authorization: Basic s3cr3t\n\n",
			"GET http://user:s3cr3t@acme.example/ HTTP/1.1\nHost: acme.example\n\n",
			"GET / HTTP/1.1\nHost: user:s3cr3t@acme.example\n\n",
			"GET / HTTP/1.1\nHost: acme.example\nCookie s3cr3t\n\n",
			"GET / HTTP/1.1\nHost: acme.example\nCookie: \x00s3cr3t\n\n",
			"GET /socket?token=s3cr3t HTTP/1.1\nHost: acme.example\nConnection: Upgrade\nUpgrade: websocket, s3cr3t\n\n",
			"OPTIONS / HTTP/1.1\nHost: acme.example\nOrigin: https://a.example\nAccess-Control-Request-Method: PUT\nAccess-Control-Request-Headers: s3cr3t\n\n",
			"GET /api/v1/web-integrations?filter=s3cr3t HTTP/1.1\nHost: acme.example\nAuthorization: Bearer s3cr3t\n\n",
			"GET /api/v1/web-integrations?next=s3cr3t HTTP/1.1\nHost: acme.example\nAuthorization: Bearer " + token + "\n\n",
			"POST /api/v1/web-integrations HTTP/1.1\nHost: acme.example\nAuthorization: Bearer " + token + "\nContent-Length: 8\n\n{s3cr3t:",
			"GET / HTTP/1.1\nHost: acme.example\ntraceparent: s3cr3t\ntracestate: s3cr3t=1\nbaggage: user=s3cr3t\n\n",
			"GET / HTTP/1.1\nHost: acme.example\nX-Answer: HTTP/1.1 200 OK|Set-Cookie s3cr3t||\n\n",
			"GET / HTTP/1.1\nHost: acme.example\nX-Answer: s3cr3t\n\n",
			"GET / HTTP/1.1\nHost: acme.example\nX-Answer: HTTP/1.1 s3cr3t\n\n",
		} {
			exchange(t, r.tenants, strings.ReplaceAll(raw, "\n", "\r\n"))
			exchange(t, r.tenants, fmt.Sprintf("GET /last-%d HTTP/1.1\r\nHost: acme.example\r\n\r\n", i))
			r.await(t, r.stderr, fmt.Sprintf("/last-%d", i)) // so is what was before it
		}
		for line := range strings.Lines(r.stderr.String()) {
			if strings.Contains(line, secret) || strings.Contains(line, token) {
				t.Error(line)
			}
		}
		if _, text := send(t, "GET", r.admin+"/metrics", ""); strings.Contains(text, secret) {
			t.Error("it is in the metrics")
		}
		if format == "json" && len(regexp.MustCompile(`"error":"[^"]*malformed`).FindAllString(r.stderr.String(), -1)) != 3 {
			t.Errorf("the tenant's answers were not malformed:\n%s", r.stderr)
		}
	}
}

// exchange sends bytes on a connection of their own, and reads the answer.
func exchange(t *testing.T, url, raw string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, raw)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	io.Copy(io.Discard, response.Body)
}
