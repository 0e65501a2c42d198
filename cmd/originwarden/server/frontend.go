package server

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/logs"
)

// frontend serves a listener with an http.Server, which another one can replace.
type frontend struct {
	listener net.Listener
	// socket is the listener under listener: its deadline interrupts Accept.
	socket    net.Listener
	tls       *tls.Config // nil: HTTP/1.1 without TLS
	newServer func(httpSettings) *http.Server
	failed    chan<- error // receives the error of the server in use, when it ends

	mu       sync.Mutex
	settings httpSettings
	lease    *lease
	servers  []*http.Server // the last one serves new connections
	stopped  bool
}

// httpSettings are what a configuration sets of an http.Server.
type httpSettings struct {
	headerBytes                int
	readHeader, idle, progress time.Duration
}

func httpSettingsOf(cfg *config.Config) httpSettings {
	return httpSettings{
		headerBytes: int(cfg.Limits.HeaderBytes),
		readHeader:  time.Duration(cfg.Timeouts.ReadHeader),
		idle:        time.Duration(cfg.Timeouts.Idle),
		progress:    time.Duration(cfg.Timeouts.BodyProgress),
	}
}

// newHTTPServer returns an HTTP/1.1 server. It sets no time limit for a response,
// which may be a stream. Requests have the context base.
func (s *Server) newHTTPServer(base context.Context, handler http.Handler, settings httpSettings) *http.Server {
	const slop = 4 << 10 // that net/http reads beyond MaxHeaderBytes
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:                      handler,
		Protocols:                    protocols,
		ReadHeaderTimeout:            settings.readHeader,
		IdleTimeout:                  settings.idle,
		MaxHeaderBytes:               settings.headerBytes - slop,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     logs.NewStdLogger(s.log, "serving"),
		BaseContext:                  func(net.Listener) context.Context { return base },
	}
}

// lease is a listener that is used by one http.Server, and can be used by another
// one when it has ended.
type lease struct {
	net.Listener
	ended atomic.Bool
	done  chan struct{} // closed when the server accepts no more
}

// Accept implements net.Listener.
func (l *lease) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil && l.ended.Load() {
		return nil, net.ErrClosed
	}
	return conn, err
}

// Close implements net.Listener.
func (l *lease) Close() error {
	if l.ended.Load() {
		return nil
	}
	return l.Listener.Close()
}

// start serves new connections with settings. It is called with mu held, or before
// concurrent use.
func (f *frontend) start(settings httpSettings) {
	server, l := f.newServer(settings), &lease{Listener: f.listener, done: make(chan struct{})}
	if f.tls != nil {
		server.TLSConfig = f.tls.Clone()
		server.Protocols.SetHTTP2(true)
		server.HTTP2 = &http.HTTP2Config{
			MaxReadFrameSize: 16 << 10, // the minimum: net/http buffers a whole frame
			WriteByteTimeout: settings.progress,
		}
	}
	f.settings, f.lease, f.servers = settings, l, append(f.servers, server)
	go func() {
		defer close(l.done)
		serve := server.Serve
		if f.tls != nil {
			serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
		}
		err := serve(l)
		if l.ended.Load() {
			return
		}
		select {
		case f.failed <- err:
		default: // another failure stops the gateway already
		}
	}()
}

// replaceServer serves new connections with settings, and returns the server that it
// has replaced, or nil if nothing changes. Connections wait meanwhile.
func (f *frontend) replaceServer(settings httpSettings) (old *http.Server) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tls == nil {
		settings.progress = f.settings.progress // only HTTP/2 uses it
	}
	socket, ok := f.socket.(interface{ SetDeadline(time.Time) error }) // as those of package net
	if !ok || f.stopped || settings == f.settings {
		return nil
	}
	old = f.servers[len(f.servers)-1]
	f.lease.ended.Store(true)
	socket.SetDeadline(time.Now()) // ends Accept
	<-f.lease.done
	socket.SetDeadline(time.Time{})
	f.start(settings)
	return old
}

// retire closes the connections of a server when their requests have ended, or
// when ctx ends.
func (f *frontend) retire(ctx context.Context, old *http.Server) {
	old.Shutdown(ctx)
	old.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.servers = slices.DeleteFunc(f.servers, func(s *http.Server) bool { return s == old })
}

// shutdown accepts no more connections, and reports whether all requests ended
// before the deadline.
func (f *frontend) shutdown(ctx context.Context, deadline time.Time) bool {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	ended := true
	for _, server := range slices.Backward(f.stop()) {
		ended = server.Shutdown(ctx) == nil && ended
	}
	return ended
}

// close closes all connections.
func (f *frontend) close() (err error) {
	for _, server := range f.stop() {
		err = server.Close()
	}
	return err
}

// stop prevents replacements, and returns all servers, the one in use last.
func (f *frontend) stop() []*http.Server {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped = true
	return slices.Clone(f.servers)
}
