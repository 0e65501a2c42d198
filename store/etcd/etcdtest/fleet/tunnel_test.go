//go:build linux

package fleet_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// closeBound is the time within which every gateway must close the WebSockets of a
// revoked origin.
const closeBound = 2 * time.Second

// feedDelay is the maximum delay of the feed in a round.
const feedDelay = 200 * time.Millisecond

// TestFleet_ClosesWebSocketsOfRevokedOrigin revokes an origin through one gateway, while
// requests to another gateway evict and reload the list of the tenant, so that the list
// often has the change before the feed. FLEET_REVOCATIONS is the number of revocations,
// 100 by default.
func TestFleet_ClosesWebSocketsOfRevokedOrigin(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 30 seconds")
	}
	var crowd []string // many tenants, so that a list is seldom reloaded without a request
	for i := range 90 {
		crowd = append(crowd, fmt.Sprintf("crowd-%d", i))
	}
	f := newFleet(t, setup{cached: 1, relaysPerMember: 4, tenants: crowd})
	r := &revocations{fleet: f, writer: f.gateways[0], other: f.gateways[1]}
	for _, tenant := range crowd {
		r.openWebSocket(tenant, "https://"+tenant+".test")
	}
	r.feed = r.findFeed()
	rounds := envNumber(t, "FLEET_REVOCATIONS", 100)
	for i := range rounds {
		r.round(fmt.Sprintf("https://revoked-%d.example", i))
	}
	slices.Sort(r.took)
	if n := len(r.took); n > 0 {
		f.logf("%d of %d sockets were closed, median %v, maximum %v; in %d rounds the list was loaded before the feed had the change",
			n, rounds, r.took[n/2], r.took[n-1], r.overtaken)
	}
	if r.overtaken < int(rounds)/10 {
		f.reportf("the list was loaded before the feed had the change in only %d of %d rounds", r.overtaken, rounds)
	}
}

// revocations revokes origins through the gateway writer, and checks the WebSockets of
// the gateway other.
type revocations struct {
	*fleet
	writer, other *gateway
	feed          *relay // carries the feed of other

	took      []time.Duration // from the end of the delay of the feed to the close
	overtaken int             // rounds in which the list was loaded before the feed
}

// round adds an origin, opens a WebSocket from it, and revokes it.
func (r *revocations) round(origin string) {
	created, err := r.writer.api(registers).Create(r.Context(), "revoked", []string{origin})
	if err != nil {
		r.Fatal(err)
	}
	r.awaitDecision(origin, true, startTimeout)
	socket := r.openWebSocket(registers, origin)
	defer socket.Close()
	defer r.evictAndReload(origin)()
	r.set(holdAll)
	_, err = r.writer.api(registers).Delete(r.Context(), created.ID, "")
	passed := make(chan time.Time, 1)
	late := time.AfterFunc(feedDelay, func() { passed <- r.set(forward) })
	r.awaitDecision(origin, false, startTimeout)
	if late.Stop() {
		r.overtaken++
		passed <- r.set(forward)
	}
	if err != nil {
		r.Fatal(err)
	}
	r.expectClose(socket, origin, <-passed)
}

// set changes the mode of the relay of the feed, and returns the time of that.
func (r *revocations) set(mode relayMode) time.Time {
	if err := r.feed.set(mode); err != nil {
		r.reportf("the relay of the feed: %v", err)
	}
	return time.Now()
}

// expectClose checks that the gateway closes the WebSocket within closeBound after start.
func (r *revocations) expectClose(socket net.Conn, origin string, start time.Time) {
	_ = socket.SetReadDeadline(start.Add(closeBound))
	const closing = "\x88\x09\x03\xf0revoked"
	got := make([]byte, len(closing))
	n, err := io.ReadFull(socket, got)
	if after := time.Since(start); err == nil && string(got) == closing {
		r.took = append(r.took, after)
	} else {
		r.reportf("%v after the revocation, the WebSocket of %s received %q, %v", after.Round(time.Millisecond), origin, got[:n], err)
	}
}

// awaitDecision sends requests to the gateway other until its decision is allowed, and
// reports whether that was so before the timeout.
func (r *revocations) awaitDecision(origin string, allowed bool, timeout time.Duration) bool {
	for start := time.Now(); time.Since(start) < timeout; {
		got, err := r.other.isAllowed(actual, registers, "", origin)
		if err != nil {
			r.Fatalf("%s: request from %s: %v", r.other.name, origin, err)
		}
		if got == allowed {
			return true
		}
	}
	return false
}

// evictAndReload makes the gateway other evict and reload the list of the tenant
// continuously, until it is stopped.
func (r *revocations) evictAndReload(origin string) (stop func()) {
	ctx, cancel := context.WithCancel(r.Context())
	var requests sync.WaitGroup
	for range 3 {
		requests.Go(func() {
			for ctx.Err() == nil {
				_, otherErr := r.other.isAllowed(actual, lists, "", origin)
				_, err := r.other.isAllowed(actual, registers, "", origin)
				if err := errors.Join(otherErr, err); err != nil {
					r.reportf("%s: %v", r.other.name, err)
					return
				}
			}
		})
	}
	return func() {
		cancel()
		requests.Wait()
	}
}

// findFeed returns the relay that carries the feed of the gateway other: the one without
// which it does not reach a new revision.
func (r *revocations) findFeed() *relay {
	for _, feed := range r.other.relays {
		r.feed = feed
		r.set(holdAll)
		created, err := r.writer.api(lists).Create(r.Context(), "found", nil)
		reached := r.reaches(created.Revision, time.Second)
		r.set(forward)
		switch {
		case err != nil:
			r.Fatal(err)
		case !reached:
			return feed
		case !r.reaches(created.Revision, startTimeout):
			r.Fatalf("%s does not reach revision %d", r.other.name, created.Revision)
		}
	}
	r.Fatalf("%s has no feed", r.other.name)
	return nil
}

// reaches reports whether the gateway other reaches the revision before the timeout.
func (r *revocations) reaches(revision uint64, timeout time.Duration) bool {
	for start := time.Now(); time.Since(start) < timeout; {
		if state, err := r.other.readiness(); err == nil && state.Revision >= revision {
			return true
		}
	}
	return false
}

// openWebSocket opens a WebSocket to the gateway other, which is closed when the test
// ends.
func (r *revocations) openWebSocket(tenant, origin string) net.Conn {
	r.Helper()
	conn, err := net.Dial("tcp", r.other.listen)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { _ = conn.Close() })
	_, _ = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s.test\r\nOrigin: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", tenant, origin)
	response, err := http.ReadResponse(bufio.NewReaderSize(byteReader{conn}, 16), nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		r.Fatalf("%s: opening a WebSocket from %s: %v, %v", r.other.name, origin, response, err)
	}
	return conn
}

// byteReader returns one byte per read, so that a buffered reader reads nothing beyond
// the response.
type byteReader struct{ io.Reader }

func (r byteReader) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(1, len(p))]) }
