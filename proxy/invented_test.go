package proxy_test

import (
	"slices"
	"testing"

	"originwarden/proxy"
)

// net/http would guess a Content-Type from the body, against nosniff, and say
// when it answered.
func TestGateway_InventsNoHeaderOfTheTenants(t *testing.T) {
	const html = "<html><script>alert(1)</script>"
	rows := []struct {
		rule, answer string
		want         []string // names
	}{
		{"a body without a type", "HTTP/1.1 200 OK\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 31\r\n\r\n" + html,
			[]string{"Content-Length", "X-Content-Type-Options"}},
		{"an empty type", "HTTP/1.1 200 OK\r\nContent-Type:\r\nContent-Length: 31\r\n\r\n" + html, []string{"Content-Length", "Content-Type"}},
		{"its own type and date", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: Tue, 15 Nov 1994 08:12:31 GMT\r\nContent-Length: 31\r\n\r\n" + html,
			[]string{"Content-Length", "Content-Type", "Date"}},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1f\r\n" + html + "\r\n0\r\n\r\n", []string{"Transfer-Encoding"}},
		{"an error", "HTTP/1.1 500 Oops\r\nContent-Length: 31\r\n\r\n" + html, []string{"Content-Length"}},
		{"no body", "HTTP/1.1 204 No Content\r\n\r\n", nil},
		{"not modified", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n", []string{"ETag"}},
	}
	for _, mode := range []proxy.Mode{proxy.Enforce, proxy.Headers, proxy.Report} {
		for _, protocol := range protocols() {
			for _, row := range rows {
				w := newWorld(t, options{protocol: protocol, mode: mode, config: func(c *proxy.Config) {
					c.Tenants[0].Upstream = newRawTenant(t, answering(row.answer)).url
				}})
				var got []string
				if raw := request("GET /"); protocol == http2 {
					got = headerNames(w.send(raw))
				} else {
					got = namesOf(w.sendRaw(raw))
				}
				want := slices.Clone(row.want)
				if mode != proxy.Report {
					want = append(want, "Vary")
				}
				if slices.Sort(want); protocol == http2 {
					want = inHTTP2(want)
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s, %v, %s: %v, want %v", row.rule, mode, protocol, got, want)
				}
			}
		}
	}
}

func headerNames(got answer) (names []string) {
	for name := range got.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// inHTTP2 are names as a client of HTTP/2 in Go has them, where nothing delimits a
// message but frames.
func inHTTP2(names []string) (out []string) {
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
