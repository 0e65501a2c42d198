package downstream_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"originwarden/proxy/downstream"
)

// accept returns a connection as the gateway has it, and its client.
func accept(t *testing.T) (conn *downstream.Conn, client net.Conn) {
	t.Helper()
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := downstream.NewListener(raw, 0, []netip.Prefix{}, false, func() {})
	t.Cleanup(func() { listener.Close() })
	if client, err = net.Dial("tcp", raw.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { accepted.Close() })
	return accepted.(*downstream.Conn), client
}

// writeUnread writes until a client that reads nothing has had enough.
func writeUnread(conn net.Conn) error {
	for piece := make([]byte, 1<<20); ; {
		if _, err := conn.Write(piece); err != nil {
			return err
		}
	}
}

func TestConn_LimitsWrites(t *testing.T) {
	conn, _ := accept(t)
	conn.LimitWrites(200 * time.Millisecond)
	began := time.Now()
	if err := writeUnread(conn); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) < 200*time.Millisecond {
		t.Errorf("after %v: %v, want the limit to pass", time.Since(began), err)
	}
}

// A write that begins after the time of an earlier one has time of its own, also without
// a limit.
func TestConn_LimitsEachWriteByItself(t *testing.T) {
	for rule, second := range map[string]time.Duration{"the same limit": 200 * time.Millisecond, "no limit any more": 0} {
		conn, _ := accept(t)
		conn.LimitWrites(200 * time.Millisecond)
		if _, err := conn.Write([]byte("first")); err != nil {
			t.Fatal(err)
		}
		<-time.After(300 * time.Millisecond)
		conn.LimitWrites(second)
		if _, err := conn.Write([]byte("second")); err != nil {
			t.Errorf("%s: %v", rule, err)
		}
	}
}

// TLS sets a deadline for its last alert.
func TestConn_KeepsOtherDeadlines(t *testing.T) {
	conn, _ := accept(t)
	conn.LimitWrites(time.Hour)
	conn.Write([]byte("first"))
	conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
	if err := writeUnread(conn); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want the other deadline to pass", err)
	}
}
