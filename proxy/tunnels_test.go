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

// openWebSocket opens a WebSocket of an origin through the gateway.
func (h *harness) openWebSocket(origin, target string) *websocket.Conn {
	h.t.Helper()
	return h.openWebSocketAt("acme.example", origin, target)
}

func (h *harness) openWebSocketAt(host, origin, target string) *websocket.Conn {
	h.t.Helper()
	conn, _, err := websocket.Dial(h.t.Context(), h.gateway.URL+target, &websocket.DialOptions{
		Host: host, HTTPHeader: http.Header{"Origin": {origin}}})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.CloseNow() })
	return conn
}

// expectEcho sends a message and waits for it to come back.
func expectEcho(t *testing.T, rule string, conn *websocket.Conn) {
	t.Helper()
	if err := conn.Write(t.Context(), websocket.MessageText, []byte("still there")); err != nil {
		t.Errorf("%s: %v", rule, err)
	} else if _, got, err := conn.Read(t.Context()); err != nil || string(got) != "still there" {
		t.Errorf("%s: got echo %q, error %v", rule, got, err)
	}
}

// waitUntilRelaying waits until the gateway relays messages. Before that it decides on
// each tunnel once more, and does not use its list again unless the list changes.
func waitUntilRelaying(t *testing.T, all ...*websocket.Conn) {
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
		t.Errorf("%s: got %v, want close frame %d %s", rule, err, code, reason)
	}
}

// emptyFirst returns a change that removes all origins of the web integration "first".
func emptyFirst() origins.Change {
	return origins.Change{Tenant: "acme", Part: origins.Part{ID: "first", Revision: 10}}
}

func TestGateway_ClosesTunnelsOfRevokedOrigin(t *testing.T) {
	h := newHarness(t, options{tenant: echo})
	revoked, stays, same := h.openWebSocket(listed, "/"), h.openWebSocket(other, "/"), h.openWebSocket(public, "/")
	byID := h.openWebSocket(listed, "/?qlik-web-integration-id=first")
	start := time.Now()
	liststest.Apply(h.lists, emptyFirst())
	expectClose(t, "without web integration", revoked, websocket.StatusPolicyViolation, "revoked")
	expectClose(t, "with web integration", byID, websocket.StatusPolicyViolation, "revoked")
	if took := time.Since(start); took > time.Second {
		t.Errorf("closed after %v, want at most 1s", took)
	}
	for range 2 {
		if x := h.nextExchange(); x.TunnelEnd != "revoked" || x.Status != 101 {
			t.Errorf("exchange %+v, want it ended as revoked", x)
		}
	}
	expectEcho(t, "other origin", stays)
	expectEcho(t, "public origin", same)
	if got := h.proxy.Tunnels().Counts(); got["acme"] != 2 || len(got) != 1 {
		t.Errorf("open tunnels %v, want 2 of acme", got)
	}
}

func TestGateway_ClosesTunnelOfWebIntegrationThatNoLongerListsOrigin(t *testing.T) {
	h := newHarness(t, options{tenant: echo})
	byID, byUnion := h.openWebSocket(listed, "/?qlik-web-integration-id=first"), h.openWebSocket(listed, "/")
	liststest.Apply(h.lists, origins.Change{Tenant: "acme", Part: origins.Part{ID: "third", Revision: 9, Origins: []string{listed}}})
	liststest.Apply(h.lists, emptyFirst())
	expectClose(t, "with web integration", byID, websocket.StatusPolicyViolation, "revoked")
	expectEcho(t, "listed by other web integration", byUnion)
}

func TestGateway_ReviewsTunnelsAfterListReload(t *testing.T) {
	revoked := make(chan bool, 1)
	h := newHarness(t, options{tenant: echo, load: func(ctx context.Context, tenant string) (*origins.List, error) {
		select {
		case <-revoked:
			return origins.NewList(20, nil), nil
		default:
			return loadTwo(ctx, tenant)
		}
	}})
	conn := h.openWebSocket(listed, "/")
	revoked <- true
	liststest.Invalidate(h.lists, "acme")
	expectClose(t, "reloaded", conn, websocket.StatusPolicyViolation, "revoked")
}

func TestGateway_InModeHeadersKeepsTunnelsOfRevokedOrigin(t *testing.T) {
	h := newHarness(t, options{tenant: echo, mode: proxy.Headers})
	conn := h.openWebSocket(listed, "/")
	liststest.Apply(h.lists, emptyFirst())
	expectEcho(t, "mode headers", conn)
}

func TestGateway_ClosesTunnelsOnStop(t *testing.T) {
	h := newHarness(t, options{tenant: echo})
	conn := h.openWebSocket(listed, "/")
	stopped := make(chan bool)
	go func() {
		h.proxy.Tunnels().Close(t.Context())
		close(stopped)
	}()
	expectClose(t, "opened before the stop", conn, websocket.StatusGoingAway, "shutdown")
	<-stopped
	if x := h.nextExchange(); x.TunnelEnd != "shutdown" {
		t.Errorf("exchange %+v, want it ended by shutdown", x)
	}
	expectClose(t, "opened after the stop", h.openWebSocket(listed, "/"), websocket.StatusGoingAway, "shutdown")
}

func TestGateway_ClosesIdleAndOldTunnels(t *testing.T) {
	rows := []struct {
		rule     string
		timeouts proxy.Timeouts
		reason   string
	}{
		{"idle", proxy.Timeouts{WebSocketIdle: 50 * time.Millisecond}, "idle"},
		{"lifetime", proxy.Timeouts{WebSocketLifetime: 50 * time.Millisecond}, "lifetime"},
	}
	for _, row := range rows {
		h := newHarness(t, options{tenant: echo, config: func(c *proxy.Config) { c.Timeouts = row.timeouts }})
		expectClose(t, row.rule, h.openWebSocket(listed, "/"), websocket.StatusGoingAway, row.reason)
		if x := h.nextExchange(); x.TunnelEnd != row.reason {
			t.Errorf("%s: exchange %+v, want it ended by the limit", row.rule, x)
		}
	}
}

// The gateway sends its close frame only between frames. Within a frame it closes the
// tunnel without one.
func TestGateway_SendsNoCloseFrameWithinFrame(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200)
	rows := []struct {
		rule, sent, want string
	}{
		{"no frame", "", "\x88\x09\x03\xf0revoked"},
		{"after complete frame", "\x81\x02hi", "\x81\x02hi\x88\x09\x03\xf0revoked"},
		{"after fragment", "\x01\x02hi", "\x01\x02hi\x88\x09\x03\xf0revoked"},
		{"after frame with 16-bit length", "\x82\x7e\x00\xc8" + long, "\x82\x7e\x00\xc8" + long + "\x88\x09\x03\xf0revoked"},
		{"after frame with 64-bit length", "\x82\x7f\x00\x00\x00\x00\x00\x00\x00\xc8" + long, "\x82\x7f\x00\x00\x00\x00\x00\x00\x00\xc8" + long + "\x88\x09\x03\xf0revoked"},
		{"after masked frame", "\x82\x81\x00\x00\x00\x00a", "\x82\x81\x00\x00\x00\x00a\x88\x09\x03\xf0revoked"},
		{"within header", "\x82", "\x82"},
		{"within length", "\x82\x7e\x00", "\x82\x7e\x00"},
		{"within payload", "\x82\x03ab", "\x82\x03ab"},
		{"after close frame", "\x88\x00", "\x88\x00"},
		{"after invalid length", "\x82\x7f\xff\x00\x00\x00\x00\x00\x00\x00", "\x82\x7f\xff\x00\x00\x00\x00\x00\x00\x00"},
	}
	for _, row := range rows {
		h := newHarness(t, options{tenant: func(rw http.ResponseWriter, _ *http.Request) {
			conn, buffered, err := http.NewResponseController(rw).Hijack()
			if err != nil {
				panic(err)
			}
			defer conn.Close()
			io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"+row.sent)
			io.Copy(io.Discard, buffered)
		}})
		conn := h.dial()
		io.WriteString(conn, handshake("/", "Origin: "+listed))
		reader := bufio.NewReader(conn)
		if res, err := http.ReadResponse(reader, nil); err != nil || res.StatusCode != 101 {
			t.Fatalf("handshake: response %v, error %v; want 101", res, err)
		}
		got := make([]byte, len(row.sent))
		if _, err := io.ReadFull(reader, got); err != nil {
			t.Fatal(err)
		}
		liststest.Apply(h.lists, emptyFirst())
		rest, err := io.ReadAll(reader)
		if got := string(got) + string(rest); got != row.want || err != nil {
			t.Errorf("%s: got %q, error %v; want %q", row.rule, got, err, row.want)
		}
	}
}

func TestGateway_SendsCloseFrameToTenant(t *testing.T) {
	closed := make(chan error, 1)
	h := newHarness(t, options{tenant: func(rw http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(rw, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			panic(err)
		}
		_, _, err = conn.Read(context.WithoutCancel(r.Context()))
		closed <- err
	}})
	h.openWebSocket(listed, "/")
	liststest.Apply(h.lists, emptyFirst())
	if err := <-closed; websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("tenant got %v, want a close frame of policy violation", err)
	}
}

// A client that does not read cannot keep its tunnel open.
func TestGateway_ClosesTunnelOfClientThatDoesNotRead(t *testing.T) {
	h := newHarness(t, options{tenant: func(rw http.ResponseWriter, _ *http.Request) {
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
	conn := h.dial()
	io.WriteString(conn, handshake("/", "Origin: "+listed))
	if res, err := http.ReadResponse(bufio.NewReaderSize(conn, 16), nil); err != nil || res.StatusCode != 101 {
		t.Fatalf("handshake: response %v, error %v; want 101", res, err)
	}
	liststest.Apply(h.lists, emptyFirst())
	if x := h.nextExchange(); x.TunnelEnd != "revoked" {
		t.Errorf("exchange %+v, want it ended as revoked", x)
	}
}

// The cache may have evicted the list for that of another tenant.
func TestGateway_ReviewsTunnelsAfterEviction(t *testing.T) {
	var revoked atomic.Bool
	h := newHarness(t, options{tenant: echo, load: func(ctx context.Context, tenant string) (*origins.List, error) {
		if revoked.Load() {
			return origins.NewList(20, nil), nil
		}
		return loadTwo(ctx, tenant)
	}})
	conn := h.openWebSocket(listed, "/")
	waitUntilRelaying(t, conn)
	for i := range 10 {
		h.lists.List(t.Context(), fmt.Sprint("tenant-", i))
	}
	revoked.Store(true)
	liststest.Apply(h.lists, emptyFirst())
	expectClose(t, "evicted", conn, websocket.StatusPolicyViolation, "revoked")
}

// A change between the decision and the start of the tunnel finds no tunnel to close,
// so the gateway decides once more when the tunnel is open.
func TestGateway_ClosesTunnelRevokedDuringHandshake(t *testing.T) {
	for rule, cached := range map[string]bool{"list cached": true, "list unavailable": false} {
		var down atomic.Bool
		var h *harness
		h = newHarness(t, options{load: func(ctx context.Context, tenant string) (*origins.List, error) {
			if down.Load() {
				return nil, errors.New("the store is down")
			}
			return loadTwo(ctx, tenant)
		}, tenant: func(rw http.ResponseWriter, r *http.Request) {
			liststest.Apply(h.lists, emptyFirst())
			if !cached {
				for i := range 10 {
					h.lists.List(r.Context(), fmt.Sprint("tenant-", i))
				}
				down.Store(true)
			}
			echo(rw, r)
		}})
		conn := h.openWebSocket(listed, "/")
		expectClose(t, rule, conn, websocket.StatusPolicyViolation, "revoked")
	}
}

// A list that becomes unavailable during the handshake does not close the tunnel
// unless it has changed.
func TestGateway_KeepsTunnelWhoseListIsEvictedDuringHandshake(t *testing.T) {
	var down atomic.Bool
	loads := make(chan bool, 100)
	var h *harness
	h = newHarness(t, options{load: func(ctx context.Context, tenant string) (*origins.List, error) {
		if down.Load() {
			loads <- true
			return nil, errors.New("the store is down")
		}
		return loadTwo(ctx, tenant)
	}, tenant: func(rw http.ResponseWriter, r *http.Request) {
		for i := range 10 {
			h.lists.List(r.Context(), fmt.Sprint("tenant-", i))
		}
		down.Store(true)
		echo(rw, r)
	}})
	conn := h.openWebSocket(listed, "/")
	expectEcho(t, "no notification", conn)
	<-loads
	liststest.Apply(h.lists, emptyFirst())
	expectClose(t, "list changed", conn, websocket.StatusPolicyViolation, "revoked")
}

// A list that the store does not return must not delay the reviews of other tenants.
func TestGateway_ReviewsTenantsConcurrently(t *testing.T) {
	loads, release := make(chan bool, 100), make(chan bool)
	defer close(release)
	var slow atomic.Bool
	h := newHarness(t, options{tenant: echo, load: func(ctx context.Context, tenant string) (*origins.List, error) {
		if tenant == "empty" && slow.Load() {
			loads <- true
			<-release
		}
		return loadTwo(ctx, tenant)
	}})
	conn, other := h.openWebSocket(listed, "/"), h.openWebSocketAt("empty.example", public, "/")
	waitUntilRelaying(t, conn, other)
	for i := range 9 {
		h.lists.List(t.Context(), fmt.Sprint("tenant-", i))
		h.lists.List(t.Context(), "acme")
	}
	slow.Store(true)
	liststest.Apply(h.lists, origins.Change{Tenant: "empty", Part: origins.Part{ID: "first", Revision: 10}})
	<-loads
	liststest.Apply(h.lists, emptyFirst())
	expectClose(t, "while the list of another tenant loads", conn, websocket.StatusPolicyViolation, "revoked")
}

func TestGateway_ClosesTunnelsIfChangedListIsUnavailable(t *testing.T) {
	var down atomic.Bool
	h := newHarness(t, options{tenant: echo, load: func(ctx context.Context, tenant string) (*origins.List, error) {
		if down.Load() {
			return nil, errors.New("the store is down")
		}
		return loadTwo(ctx, tenant)
	}})
	conn, same := h.openWebSocket(listed, "/"), h.openWebSocket(public, "/")
	waitUntilRelaying(t, conn, same)
	for i := range 10 {
		h.lists.List(t.Context(), fmt.Sprint("tenant-", i))
	}
	down.Store(true)
	liststest.Apply(h.lists, emptyFirst())
	expectClose(t, "list unavailable", conn, websocket.StatusPolicyViolation, "revoked")
	expectEcho(t, "public origin, which needs no list", same)
}

func TestGateway_KeepsTunnelsInUse(t *testing.T) {
	const idle = 500 * time.Millisecond
	h := newHarness(t, options{tenant: echo, config: func(c *proxy.Config) { c.Timeouts.WebSocketIdle = idle }})
	conn := h.openWebSocket(listed, "/")
	for start := time.Now(); time.Since(start) < 2*idle; {
		expectEcho(t, "in use", conn)
		if t.Failed() {
			return
		}
	}
	expectClose(t, "idle", conn, websocket.StatusGoingAway, "idle")
}

// Nothing that the tenant sends after the gateway's close frame reaches the client.
func TestGateway_RelaysNothingAfterItsCloseFrame(t *testing.T) {
	h := newHarness(t, options{tenant: func(rw http.ResponseWriter, _ *http.Request) {
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
	conn := h.dial()
	io.WriteString(conn, handshake("/", "Origin: "+listed))
	reader := bufio.NewReader(conn)
	if res, err := http.ReadResponse(reader, nil); err != nil || res.StatusCode != 101 {
		t.Fatalf("handshake: response %v, error %v; want 101", res, err)
	}
	liststest.Apply(h.lists, emptyFirst())
	if rest, err := io.ReadAll(reader); string(rest) != "\x88\x09\x03\xf0revoked" || err != nil {
		t.Errorf("got %q, error %v; want only the close frame", rest, err)
	}
}
