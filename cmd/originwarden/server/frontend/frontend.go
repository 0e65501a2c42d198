// Package frontend serves a listener: what the fast lane takes there, and all else by a
// server that a reload replaces.
package frontend

import (
	"context"
	"crypto/tls"
	"log"
	"net"
	"slices"
	"sync"
	"time"

	"originwarden/proxy/fastlane"
)

// Frontend serves a listener: regular requests by its fast lane, if it has one, and all
// others by a Server, which another one can replace. It may be used concurrently after
// Start.
type Frontend struct {
	config   Config
	listener *fastlane.Listener

	mu       sync.Mutex
	settings Settings
	lease    *fastlane.Lease
	ended    chan struct{} // closed when the last server accepts no more
	servers  []Server      // the last one serves new connections
	stopped  bool
}

// Server is what a Frontend needs of an http.Server.
type Server interface {
	Serve(net.Listener) error
	Shutdown(context.Context) error
	Close() error
}

// Settings are what a configuration sets of a server.
type Settings struct {
	HeaderBytes      int
	ReadHeader, Idle time.Duration
}

func (s Settings) ofFastLane(errorLog *log.Logger) fastlane.Settings {
	return fastlane.Settings{ErrorLog: errorLog, HeadBytes: s.HeaderBytes, ReadHead: s.ReadHeader, Idle: s.Idle}
}

// Config configures a Frontend.
type Config struct {
	// TLS of the listener; nil: none. Its NextProtos are set.
	TLS *tls.Config
	// Fast is the handler of the fast lane. If it is nil, there is none.
	Fast fastlane.Handler
	// NewServer returns a server with settings. If http2 is not nil, it serves HTTP/2
	// with that too.
	NewServer func(s Settings, http2 *tls.Config) Server
	// ErrorLog gets what the fast lane reports.
	ErrorLog *log.Logger
	// Settings at the start.
	Settings Settings
	// Failed receives why the server in use has ended, unless it was stopped.
	Failed chan<- error
}

// NextProtos are the protocols that a listener with TLS offers.
func NextProtos() []string { return []string{"h2", "http/1.1"} }

// New returns a Frontend of l that has not been started. When ctx ends, the requests of
// the fast lane are aborted.
func New(ctx context.Context, l net.Listener, c Config) *Frontend {
	if c.TLS != nil {
		c.TLS = c.TLS.Clone()
		c.TLS.NextProtos = NextProtos()
	}
	return &Frontend{config: c, listener: fastlane.NewListener(ctx, l, c.TLS, c.Fast, c.Settings.ofFastLane(c.ErrorLog))}
}

// Addr returns the address of the listener.
func (f *Frontend) Addr() net.Addr { return f.listener.Addr() }

// Start serves connections. It is called once.
func (f *Frontend) Start() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.start(f.config.Settings)
}

// start serves new connections with settings. It is called with mu held.
func (f *Frontend) start(settings Settings) {
	server, lease, ended := f.config.NewServer(settings, f.config.TLS), f.listener.Lease(), make(chan struct{})
	f.listener.SetSettings(settings.ofFastLane(f.config.ErrorLog))
	f.settings, f.lease, f.ended, f.servers = settings, lease, ended, append(f.servers, server)
	go func() {
		defer close(ended)
		err := server.Serve(lease)
		if lease.HasEnded() {
			return
		}
		select {
		case f.config.Failed <- err:
		default: // another failure stops the gateway already
		}
	}()
}

// Replace serves new connections with settings, and returns the server that it has
// replaced, or nil if nothing changes. Connections wait meanwhile.
func (f *Frontend) Replace(settings Settings) (old Server) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped || settings == f.settings {
		return nil
	}
	old = f.servers[len(f.servers)-1]
	f.lease.End()
	<-f.ended
	f.start(settings)
	return old
}

// Retire closes the connections of a server when their requests have ended, or
// when ctx ends.
func (f *Frontend) Retire(ctx context.Context, old Server) {
	old.Shutdown(ctx)
	old.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.servers = slices.DeleteFunc(f.servers, func(s Server) bool { return s == old })
}

// Shutdown accepts no more connections, and reports whether all requests ended
// before the deadline.
func (f *Frontend) Shutdown(ctx context.Context, deadline time.Time) bool {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	ended := true
	for _, server := range slices.Backward(f.stop()) {
		ended = server.Shutdown(ctx) == nil && ended
	}
	return f.listener.Shutdown(ctx) == nil && ended
}

// Close closes all connections.
func (f *Frontend) Close() (err error) {
	for _, server := range f.stop() {
		err = server.Close()
	}
	f.listener.CloseAll()
	return err
}

// stop prevents replacements, and returns all servers, the one in use last.
func (f *Frontend) stop() []Server {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped = true
	return slices.Clone(f.servers)
}
