package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// rawTenant is a tenant that serves its connections without net/http.
type rawTenant struct {
	url *url.URL

	mu     sync.Mutex
	opened int
	open   sync.WaitGroup
}

// newRawTenant starts a tenant that calls serve for each connection, and closes it
// when serve returns.
func newRawTenant(t testing.TB, serve func(net.Conn, *bufio.Reader)) *rawTenant {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	tenant := &rawTenant{url: &url.URL{Scheme: "http", Host: l.Addr().String()}}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			tenant.mu.Lock()
			tenant.opened++
			tenant.mu.Unlock()
			tenant.open.Go(func() {
				defer conn.Close()
				serve(conn, bufio.NewReader(conn))
			})
		}
	}()
	return tenant
}

// connectionCount returns the number of connections opened so far.
func (r *rawTenant) connectionCount() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.opened
}

// readHead returns the lines of a request or response head.
func readHead(from *bufio.Reader) (lines []string, err error) {
	for {
		line, err := from.ReadString('\n')
		if err != nil {
			return lines, err
		}
		if line = strings.TrimSuffix(line, "\r\n"); line == "" {
			return lines, nil
		}
		lines = append(lines, line)
	}
}

// respondWith returns a function that sends the same response to every request. The
// requests have no bodies.
func respondWith(response string) func(net.Conn, *bufio.Reader) {
	return func(conn net.Conn, from *bufio.Reader) {
		for {
			if _, err := readHead(from); err != nil {
				return
			}
			io.WriteString(conn, response)
		}
	}
}

// fieldValue returns the value of the field with exactly this name, or "".
func fieldValue(lines []string, name string) string {
	for _, line := range lines {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			return value
		}
	}
	return ""
}

// fieldNames returns the field names of a head as spelled, sorted.
func fieldNames(lines []string) (names []string) {
	for _, line := range lines[1:] {
		name, _, _ := strings.Cut(line, ":")
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// sendRaw sends bytes on a new connection and returns the lines of the response head.
func (h *harness) sendRaw(raw string) []string {
	h.t.Helper()
	conn := h.dial()
	io.WriteString(conn, raw)
	lines, err := readHead(bufio.NewReader(conn))
	if err != nil {
		h.t.Fatal(fmt.Errorf("reading the response to %q: %w", raw, err))
	}
	return lines
}
