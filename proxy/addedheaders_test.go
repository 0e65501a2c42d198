package proxy_test

import (
	"slices"
	"testing"

	"originwarden/proxy"
)

// net/http would add a Content-Type guessed from the body, despite nosniff, and a
// Date.
func TestGateway_AddsNoHeaderToTenantResponse(t *testing.T) {
	const html = "<html><script>alert(1)</script>"
	rows := []struct {
		rule, response string
		want           []string // names
	}{
		{"no Content-Type", "HTTP/1.1 200 OK\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 31\r\n\r\n" + html,
			[]string{"Content-Length", "X-Content-Type-Options"}},
		{"empty Content-Type", "HTTP/1.1 200 OK\r\nContent-Type:\r\nContent-Length: 31\r\n\r\n" + html, []string{"Content-Length", "Content-Type"}},
		{"Content-Type and Date", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: Tue, 15 Nov 1994 08:12:31 GMT\r\nContent-Length: 31\r\n\r\n" + html,
			[]string{"Content-Length", "Content-Type", "Date"}},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1f\r\n" + html + "\r\n0\r\n\r\n", []string{"Transfer-Encoding"}},
		{"error status", "HTTP/1.1 500 Oops\r\nContent-Length: 31\r\n\r\n" + html, []string{"Content-Length"}},
		{"204", "HTTP/1.1 204 No Content\r\n\r\n", nil},
		{"304", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n", []string{"ETag"}},
	}
	for _, mode := range []proxy.Mode{proxy.Enforce, proxy.Headers, proxy.Report} {
		for _, protocol := range protocols() {
			for _, row := range rows {
				h := newHarness(t, options{protocol: protocol, mode: mode, config: func(c *proxy.Config) {
					c.Tenants[0].Upstream = newRawTenant(t, respondWith(row.response)).url
				}})
				var got []string
				if raw := request("GET /"); protocol == http2 {
					got = headerNames(h.send(raw))
				} else {
					got = fieldNames(h.sendRaw(raw))
				}
				want := slices.Clone(row.want)
				if mode != proxy.Report {
					want = append(want, "Vary")
				}
				if slices.Sort(want); protocol == http2 {
					want = http2Names(want)
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s, %v, %s: headers %v, want %v", row.rule, mode, protocol, got, want)
				}
			}
		}
	}
}

func headerNames(got response) (names []string) {
	for name := range got.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// http2Names returns the names as Go's HTTP/2 client has them. HTTP/2 has no
// Transfer-Encoding.
func http2Names(names []string) (out []string) {
	for _, name := range names {
		switch name {
		case "Transfer-Encoding":
			continue
		case "ETag":
			name = "Etag"
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
