package proxy_test

import (
	"context"
	"io"
	"log"
	"strings"
	"sync"
	"testing"
	"time"

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
			if got := logged.await("of the lists", 2); strings.Count(got, "of the lists") != 2 {
				t.Errorf("%s lane, %s: logged %q, want both panics", lane, protocol, got)
			}
		}
	}
}

// The same holds for a WebSocket, whose goroutine is not net/http's.
func TestGateway_PanicEndsItsTunnelAlone(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule  string
		panic func(*proxy.Config)
	}{
		{"when it is opened", func(c *proxy.Config) { c.OnOpen = func(*proxy.Exchange) { panic("of the observer") } }},
		{"when it has ended", func(c *proxy.Config) {
			next := c.OnEnd
			c.OnEnd = func(x *proxy.Exchange) {
				next(x)
				if x.TunnelEnd != "" {
					panic("of the observer")
				}
			}
		}},
	} {
		logged := &lockedText{}
		errorLog := log.New(logged, "", 0)
		h := newHarness(t, options{errorLog: errorLog, tenant: acceptUpgrade("Connection: Upgrade\r\nUpgrade: websocket\r\n"),
			config: func(c *proxy.Config) {
				c.ErrorLog = errorLog
				row.panic(c)
			}})
		conn := h.dial()
		io.WriteString(conn, handshake("/", "Origin: "+listed)+"bye.")
		if _, err := io.ReadAll(conn); err != nil {
			t.Errorf("%s: reading to the end: %v, want the end of the connection", row.rule, err)
		}
		h.nextExchange()
		if got := h.send(request("GET /", "Origin: "+unlisted)); got.StatusCode != 403 {
			t.Errorf("%s: got status %d on another connection, want 403", row.rule, got.StatusCode)
		}
		conn.Close()
		h.awaitExchanges()
		if n, got := h.proxy.Running(), logged.await("of the observer", 1); n != 0 || !strings.Contains(got, "of the observer") {
			t.Errorf("%s: %d exchanges run; logged %q, want the panic", row.rule, n, got)
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

// await returns the text when it has a part so many times, or after 10 seconds: net/http
// logs a panic when the exchange has ended.
func (l *lockedText) await(part string, times int) string {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(10 * time.Second); ; <-tick.C {
		if got := l.String(); strings.Count(got, part) >= times || time.Now().After(limit) {
			return got
		}
	}
}
