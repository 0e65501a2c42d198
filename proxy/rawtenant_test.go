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

// rawTenant is a tenant on a bare socket.
type rawTenant struct {
	url *url.URL

	mu     sync.Mutex
	opened int
	open   sync.WaitGroup
}

// newRawTenant returns a tenant whose connections are served by serve, each until
// it returns.
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

// connections returns how many were opened so far.
func (r *rawTenant) connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.opened
}

// readHead returns the lines of a head as they came.
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

// answering serves requests without bodies with one response.
func answering(answer string) func(net.Conn, *bufio.Reader) {
	return func(conn net.Conn, from *bufio.Reader) {
		for {
			if _, err := readHead(from); err != nil {
				return
			}
			io.WriteString(conn, answer)
		}
	}
}

// fieldOf returns the value of the field that is spelled just so, or "".
func fieldOf(lines []string, name string) string {
	for _, line := range lines {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			return value
		}
	}
	return ""
}

// namesOf are the names of a head's fields as they are spelled, sorted.
func namesOf(lines []string) (names []string) {
	for _, line := range lines[1:] {
		name, _, _ := strings.Cut(line, ":")
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// sendRaw sends bytes on a new connection and returns the head of the answer as
// it came.
func (w *world) sendRaw(raw string) []string {
	w.t.Helper()
	conn := w.dial()
	io.WriteString(conn, raw)
	lines, err := readHead(bufio.NewReader(conn))
	if err != nil {
		w.t.Fatal(fmt.Errorf("reading the response to %q: %w", raw, err))
	}
	return lines
}
