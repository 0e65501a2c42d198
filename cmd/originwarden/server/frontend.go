package server

import (
	"context"
	"crypto/tls"
	"log"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/logs"
	"originwarden/proxy/fastlane"
)

// frontend serves a listener: regular requests by its fast lane, if it has one, and
// all others by an http.Server, which another one can replace.
type frontend struct {
	listener  *fastlane.Listener
	http2     *tls.Config // nil: HTTP/1.1 without TLS
	newServer func(httpSettings) *http.Server
	failed    chan<- error // of the server in use, when it ends

	mu       sync.Mutex
	settings httpSettings
	lease    *fastlane.Lease
	ended    chan struct{}  // closed when the last server accepts no more
	servers  []*http.Server // the last one serves new connections
	stopped  bool
}

// httpSettings are what a configuration sets of an http.Server.
type httpSettings struct {
	headerBytes      int
	readHeader, idle time.Duration
}

func httpSettingsOf(cfg *config.Config) httpSettings {
	return httpSettings{
		headerBytes: int(cfg.Limits.HeaderBytes),
		readHeader:  time.Duration(cfg.Timeouts.ReadHeader),
		idle:        time.Duration(cfg.Timeouts.Idle),
	}
}

func (s httpSettings) ofFastLane(errorLog *log.Logger) fastlane.Settings {
	return fastlane.Settings{ErrorLog: errorLog, HeadBytes: s.headerBytes, ReadHead: s.readHeader, Idle: s.idle}
}

// newHTTPServer returns an HTTP/1.1 server. It sets no time limit for a response,
// which may be a stream. Requests have the context base.
func (s *Server) newHTTPServer(base context.Context, handler http.Handler, settings httpSettings) *http.Server {
	const slop = 4 << 10 // that net/http reads beyond MaxHeaderBytes
	return &http.Server{
		Handler:                      handler,
		Protocols:                    fastlane.Protocols(false),
		ReadHeaderTimeout:            settings.readHeader,
		IdleTimeout:                  settings.idle,
		MaxHeaderBytes:               settings.headerBytes - slop,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     logs.NewStdLogger(s.log, "serving"),
		BaseContext:                  func(net.Listener) context.Context { return base },
	}
}

// http2Protocols are those that a listener with TLS offers.
func http2Protocols() []string { return []string{"h2", "http/1.1"} }

func http2Config() *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxReadFrameSize: 16 << 10, // the minimum: net/http buffers a whole frame
	}
}

// newFrontend returns a frontend that has not been started, with TLS if config is not
// nil, and a fast lane if fast is not nil, whose requests ctx aborts.
func newFrontend(ctx context.Context, l net.Listener, config *tls.Config, fast fastlane.Handler, settings httpSettings, failed chan<- error) *frontend {
	f := &frontend{failed: failed}
	if config != nil {
		f.http2 = config.Clone()
		f.http2.NextProtos = http2Protocols()
	}
	f.listener = fastlane.NewListener(ctx, l, f.http2, fast, settings.ofFastLane(nil))
	return f
}

// start serves new connections with settings. It is called with mu held, or before
// concurrent use.
func (f *frontend) start(settings httpSettings) {
	server, lease, ended := f.newServer(settings), f.listener.Lease(), make(chan struct{})
	if f.http2 != nil {
		server.Protocols = fastlane.Protocols(true)
		server.TLSConfig = f.http2.Clone() // net/http changes it
		server.HTTP2 = http2Config()
	}
	f.listener.SetSettings(settings.ofFastLane(server.ErrorLog))
	f.settings, f.lease, f.ended, f.servers = settings, lease, ended, append(f.servers, server)
	go func() {
		defer close(ended)
		err := server.Serve(lease)
		if lease.HasEnded() {
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
	if f.stopped || settings == f.settings {
		return nil
	}
	old = f.servers[len(f.servers)-1]
	f.lease.End()
	<-f.ended
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
	return f.listener.Shutdown(ctx) == nil && ended
}

// close closes all connections.
func (f *frontend) close() (err error) {
	for _, server := range f.stop() {
		err = server.Close()
	}
	f.listener.CloseAll()
	return err
}

// stop prevents replacements, and returns all servers, the one in use last.
func (f *frontend) stop() []*http.Server {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped = true
	return slices.Clone(f.servers)
}
