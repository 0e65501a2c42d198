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

// closeBound is how long after the acknowledgement of a change the WebSockets are
// closed, at every gateway, that it refuses.
const closeBound = 2 * time.Second

// lateness is for how long at most the feed is held back in a round.
const lateness = 200 * time.Millisecond

// TestFleet_ClosesTheSocketsOfARevokedOrigin revokes an origin at one gateway,
// while requests at another put its tenant's list out and load it again, so that
// the list often has the change before the feed has brought it.
// FLEET_REVOCATIONS is how often, 100 times by default.
func TestFleet_ClosesTheSocketsOfARevokedOrigin(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	var crowd []string // so that it takes long until a tenant has its turn unasked
	for i := range 90 {
		crowd = append(crowd, fmt.Sprintf("crowd-%d", i))
	}
	f := newFleet(t, setup{cached: 1, ways: 4, tenants: crowd})
	r := &revocations{fleet: f, here: f.gateways[0], there: f.gateways[1]}
	for _, tenant := range crowd {
		r.open(tenant, "https://"+tenant+".test")
	}
	r.feed = r.findFeed()
	rounds := number(t, "FLEET_REVOCATIONS", 100)
	for i := range rounds {
		r.round(fmt.Sprintf("https://revoked-%d.example", i))
	}
	slices.Sort(r.took)
	if n := len(r.took); n > 0 {
		f.tell("%d of %d sockets were closed, after %v in the middle, %v at most; of %d the list was loaded before the feed came",
			n, rounds, r.took[n/2], r.took[n-1], r.overtaken)
	}
	if r.overtaken < int(rounds)/10 {
		f.isWrong("in %d rounds of %d only was the list loaded before the feed came", r.overtaken, rounds)
	}
}

// revocations are made at one gateway, and close sockets at another.
type revocations struct {
	*fleet
	here, there *gateway
	feed        *relay // by which the feed comes to the other

	took      []time.Duration // from when the feed may come, to the close
	overtaken int             // by a load of the list
}

// round lists an origin, opens a WebSocket of it, and takes it off the list.
func (r *revocations) round(origin string) {
	made, err := r.here.api(registers).Create(r.Context(), "revoked", []string{origin})
	if err != nil {
		r.Fatal(err)
	}
	r.await(origin, true, startPatience)
	socket := r.open(registers, origin)
	defer socket.Close()
	defer r.putOutAndLoad(origin)()
	r.set(hold)
	_, err = r.here.api(registers).Delete(r.Context(), made.ID, "")
	passed := make(chan time.Time, 1)
	late := time.AfterFunc(lateness, func() { passed <- r.set(pass) })
	r.await(origin, false, startPatience)
	if late.Stop() {
		r.overtaken++
		passed <- r.set(pass)
	}
	if err != nil {
		r.Fatal(err)
	}
	r.expectClose(socket, origin, <-passed)
}

func (r *revocations) set(how way) time.Time {
	if err := r.feed.set(how); err != nil {
		r.isWrong("the relay of the feed: %v", err)
	}
	return time.Now()
}

// expectClose expects that the gateway closes a WebSocket, after the feed could
// come.
func (r *revocations) expectClose(socket net.Conn, origin string, began time.Time) {
	_ = socket.SetReadDeadline(began.Add(closeBound))
	const closing = "\x88\x09\x03\xf0revoked"
	got := make([]byte, len(closing))
	n, err := io.ReadFull(socket, got)
	if after := time.Since(began); err == nil && string(got) == closing {
		r.took = append(r.took, after)
	} else {
		r.isWrong("%v after its revocation the socket of %s has %q, %v", after.Round(time.Millisecond), origin, got[:n], err)
	}
}

// await asks the other gateway until it allows the origin, or refuses it, and
// reports whether it does in time.
func (r *revocations) await(origin string, allowed bool, patience time.Duration) bool {
	for began := time.Now(); time.Since(began) < patience; {
		is, err := r.there.allows(plain, registers, "", origin)
		if err != nil {
			r.Fatalf("%s, asked for %s: %v", r.there.name, origin, err)
		}
		if is == allowed {
			return true
		}
	}
	return false
}

// putOutAndLoad has the list of one tenant put out, and loaded again, as often as
// it can, until it is stopped.
func (r *revocations) putOutAndLoad(origin string) (stop func()) {
	ctx, cancel := context.WithCancel(r.Context())
	var asking sync.WaitGroup
	for range 3 {
		asking.Go(func() {
			for ctx.Err() == nil {
				_, otherErr := r.there.allows(plain, lists, "", origin)
				_, err := r.there.allows(plain, registers, "", origin)
				if err := errors.Join(otherErr, err); err != nil {
					r.isWrong("%s: %v", r.there.name, err)
					return
				}
			}
		})
	}
	return func() {
		cancel()
		asking.Wait()
	}
}

// findFeed finds by which relay the other gateway has its feed: without it, no
// revision comes in force there.
func (r *revocations) findFeed() *relay {
	for _, feed := range r.there.relays {
		r.feed = feed
		r.set(hold)
		made, err := r.here.api(lists).Create(r.Context(), "found", nil)
		is := r.reaches(made.Revision, time.Second)
		r.set(pass)
		switch {
		case err != nil:
			r.Fatal(err)
		case !is:
			return feed
		case !r.reaches(made.Revision, startPatience):
			r.Fatalf("%s does not reach revision %d", r.there.name, made.Revision)
		}
	}
	r.Fatalf("%s has no feed", r.there.name)
	return nil
}

func (r *revocations) reaches(revision uint64, patience time.Duration) bool {
	for began := time.Now(); time.Since(began) < patience; {
		if is, err := r.there.readiness(); err == nil && is.Revision >= revision {
			return true
		}
	}
	return false
}

// open opens a WebSocket of an origin at the other gateway, until the test ends.
func (r *revocations) open(tenant, origin string) net.Conn {
	r.Helper()
	conn, err := net.Dial("tcp", r.there.listen)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { _ = conn.Close() })
	_, _ = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s.test\r\nOrigin: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", tenant, origin)
	answer, err := http.ReadResponse(bufio.NewReaderSize(oneByte{conn}, 16), nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		r.Fatalf("%s opens no WebSocket of %s: %v, %v", r.there.name, origin, answer, err)
	}
	return conn
}

// oneByte is read byte by byte, so that nothing is taken of what follows.
type oneByte struct{ io.Reader }

func (r oneByte) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(1, len(p))]) }
