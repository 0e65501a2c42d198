package demux_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"originwarden/proxy/decide/demux"
)

// slow has calls wait until they are released.
type slow struct{ begun, released chan struct{} }

func newSlow() *slow { return &slow{make(chan struct{}, 10), make(chan struct{})} }

func (s *slow) option() grpc.ServerOption {
	return grpc.UnaryInterceptor(func(ctx context.Context, r any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		s.begun <- struct{}{}
		select {
		case <-s.released:
			return handler(ctx, r)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
}

// connect returns a client of gRPC.
func (d *deployment) connect() healthv1.HealthClient {
	d.t.Helper()
	as := insecure.NewCredentials()
	if d.tls != nil {
		as = credentials.NewTLS(d.tls)
	}
	conn, err := grpc.NewClient(d.address, grpc.WithTransportCredentials(as))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { conn.Close() })
	return healthv1.NewHealthClient(conn)
}

// call calls as long as ctx, and returns the outcome.
func call(ctx context.Context, client healthv1.HealthClient) <-chan codes.Code {
	done := make(chan codes.Code, 1)
	go func() {
		_, err := client.Check(ctx, &healthv1.HealthCheckRequest{})
		done <- status.Code(err)
	}()
	return done
}

func TestServer_ServesClientsOfGRPC(t *testing.T) {
	t.Parallel()
	forEachListener(t, func(t *testing.T, o options) {
		client := start(t, o).connect()
		for range 3 {
			if code := <-call(soon(t), client); code != codes.OK {
				t.Error(code)
			}
		}
	})
}

func TestServer_EndsCallsBeforeItStops(t *testing.T) {
	t.Parallel()
	slow := newSlow()
	d := start(t, options{tls: tls.VersionTLS13, calls: []grpc.ServerOption{slow.option()}})
	client, other := d.connect(), d.connect()
	done := call(soon(t), client)
	<-slow.begun
	idle := d.greet() // sends no request
	idle.awaitSettings()
	stopped := make(chan error, 1)
	go func() { stopped <- d.Shutdown(soon(t)) }()
	if got := idle.receive(); got != "GOAWAY NO_ERROR closed" {
		t.Errorf("without a request: %s", got)
	}
	if code := <-call(soon(t), other); code != codes.Unavailable {
		t.Errorf("new connection: %v", code)
	}
	select {
	case err := <-stopped:
		t.Errorf("stopped while a call runs: %v", err)
	default:
	}
	close(slow.released)
	if code := <-done; code != codes.OK {
		t.Errorf("the call: %v", code)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestServer_CutsCallsThatDoNotEnd(t *testing.T) {
	t.Parallel()
	slow := newSlow()
	d := start(t, options{calls: []grpc.ServerOption{slow.option()}})
	done := call(soon(t), d.connect())
	<-slow.begun
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := d.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	d.Close()
	if code := <-done; code != codes.Unavailable {
		t.Errorf("the call: %v", code)
	}
}

// Clients are sent away, and served if they come again.
func TestServer_ClosesConnectionsAfterTheirCalls(t *testing.T) {
	t.Parallel()
	slow := newSlow()
	d := start(t, options{calls: []grpc.ServerOption{slow.option()}})
	c := d.greet()
	c.send(askHealth)
	<-slow.begun
	d.CloseConnections()
	close(slow.released)
	for frame, err := c.ReadFrame(); ; frame, err = c.ReadFrame() {
		if err != nil {
			t.Fatalf("no GOAWAY: %v", err)
		}
		if ping, ok := frame.(*http2.PingFrame); ok && !ping.IsAck() {
			c.WritePing(true, ping.Data)
		}
		if head, ok := frame.(*http2.MetaHeadersFrame); ok && head.StreamEnded() && describe(head) != ", status 0" {
			t.Errorf("the call: %s", describe(head))
		}
		if away, ok := frame.(*http2.GoAwayFrame); ok && away.LastStreamID == 1 {
			break
		}
	}
	if _, err := io.Copy(io.Discard, c.Conn); err != nil {
		t.Errorf("the connection: %v", err)
	}
	if code := <-call(soon(t), d.connect()); code != codes.OK {
		t.Errorf("new connection: %v", code)
	}
}

// A client that reads nothing loses its connection.
func TestServer_CutsClientsThatDoNotRead(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{0, tls.VersionTLS13} {
		ended := make(chan error, 1)
		endless := grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) (err error) {
			for err == nil {
				err = stream.SendMsg(&healthv1.HealthListResponse{Statuses: map[string]*healthv1.HealthCheckResponse{string(make([]byte, 1<<20)): nil}})
			}
			ended <- err
			return err
		})
		d := start(t, options{tls: version, calls: []grpc.ServerOption{endless}, change: func(s *demux.Server) { s.WriteLimit = 100 * time.Millisecond }})
		c := d.greet()
		c.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1})
		c.WriteWindowUpdate(0, 1<<30)
		c.send(with(askHealth, ":path", "/a/b"))
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Error("the call goes on")
		}
		if err := d.Shutdown(soon(t)); err != nil {
			t.Errorf("the connection stays: %v", err)
		}
	}
}
