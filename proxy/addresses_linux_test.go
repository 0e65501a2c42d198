package proxy_test

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"originwarden/proxy"
)

// nameServer is a DNS server, which the resolver of Go asks during a test.
type nameServer struct {
	answers atomic.Pointer[[]string] // IPv4 addresses, for each name
	asked   atomic.Int32             // for these
}

// newNameServer starts a DNS server whose answer to each question is these addresses, in
// this order.
func newNameServer(t *testing.T, addresses ...string) *nameServer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &nameServer{}
	s.answers.Store(&addresses)
	go s.serve(conn)
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = before
		conn.Close()
	})
	return s
}

func (s *nameServer) serve(conn net.PacketConn) {
	packet := make([]byte, 512)
	for {
		n, from, err := conn.ReadFrom(packet)
		if err != nil {
			return
		}
		var query dnsmessage.Message
		if query.Unpack(packet[:n]) != nil || len(query.Questions) != 1 {
			continue
		}
		answer, _ := s.answer(&query).Pack()
		conn.WriteTo(answer, from)
	}
}

func (s *nameServer) answer(query *dnsmessage.Message) *dnsmessage.Message {
	asked := query.Questions[0]
	answer := &dnsmessage.Message{Header: dnsmessage.Header{ID: query.ID, Response: true, RecursionAvailable: true}, Questions: query.Questions}
	if asked.Type != dnsmessage.TypeA {
		return answer // there are no others
	}
	s.asked.Add(1)
	for _, address := range *s.answers.Load() {
		answer.Answers = append(answer.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: asked.Name, Type: asked.Type, Class: asked.Class, TTL: 3600},
			Body:   &dnsmessage.AResource{A: netip.MustParseAddr(address).As4()}})
	}
	return answer
}

// listenAt makes tenants listen at these loopback addresses, all at the port of the
// first, and returns that port.
func listenAt(t *testing.T, addresses ...string) (port string) {
	t.Helper()
	port = "0"
	for _, address := range addresses {
		l, err := net.Listen("tcp", net.JoinHostPort(address, port))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		_, port, _ = net.SplitHostPort(l.Addr().String())
		server := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Address", r.Context().Value(http.LocalAddrContextKey).(net.Addr).String())
		})}
		server.Protocols.SetHTTP1(true)
		server.Protocols.SetUnencryptedHTTP2(true)
		go server.Serve(l)
	}
	return port
}

// fillBacklog listens at an address, and swallows the handshakes of TCP.
func fillBacklog(t *testing.T, address string) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { syscall.Listen(int(fd), 0) }) // a backlog of one connection
	for range 16 {
		conn, err := net.DialTimeout("tcp", l.Addr().String(), 100*time.Millisecond)
		if err != nil {
			return
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Fatal("the listener accepts any number of connections")
}

func TestGateway_PassesOverDeadAddressOfName(t *testing.T) {
	const alive, refuses, silent, silentToo = "127.0.0.21", "127.0.0.22", "127.0.0.23", "127.0.0.24"
	port := listenAt(t, alive)
	fillBacklog(t, net.JoinHostPort(silent, port))
	fillBacklog(t, net.JoinHostPort(silentToo, port))
	for _, scheme := range []string{"http", "h2c"} {
		for _, row := range []struct {
			addresses []string
			status    int
			cause     string
		}{
			{[]string{alive}, 200, ""},
			{[]string{refuses, alive}, 200, ""},
			{[]string{silent, alive}, 200, ""},
			{[]string{silent, silentToo, refuses, alive}, 200, ""},
			{[]string{silent, silentToo}, 504, "timeout"},
			{[]string{refuses}, 502, "connect"},
			{nil, 502, "connect"}, // the name has no address
		} {
			newNameServer(t, row.addresses...)
			h := newHarness(t, options{config: func(c *proxy.Config) {
				c.Tenants[0].Upstream = &url.URL{Scheme: scheme, Host: net.JoinHostPort("app.example", port)}
				c.Timeouts.Connect = 600 * time.Millisecond
			}})
			got := h.send(request("POST /", "Content-Length: 2") + "hi")
			if x := h.nextExchange(); got.StatusCode != row.status || x.UpstreamCause != row.cause {
				t.Errorf("%s at %v: status %d, cause %q, %v; want %d, %q", scheme, row.addresses, got.StatusCode, x.UpstreamCause, x.Err, row.status, row.cause)
			}
			if address := got.Header.Get("X-Address"); row.status == 200 && !strings.HasPrefix(address, alive) {
				t.Errorf("%s at %v: answered by %q", scheme, row.addresses, address)
			}
		}
	}
}

// A name is looked up whenever a connection is made, and only then, whatever its TTL is.
func TestGateway_LooksNameUpForEachConnection(t *testing.T) {
	const first, second = "127.0.0.31", "127.0.0.32"
	port := listenAt(t, first, second)
	for _, scheme := range []string{"http", "h2c"} {
		names := newNameServer(t, first)
		h := newHarness(t, options{config: func(c *proxy.Config) {
			c.Tenants[0].Upstream = &url.URL{Scheme: scheme, Host: net.JoinHostPort("app.example", port)}
		}})
		for _, row := range []struct {
			moves string // what the name moves to before the request; "": nothing
			from  string
			asked int32
		}{{"", first, 1}, {"", first, 1}, {second, first, 1}, {second, second, 2}, {"", second, 2}} {
			if row.moves != "" {
				names.answers.Store(&[]string{row.moves})
			}
			if row.from == second && row.moves != "" {
				h.proxy.Close() // the connections that are idle
			}
			got := h.send(request("GET /"))
			if address := got.Header.Get("X-Address"); !strings.HasPrefix(address, row.from) || names.asked.Load() != row.asked {
				t.Errorf("%s: answered by %q after %d lookups; want %s, %d", scheme, address, names.asked.Load(), row.from, row.asked)
			}
		}
	}
}
