package dial_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/proxy/upstream/dial"
)

// The first call waits a second for a server that refuses connections, as one that is
// starting does.
func TestDialer_RetriesRefusedConnectionForOneSecond(t *testing.T) {
	failed := func(err error) error { return &net.OpError{Op: "dial", Err: err} }
	for _, row := range []struct {
		rule string
		down time.Duration
		err  error
		ok   bool
		took time.Duration // upper limit
	}{
		{"server starts", 500 * time.Millisecond, failed(syscall.ECONNREFUSED), true, 700 * time.Millisecond},
		{"server does not start", time.Hour, failed(syscall.ECONNREFUSED), false, 1200 * time.Millisecond},
		{"socket is made", 500 * time.Millisecond, failed(syscall.ENOENT), true, 700 * time.Millisecond},
		{"host unreachable", time.Hour, failed(syscall.EHOSTUNREACH), false, 0},
		{"socket may not be used", time.Hour, failed(syscall.EACCES), false, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			d := dial.Dialer{Host: "192.0.2.1", Port: "80", Connect: func(context.Context, string, string) (net.Conn, error) {
				if time.Since(start) < row.down {
					return nil, row.err
				}
				return &fakeConn{}, nil
			}}
			_, err := d.Dial(t.Context())
			if took := time.Since(start); (err == nil) != row.ok || took > row.took {
				t.Errorf("%s: error %v after %v, want at most %v", row.rule, err, took, row.took)
			}
			if next := time.Now(); !row.ok {
				if d.Dial(t.Context()); time.Since(next) != 0 {
					t.Errorf("%s: next call waited %v, want none", row.rule, time.Since(next))
				}
			}
		})
	}
}

// Addresses are what their names say: "up" accepts a connection after a while, "refuses"
// refuses it at once, and "silent" never responds.
var (
	up      = netip.MustParseAddr("192.0.2.1")
	slow    = netip.MustParseAddr("192.0.2.2") // is up, but takes 400 ms
	refuses = netip.MustParseAddr("192.0.2.3")
	silent  = netip.MustParseAddr("192.0.2.4")
	silent6 = netip.MustParseAddr("2001:db8::4")
	up6     = netip.MustParseAddr("2001:db8::1")
)

// network is what a Dialer connects to.
type network struct {
	mu    sync.Mutex
	tried []string
	open  map[string]int // connections, by address
}

func (n *network) connect(ctx context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	n.tried = append(n.tried, address)
	n.mu.Unlock()
	wait := time.Millisecond
	switch netip.MustParseAddrPort(address).Addr() {
	case refuses:
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	case slow:
		wait = 400 * time.Millisecond
	case silent, silent6:
		wait = time.Hour
	}
	select {
	case <-time.After(wait):
		n.count(address, 1)
		return &fakeConn{address: address, close: func() { n.count(address, -1) }}, nil
	case <-ctx.Done():
		return nil, &net.OpError{Op: "dial", Err: ctx.Err()}
	}
}

// count notes that a connection was opened, or closed.
func (n *network) count(address string, change int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open[address] += change
}

type fakeConn struct {
	net.Conn
	address string
	close   func()
}

func (c *fakeConn) Close() error { c.close(); return nil }

// A dead address of a name is passed over, well before the time to connect is over.
func TestDialer_PassesOverDeadAddresses(t *testing.T) {
	many := slices.Repeat([]netip.Addr{silent}, 40)
	for _, row := range []struct {
		rule    string
		all     []netip.Addr
		limit   time.Duration
		to      netip.Addr // zero: the call fails
		within  time.Duration
		timeout bool // the error is a timeout
	}{
		{"first is up", []netip.Addr{up, silent}, 3 * time.Second, up, time.Millisecond, false},
		{"first refuses", []netip.Addr{refuses, up}, 3 * time.Second, up, time.Millisecond, false},
		{"first is silent", []netip.Addr{silent, up}, 3 * time.Second, up, 251 * time.Millisecond, false},
		{"all but the last are silent", []netip.Addr{silent, silent, silent, silent, silent, up}, 3 * time.Second, up, 1251 * time.Millisecond, false},
		{"silent, then refuses", []netip.Addr{silent, refuses, up}, 3 * time.Second, up, 251 * time.Millisecond, false},
		{"little time", []netip.Addr{silent, silent, up}, 30 * time.Millisecond, up, 21 * time.Millisecond, false},
		{"no limit of time", []netip.Addr{silent, silent, up}, 0, up, 501 * time.Millisecond, false},
		{"first is slow", []netip.Addr{slow, silent}, 3 * time.Second, slow, 400 * time.Millisecond, false},
		{"second is faster than the first", []netip.Addr{slow, up}, 3 * time.Second, up, 251 * time.Millisecond, false},
		{"IPv6 does not work", []netip.Addr{silent6, silent6, silent6, up}, 3 * time.Second, up, 251 * time.Millisecond, false},
		{"IPv4 does not work", []netip.Addr{silent, silent, silent, up6}, 3 * time.Second, up6, 251 * time.Millisecond, false},
		{"mapped address", []netip.Addr{netip.AddrFrom16(up.As16())}, 3 * time.Second, up, time.Millisecond, false},
		{"all are silent", []netip.Addr{silent, silent}, time.Second, netip.Addr{}, time.Second, true},
		{"all are silent or refuse", []netip.Addr{silent, refuses}, time.Second, netip.Addr{}, time.Second, true},
		{"far too many", many, time.Second, netip.Addr{}, time.Second, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := &network{open: map[string]int{}}
			d := dial.Dialer{Host: "app.internal", Port: "3000", Timeout: row.limit, Connect: n.connect,
				Lookup: func(context.Context, string) ([]netip.Addr, error) { return row.all, nil }}
			start := time.Now()
			conn, err := d.Dial(t.Context())
			if took := time.Since(start); took > row.within {
				t.Errorf("%s: took %v, want at most %v", row.rule, took, row.within)
			}
			if len(n.tried) > 16 {
				t.Errorf("%s: tried %d addresses, want at most 16", row.rule, len(n.tried))
			}
			synctest.Wait()
			if !row.to.IsValid() {
				var failed net.Error
				if !errors.As(err, &failed) || failed.Timeout() != row.timeout {
					t.Errorf("%s: error %v, want a timeout: %v", row.rule, err, row.timeout)
				}
				return
			}
			want := netip.AddrPortFrom(row.to, 3000).String()
			if err != nil || conn.(*fakeConn).address != want {
				t.Fatalf("%s: got %+v, %v; want a connection to %s", row.rule, conn, err, want)
			}
			for address, count := range n.open {
				if isIt := address == want; isIt && count != 1 || !isIt && count != 0 {
					t.Errorf("%s: %d connections to %s are open", row.rule, count, address)
				}
			}
		})
	}
}

// The connection of an attempt that ends after another one is closed.
func TestDialer_ClosesConnectionThatComesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{open: map[string]int{}}
		d := dial.Dialer{Host: "app.internal", Port: "1",
			Lookup: func(context.Context, string) ([]netip.Addr, error) { return []netip.Addr{slow, up}, nil },
			Connect: func(ctx context.Context, network, address string) (net.Conn, error) {
				return n.connect(context.WithoutCancel(ctx), network, address)
			}}
		if _, err := d.Dial(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) // until the slow one has answered
		synctest.Wait()
		if open := n.open["192.0.2.2:1"]; open != 0 || len(n.open) != 2 {
			t.Errorf("connections %v, want one of the first that answered", n.open)
		}
	})
}

// The name is looked up for each connection, and the failure of a lookup is one to
// connect.
func TestDialer_LooksNameUpForEachConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{open: map[string]int{}}
		answers := [][]netip.Addr{{up}, {up6}, nil}
		d := dial.Dialer{Host: "app.internal", Port: "80", Connect: n.connect, Lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
			answer := answers[0]
			if answers = answers[1:]; answer == nil {
				return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
			}
			return answer, nil
		}}
		for range 2 {
			d.Dial(t.Context())
		}
		if want := "192.0.2.1:80 [2001:db8::1]:80"; strings.Join(n.tried, " ") != want {
			t.Errorf("connected to %v, want %s", n.tried, want)
		}
		var op *net.OpError
		if _, err := d.Dial(t.Context()); !errors.As(err, &op) || op.Op != "dial" {
			t.Errorf("error %v, want that of a dial", err)
		}
	})
}

// A Unix socket whose queue is full is tried again while there is time.
func TestDialer_WaitsForFullSocket(t *testing.T) {
	for _, row := range []struct {
		full time.Duration
		ok   bool
	}{{2 * time.Second, true}, {time.Hour, false}} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			d := dial.Dialer{Socket: "/run/app.sock", Timeout: 3 * time.Second, Connect: func(context.Context, string, string) (net.Conn, error) {
				if time.Since(start) < row.full {
					return nil, &net.OpError{Op: "dial", Err: syscall.EAGAIN}
				}
				return &fakeConn{}, nil
			}}
			_, err := d.Dial(t.Context())
			if took := time.Since(start); (err == nil) != row.ok || took > 3100*time.Millisecond {
				t.Errorf("full for %v: error %v after %v", row.full, err, took)
			}
		})
	}
}
