package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"originwarden/proxy"
	"originwarden/proxy/fastlane"
	fieldlines "originwarden/proxy/http1"
)

const poison = "POISON"

// poisoned fills what a handler of the fast lane has of a request with poison, when
// the request has ended.
type poisoned struct{ fastlane.Handler }

func (p poisoned) ServeFast(r *fastlane.Request) fastlane.Outcome {
	outcome := p.Handler.ServeFast(r)
	fill(r.Copy[:])
	fill(r.Out[:cap(r.Out)])
	for i := range r.Head.Fields[:cap(r.Head.Fields)] {
		r.Head.Fields[:cap(r.Head.Fields)][i] = fieldlines.Field{Name: "X-" + poison, Value: poison}
	}
	return outcome
}

func fill(b []byte) {
	for len(b) > 0 {
		b = b[copy(b, poison):]
	}
}

// Nothing of a request, or of its response, reaches another one, whichever way a request
// ends. The buffers of the fast lane are filled with other bytes between two requests.
func TestFastLane_KeepsRequestsApart(t *testing.T) {
	wrap := func(h fastlane.Handler) fastlane.Handler { return poisoned{h} }
	var mu sync.Mutex
	var received []string
	tenant := newRawTenant(t, func(conn net.Conn, from *bufio.Reader) {
		for {
			lines, err := readHead(from)
			if err != nil {
				return
			}
			body := ""
			if n := fieldValue(lines, "Content-Length"); n == "5" || n == "12000" {
				length := map[string]int{"5": 5, "12000": 12000}[n]
				all := make([]byte, length)
				io.ReadFull(from, all)
				body = string(all)
			}
			got := strings.Join(lines, "\n") + body
			if strings.Contains(got, "/dirty") {
				text := strings.Repeat(poison, 3000)
				if strings.Contains(got, "/dirty-cut") {
					text = text[1:]
				}
				fmt.Fprintf(conn, "HTTP/1.1 200 %s\r\nX-%s: %s\r\nVary: %s\r\nSet-Cookie: %s\r\nContent-Length: %d\r\n\r\n%s", poison, poison, poison, poison, poison, 3000*len(poison), text)
				if strings.Contains(got, "/dirty-cut") {
					return
				}
				continue
			}
			mu.Lock()
			received = append(received, got)
			mu.Unlock()
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n")
		}
	})
	for _, protocol := range []protocol{http1, http1TLS} {
		h := newHarness(t, options{lane: "fast", protocol: protocol, wrap: wrap, config: func(c *proxy.Config) { c.Tenants[0].Upstream = tenant.url }})
		fields := []string{"X-Poison: " + poison, "Cookie: " + poison, "Authorization: Basic " + poison, "Tracestate: " + poison, "Qlik-Web-Integration-Id: " + poison}
		dirty := []string{
			request("POST /dirty?"+poison, append(fields[:4:4], "Origin: "+listed, "Content-Length: 12000")...) + strings.Repeat(poison, 2000),
			request("GET /dirty-cut", append(fields[:4:4], "Connection: close")...),
			request("GET /dirty-refused", append(fields, "Origin: https://poison.example")...),
			request("GET /dirty-list", append(fields, "Origin: "+listed)...),
			request("OPTIONS /dirty", "Origin: "+listed, "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: "+poison),
			request("GET /dirty-handed-over", "X-Poison: "+poison, "TE: trailers"),
			"GET /dirty HTTP/1.1\r\nHost: acme.example\r\nX-Poison: " + poison,
		}
		clean := []string{
			request("GET /clean"),
			request("POST /clean", "Origin: "+listed, "Content-Length: 5") + "clean",
			request("POST /clean", "Origin: "+listed, "Content-Length: 0"),
			request("HEAD /clean", "Connection: close"),
			request("GET /clean", "Origin: "+unlisted),
			request("OPTIONS /clean", "Origin: "+listed, "Access-Control-Request-Method: PUT"),
		}
		for i, before := range dirty {
			for j, raw := range clean {
				h.exchangeAll(before)
				if got := h.exchangeAll(raw); !strings.HasPrefix(got, "HTTP/1.1 ") || strings.Contains(strings.ToUpper(got), poison) {
					t.Errorf("%s, %d before %d: response %q", protocol, i, j, got)
				}
				if strings.HasSuffix(before, "\r\n\r\n") { // on one connection too
					both := h.exchangeAll(before + raw)
					if last := both[strings.LastIndex(both, "HTTP/1.1 "):]; strings.Contains(last, poison) && strings.Count(both, "HTTP/1.1 ") == 2 {
						t.Errorf("%s, %d before %d on one connection: response %q", protocol, i, j, last)
					}
				}
			}
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(received) == 0 {
		t.Error("tenant received nothing")
	}
	for _, got := range received {
		if strings.Contains(strings.ToUpper(got), poison) {
			t.Errorf("tenant received %q", got)
		}
	}
}

// exchangeAll sends bytes, half-closes the connection, and reads all responses.
func (h *harness) exchangeAll(raw string) string {
	h.t.Helper()
	conn := h.dial()
	defer conn.Close()
	io.WriteString(conn, raw)
	conn.(interface{ CloseWrite() error }).CloseWrite()
	all, err := io.ReadAll(conn)
	if err != nil {
		h.t.Fatalf("%.200q: %v", raw, err)
	}
	for len(h.exchanges) > 0 {
		<-h.exchanges
	}
	return string(all)
}
