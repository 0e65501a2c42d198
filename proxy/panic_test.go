package proxy_test

import (
	"context"
	"io"
	"log"
	"strings"
	"sync"
	"testing"

	"originwarden/origins"
	"originwarden/proxy"
)

// panickingLists are lists that cannot be read without a panic.
type panickingLists struct{ proxy.Lists }

func (panickingLists) List(context.Context, string) (*origins.List, error) { panic("of the lists") }

// A panic ends the connection of its request, without a response, and is logged.
// Other connections are served, and the exchange is reported as cut.
func TestGateway_PanicEndsItsConnectionAlone(t *testing.T) {
	for _, lane := range []string{"fast", "reference"} {
		for _, protocol := range []protocol{http1, http1TLS} {
			logged := &lockedText{}
			h := newHarness(t, options{lane: lane, protocol: protocol, errorLog: log.New(logged, "", 0), config: func(c *proxy.Config) {
				c.Lists = panickingLists{c.Lists}
			}})
			for range 2 {
				conn := h.dial()
				io.WriteString(conn, request("GET /", "Origin: "+listed))
				if got, _ := io.ReadAll(conn); len(got) > 0 {
					t.Errorf("%s lane, %s: got %q after a panic, want the end of the connection", lane, protocol, got)
				}
				if x := h.nextExchange(); !x.Cut || x.Status != 0 {
					t.Errorf("%s lane, %s: reported %+v, want a cut exchange without a status", lane, protocol, x)
				}
			}
			if got := h.send(request("GET /")); got.StatusCode != 200 {
				t.Errorf("%s lane, %s: got status %d on another connection, want 200", lane, protocol, got.StatusCode)
			}
			h.nextExchange()
			h.proxy.Wait(t.Context())
			if got := logged.String(); strings.Count(got, "of the lists") != 2 {
				t.Errorf("%s lane, %s: logged %q, want both panics", lane, protocol, got)
			}
		}
	}
}

// lockedText is a text that may be written and read concurrently.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
