package proxy_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"originwarden/lists/liststest"
	"originwarden/origins"
	"originwarden/proxy"
)

// open opens a WebSocket of an origin through the gateway.
func (w *world) open(origin, target string) *websocket.Conn {
	w.t.Helper()
	return w.openAt("acme.example", origin, target)
}

func (w *world) openAt(host, origin, target string) *websocket.Conn {
	w.t.Helper()
	conn, _, err := websocket.Dial(w.t.Context(), w.gateway.URL+target, &websocket.DialOptions{
		Host: host, HTTPHeader: http.Header{"Origin": {origin}}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.CloseNow() })
	return conn
}

// expectEcho sends a message and waits for it to come back.
func expectEcho(t *testing.T, rule string, conn *websocket.Conn) {
	t.Helper()
	if err := conn.Write(t.Context(), websocket.MessageText, []byte("still there")); err != nil {
		t.Errorf("%s: %v", rule, err)
	} else if _, got, err := conn.Read(t.Context()); err != nil || string(got) != "still there" {
		t.Errorf("%s: %q, %v", rule, got, err)
	}
}

// expectDecided waits until the gateway has asked for the lists of open tunnels
// for the last time unless they change: before it passes anything on.
func expectDecided(t *testing.T, all ...*websocket.Conn) {
	t.Helper()
	for _, conn := range all {
		expectEcho(t, "open", conn)
	}
}

// expectClose waits for the gateway's close frame.
func expectClose(t *testing.T, rule string, conn *websocket.Conn, code websocket.StatusCode, reason string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, _, err := conn.Read(ctx)
	var closed websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != code || closed.Reason != reason {
		t.Errorf("%s: %v, want a close frame of %d %s", rule, err, code, reason)
	}
}

// withoutFirst is the change that leaves the web integration "first" empty.
func withoutFirst() origins.Change {
	return origins.Change{Tenant: "acme", Part: origins.Part{ID: "first", Revision: 10}}
}

func TestGateway_ClosesTheTunnelsOfARevokedOrigin(t *testing.T) {
	w := newWorld(t, options{tenant: echo})
	revoked, stays, same := w.open(listed, "/"), w.open(other, "/"), w.open(public, "/")
	byID := w.open(listed, "/?qlik-web-integration-id=first")
	begun := time.Now()
	liststest.Apply(w.lists, withoutFirst())
	expectClose(t, "by the union", revoked, websocket.StatusPolicyViolation, "revoked")
	expectClose(t, "by the web integration", byID, websocket.StatusPolicyViolation, "revoked")
	if took := time.Since(begun); took > time.Second {
		t.Errorf("it took %v", took)
	}
	for range 2 {
		if x := w.observed(); x.TunnelEnd != "revoked" || x.Status != 101 {
			t.Errorf("observed %+v", x)
		}
	}
	expectEcho(t, "another origin", stays)
	expectEcho(t, "a public origin", same)
	if got := w.proxy.Tunnels(); got["acme"] != 2 || len(got) != 1 {
		t.Errorf("open tunnels: %v", got)
	}
}

func TestGateway_ClosesATunnelWhoseIntegrationNoLongerListsIt(t *testing.T) {
	w := newWorld(t, options{tenant: echo})
	byID, byUnion := w.open(listed, "/?qlik-web-integration-id=first"), w.open(listed, "/")
	liststest.Apply(w.lists, origins.Change{Tenant: "acme", Part: origins.Part{ID: "third", Revision: 9, Origins: []string{listed}}})
	liststest.Apply(w.lists, withoutFirst())
	expectClose(t, "by the web integration", byID, websocket.StatusPolicyViolation, "revoked")
	expectEcho(t, "another web integration lists it", byUnion)
}

func TestGateway_ReviewsTunnelsWhoseListWasReadAnew(t *testing.T) {
	revoked := make(chan bool, 1)
	w := newWorld(t, options{tenant: echo, load: func(ctx context.Context, tenant string) (*origins.List, error) {
		select {
		case <-revoked:
			return origins.NewList(20, nil), nil
		default:
			return loadTwo(ctx, tenant)
		}
	}})
	conn := w.open(listed, "/")
	revoked <- true
	liststest.Invalidate(w.lists, "acme")
	expectClose(t, "read anew", conn, websocket.StatusPolicyViolation, "revoked")
}

func TestGateway_LeavesTunnelsAloneThatItDoesNotEnforce(t *testing.T) {
	w := newWorld(t, options{tenant: echo, mode: proxy.Headers})
	conn := w.open(listed, "/")
	liststest.Apply(w.lists, withoutFirst())
	expectEcho(t, "mode headers", conn)
}

func TestGateway_ClosesTunnelsOnStop(t *testing.T) {
	w := newWorld(t, options{tenant: echo})
	conn := w.open(listed, "/")
	stopped := make(chan bool)
	go func() {
		w.proxy.CloseTunnels(t.Context())
		close(stopped)
	}()
	expectClose(t, "open at the stop", conn, websocket.StatusGoingAway, "shutdown")
	<-stopped
	if x := w.observed(); x.TunnelEnd != "shutdown" {
		t.Errorf("observed %+v", x)
	}
	expectClose(t, "opened after the stop", w.open(listed, "/"), websocket.StatusGoingAway, "shutdown")
}

func TestGateway_LimitsTunnels(t *testing.T) {
	rows := []struct {
		rule     string
		timeouts proxy.Timeouts
		reason   string
	}{
		{"idle", proxy.Timeouts{WebSocketIdle: 50 * time.Millisecond}, "idle"},
		{"lifetime", proxy.Timeouts{WebSocketLifetime: 50 * time.Millisecond}, "lifetime"},
	}
	for _, row := range rows {
		w := newWorld(t, options{tenant: echo, config: func(c *proxy.Config) { c.Timeouts = row.timeouts }})
		expectClose(t, row.rule, w.open(listed, "/"), websocket.StatusGoingAway, row.reason)
		if x := w.observed(); x.TunnelEnd != row.reason {
			t.Errorf("%s: observed %+v", row.rule, x)
		}
	}
}

// A close frame stands between frames only. Within one the tunnel is closed
// without it.
func TestGateway_PutsNoCloseFrameIntoAFrame(t *testing.T) {
	long := strings.Repeat("x", 200)
	rows := []struct {
		rule, sent, want string
	}{
		{"nothing was sent", "", "\x88\x09\x03\xf0revoked"},
		{"after a whole frame", "\x81\x02hi", "\x81\x02hi\x88\x09\x03\xf0revoked"},
		{"after a fragment", "\x01\x02hi", "\x01\x02hi\x88\x09\x03\xf0revoked"},
		{"after a frame of 16-bit length", "\x82\x7e\x00\xc8" + long, "\x82\x7e\x00\xc8" + long + "\x88\x09\x03\xf0revoked"},
		{"after a frame of 64-bit length", "\x82\x7f\x00\x00\x00\x00\x00\x00\x00\xc8" + long, "\x82\x7f\x00\x00\x00\x00\x00\x00\x00\xc8" + long + "\x88\x09\x03\xf0revoked"},
		{"after a masked frame", "\x82\x81\x00\x00\x00\x00a", "\x82\x81\x00\x00\x00\x00a\x88\x09\x03\xf0revoked"},
		{"within a header", "\x82", "\x82"},
		{"within a length", "\x82\x7e\x00", "\x82\x7e\x00"},
		{"within a payload", "\x82\x03ab", "\x82\x03ab"},
		{"after a close frame", "\x88\x00", "\x88\x00"},
		{"after a length that no frame has", "\x82\x7f\xff\x00\x00\x00\x00\x00\x00\x00", "\x82\x7f\xff\x00\x00\x00\x00\x00\x00\x00"},
	}
	for _, row := range rows {
		w := newWorld(t, options{tenant: func(rw http.ResponseWriter, _ *http.Request) {
			conn, buffered, err := http.NewResponseController(rw).Hijack()
			if err != nil {
				panic(err)
			}
			defer conn.Close()
			io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"+row.sent)
			io.Copy(io.Discard, buffered)
		}})
		conn := w.dial()
		io.WriteString(conn, handshake("/", "Origin: "+listed))
		reader := bufio.NewReader(conn)
		if res, err := http.ReadResponse(reader, nil); err != nil || res.StatusCode != 101 {
			t.Fatalf("%v, %v", res, err)
		}
		got := make([]byte, len(row.sent))
		if _, err := io.ReadFull(reader, got); err != nil {
			t.Fatal(err)
		}
		liststest.Apply(w.lists, withoutFirst())
		rest, err := io.ReadAll(reader)
		if got := string(got) + string(rest); got != row.want || err != nil {
			t.Errorf("%s: %q, %v, want %q", row.rule, got, err, row.want)
		}
	}
}

func TestGateway_TellsTheTenantTooThatATunnelIsClosed(t *testing.T) {
	told := make(chan error, 1)
	w := newWorld(t, options{tenant: func(rw http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(rw, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			panic(err)
		}
		_, _, err = conn.Read(context.WithoutCancel(r.Context()))
		told <- err
	}})
	w.open(listed, "/")
	liststest.Apply(w.lists, withoutFirst())
	if err := <-told; websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("the tenant got %v", err)
	}
}

// A client that reads nothing cannot keep its tunnel.
func TestGateway_ClosesTheTunnelOfASlowReader(t *testing.T) {
	w := newWorld(t, options{tenant: func(rw http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		for frame := "\x82\x7e\x40\x00" + strings.Repeat("x", 0x4000); err == nil; {
			_, err = io.WriteString(conn, frame)
		}
	}})
	conn := w.dial()
	io.WriteString(conn, handshake("/", "Origin: "+listed))
	if res, err := http.ReadResponse(bufio.NewReaderSize(conn, 16), nil); err != nil || res.StatusCode != 101 {
		t.Fatalf("%v, %v", res, err)
	}
	liststest.Apply(w.lists, withoutFirst())
	if x := w.observed(); x.TunnelEnd != "revoked" {
		t.Errorf("observed %+v", x)
	}
}

// Another tenant's list may have put this one out of the cache.
func TestGateway_ReviewsTunnelsWhoseListIsNotCached(t *testing.T) {
	var revoked atomic.Bool
	w := newWorld(t, options{tenant: echo, load: func(ctx context.Context, tenant string) (*origins.List, error) {
		if revoked.Load() {
			return origins.NewList(20, nil), nil
		}
		return loadTwo(ctx, tenant)
	}})
	conn := w.open(listed, "/")
	expectDecided(t, conn)
	for i := range 10 {
		w.lists.List(t.Context(), fmt.Sprint("tenant-", i))
	}
	revoked.Store(true)
	liststest.Apply(w.lists, withoutFirst())
	expectClose(t, "evicted", conn, websocket.StatusPolicyViolation, "revoked")
}

// What is revoked between the decision and the tunnel finds no tunnel to close.
func TestGateway_ClosesATunnelThatWasRevokedDuringItsHandshake(t *testing.T) {
	for rule, stays := range map[string]bool{"the list is there": true, "the list can no longer be had": false} {
		var gone atomic.Bool
		var w *world
		w = newWorld(t, options{load: func(ctx context.Context, tenant string) (*origins.List, error) {
			if gone.Load() {
				return nil, errors.New("the store is down")
			}
			return loadTwo(ctx, tenant)
		}, tenant: func(rw http.ResponseWriter, r *http.Request) {
			liststest.Apply(w.lists, withoutFirst())
			if !stays {
				for i := range 10 {
					w.lists.List(r.Context(), fmt.Sprint("tenant-", i))
				}
				gone.Store(true)
			}
			echo(rw, r)
		}})
		conn := w.open(listed, "/")
		expectClose(t, rule, conn, websocket.StatusPolicyViolation, "revoked")
	}
}

// An outage of the store during a handshake is no revocation either.
func TestGateway_KeepsATunnelWhoseListIsPutOutDuringItsHandshake(t *testing.T) {
	var down atomic.Bool
	asked := make(chan bool, 100)
	var w *world
	w = newWorld(t, options{load: func(ctx context.Context, tenant string) (*origins.List, error) {
		if down.Load() {
			asked <- true
			return nil, errors.New("the store is down")
		}
		return loadTwo(ctx, tenant)
	}, tenant: func(rw http.ResponseWriter, r *http.Request) {
		for i := range 10 {
			w.lists.List(r.Context(), fmt.Sprint("tenant-", i))
		}
		down.Store(true)
		echo(rw, r)
	}})
	conn := w.open(listed, "/")
	expectEcho(t, "nobody says that it has changed", conn)
	<-asked
	liststest.Apply(w.lists, withoutFirst())
	expectClose(t, "it has changed", conn, websocket.StatusPolicyViolation, "revoked")
}

// A store that does not answer for one tenant holds up no other.
func TestGateway_ReviewsTenantsBesideEachOther(t *testing.T) {
	asked, release := make(chan bool, 100), make(chan bool)
	defer close(release)
	var slow atomic.Bool
	w := newWorld(t, options{tenant: echo, load: func(ctx context.Context, tenant string) (*origins.List, error) {
		if tenant == "empty" && slow.Load() {
			asked <- true
			<-release
		}
		return loadTwo(ctx, tenant)
	}})
	conn, other := w.open(listed, "/"), w.openAt("empty.example", public, "/")
	expectDecided(t, conn, other)
	for i := range 9 {
		w.lists.List(t.Context(), fmt.Sprint("tenant-", i))
		w.lists.List(t.Context(), "acme")
	}
	slow.Store(true)
	liststest.Apply(w.lists, origins.Change{Tenant: "empty", Part: origins.Part{ID: "first", Revision: 10}})
	<-asked
	liststest.Apply(w.lists, withoutFirst())
	expectClose(t, "beside a tenant whose list does not come", conn, websocket.StatusPolicyViolation, "revoked")
}

func TestGateway_ClosesTunnelsWhoseListCanNoLongerBeHad(t *testing.T) {
	var gone atomic.Bool
	w := newWorld(t, options{tenant: echo, load: func(ctx context.Context, tenant string) (*origins.List, error) {
		if gone.Load() {
			return nil, errors.New("the store is down")
		}
		return loadTwo(ctx, tenant)
	}})
	conn, same := w.open(listed, "/"), w.open(public, "/")
	expectDecided(t, conn, same)
	for i := range 10 {
		w.lists.List(t.Context(), fmt.Sprint("tenant-", i))
	}
	gone.Store(true)
	liststest.Apply(w.lists, withoutFirst())
	expectClose(t, "not to be had", conn, websocket.StatusPolicyViolation, "revoked")
	expectEcho(t, "a public origin needs no list", same)
}

func TestGateway_KeepsTunnelsThroughWhichSomethingPasses(t *testing.T) {
	const idle = 500 * time.Millisecond
	w := newWorld(t, options{tenant: echo, config: func(c *proxy.Config) { c.Timeouts.WebSocketIdle = idle }})
	conn := w.open(listed, "/")
	for begun := time.Now(); time.Since(begun) < 2*idle; {
		expectEcho(t, "in use", conn)
		if t.Failed() {
			return
		}
	}
	expectClose(t, "idle at last", conn, websocket.StatusGoingAway, "idle")
}

// What a tenant says when its tunnel is closed already is for nobody.
func TestGateway_LetsNothingFollowItsCloseFrame(t *testing.T) {
	w := newWorld(t, options{tenant: func(rw http.ResponseWriter, _ *http.Request) {
		conn, buffered, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		buffered.ReadByte() // of the close frame
		io.WriteString(conn, "\x81\x02hi")
		io.Copy(io.Discard, buffered)
	}})
	conn := w.dial()
	io.WriteString(conn, handshake("/", "Origin: "+listed))
	reader := bufio.NewReader(conn)
	if res, err := http.ReadResponse(reader, nil); err != nil || res.StatusCode != 101 {
		t.Fatalf("%v, %v", res, err)
	}
	liststest.Apply(w.lists, withoutFirst())
	if rest, err := io.ReadAll(reader); string(rest) != "\x88\x09\x03\xf0revoked" || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
}
