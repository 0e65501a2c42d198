package demux_test

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"

	"originwarden/proxy/decide"
	"originwarden/proxy/decide/demux"
)

// running is a Server of which Serve was called.
type running struct {
	*demux.Server
	listener net.Listener
	grpc     chan *grpc.Server // each that was made
	ended    chan error        // what Serve has returned
}

// run runs a Server after change, which may be nil.
func run(t *testing.T, change func(*demux.Server)) *running {
	t.Helper()
	l := newPipes()
	r := &running{listener: l, grpc: make(chan *grpc.Server, 2), ended: make(chan error, 1)}
	r.Server = &demux.Server{HTTP: &http.Server{}, IsCall: decide.IsCall, NewGRPC: func() *grpc.Server {
		server := grpc.NewServer()
		r.grpc <- server
		return server
	}}
	if change != nil {
		change(r.Server)
	}
	t.Cleanup(func() { r.Close() })
	go func() { r.ended <- r.Serve(l) }()
	return r
}

// A server that ends by itself ends Serve, which says why, and nothing is accepted for
// nobody.
func TestServer_EndsWithItsServers(t *testing.T) {
	t.Parallel()
	for rule, row := range map[string]struct {
		change func(*demux.Server)
		then   func(*running)
		want   string
	}{
		"HTTP cannot begin": {func(s *demux.Server) { s.HTTP.Close() }, nil, "serving HTTP: http: Server closed"},
		"gRPC cannot begin": {func(s *demux.Server) {
			s.NewGRPC = func() *grpc.Server {
				stopped := grpc.NewServer()
				stopped.Stop()
				return stopped
			}
		}, nil, "serving gRPC: grpc: the server has been stopped"},
		"HTTP ends": {nil, func(r *running) { r.HTTP.Close() }, "serving HTTP: "},
		"gRPC ends": {nil, func(r *running) { (<-r.grpc).Stop() }, "serving gRPC: "},
	} {
		r := run(t, row.change)
		if row.then != nil {
			row.then(r)
		}
		if err := <-r.ended; err == nil || !strings.HasPrefix(err.Error(), row.want) {
			t.Errorf("%s: %v, want %s", rule, err, row.want)
		}
		if _, err := r.listener.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: connections are accepted: %v", rule, err)
		}
		if err := r.Shutdown(soon(t)); err != nil {
			t.Errorf("%s: Shutdown: %v", rule, err)
		}
	}
}

// A server that was replaced may end.
func TestServer_GoesOnWithoutServersThatWereReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, nil)
		old := <-r.grpc
		r.CloseConnections()
		newest := <-r.grpc
		old.Stop()
		synctest.Wait()
		select {
		case err := <-r.ended:
			t.Errorf("when the old one has ended: %v", err)
		default:
		}
		newest.Stop()
		if err := <-r.ended; err == nil || !strings.HasPrefix(err.Error(), "serving gRPC: ") {
			t.Errorf("when the newest has ended: %v", err)
		}
	})
}

// Serve tells an end that was asked for from one of the listener.
func TestServer_TellsHowItHasEnded(t *testing.T) {
	t.Parallel()
	for rule, row := range map[string]struct {
		end  func(*running)
		want error
	}{
		"Shutdown":            {func(r *running) { r.Shutdown(t.Context()) }, http.ErrServerClosed},
		"Close":               {func(r *running) { r.Close() }, http.ErrServerClosed},
		"end of the listener": {func(r *running) { r.listener.Close() }, net.ErrClosed},
	} {
		r := run(t, nil)
		<-r.grpc // it serves
		row.end(r)
		if err := <-r.ended; !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", rule, err, row.want)
		}
	}
}
