package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"originwarden/proxy"
)

// endsBy turns signals into contexts: the first one ends stop, upon which a
// service ends in order, and the second one now, upon which it waits for nobody.
// release ends both.
func endsBy(signals <-chan os.Signal) (stop, now context.Context, release func()) {
	stop, endStop := context.WithCancel(context.Background())
	now, endNow := context.WithCancel(context.Background())
	var waiting sync.WaitGroup
	waiting.Go(func() {
		for _, end := range []context.CancelFunc{endStop, endNow} {
			select {
			case <-signals:
				end()
			case <-now.Done():
				return
			}
		}
	})
	return stop, now, func() {
		endStop()
		endNow()
		waiting.Wait()
	}
}

var errCutShort = errors.New("stopped at once by a second signal")

// gateway is a service while it listens.
type gateway struct {
	*service
	*handlers
	tenants, admin *http.Server
}

// run listens, calls ready with both addresses, and serves until stop ends or a
// listener fails. When it returns, nothing listens any more.
func (s *service) run(stop, now context.Context, listen listen, ready func(tenants, admin net.Addr)) error {
	tenants, err := listen("tcp", s.cfg.Listen)
	if err != nil {
		return err
	}
	defer tenants.Close()
	admin, err := listen("tcp", s.cfg.Admin.Listen)
	if err != nil {
		return err
	}
	defer admin.Close()
	h, err := s.handlers(tenants.Addr())
	if err != nil {
		return err
	}
	defer h.gateway.Close()
	s.changed = h.gateway.ListChanged

	base, cut := context.WithCancel(context.Background())
	var background sync.WaitGroup
	defer background.Wait()
	defer cut()
	background.Go(func() { h.gateway.Review(base) })
	g := &gateway{s, h, s.server(base, h.running), s.server(base, h.admin)}
	if s.cfg.TLS.Enabled() {
		cert, err := newCertificate(s.cfg.TLS, s.log)
		if err != nil {
			return err
		}
		g.speakTLS(cert)
		background.Go(func() { cert.follow(base) })
	}
	err = g.serve(stop, g.limited(tenants), admin, ready)
	return errors.Join(err, g.drain(now, cut))
}

// limited is the tenants' listener with as many connections from one client as
// it may have.
func (g *gateway) limited(l net.Listener) net.Listener {
	const limit = "connections_per_client"
	return proxy.LimitConnections(l, g.cfg.Limits.ConnectionsPerClient, g.trustedProxies(), !g.cfg.TLS.Enabled(),
		func() { g.metrics.Limited(limit) })
}

// speakTLS makes the tenants' server one of TLS, with HTTP/2.
func (g *gateway) speakTLS(cert *certificate) {
	g.tenants.TLSConfig = cert.serverConfig()
	g.tenants.Protocols.SetHTTP2(true)
	g.tenants.HTTP2 = &http.HTTP2Config{
		MaxReadFrameSize: 16 << 10, // the least there is: what a stranger sends is buffered by the frame
		WriteByteTimeout: time.Duration(g.cfg.Timeouts.BodyProgress),
	}
}

// serve serves until stop ends, or until a listener fails, which is its error.
func (g *gateway) serve(stop context.Context, tenants, admin net.Listener, ready func(tenants, admin net.Addr)) error {
	failures := make(chan error, 2)
	go func() {
		if g.tenants.TLSConfig != nil {
			failures <- g.tenants.ServeTLS(tenants, "", "")
			return
		}
		failures <- g.tenants.Serve(tenants)
	}()
	go func() { failures <- g.admin.Serve(admin) }()
	g.ready.set("")
	g.log.Info("ready", zap.Stringer("listen", tenants.Addr()), zap.Stringer("admin", admin.Addr()))
	ready(tenants.Addr(), admin.Addr())
	select {
	case <-stop.Done():
		return nil
	case err := <-failures:
		return err
	}
}

// server returns an HTTP/1.1 server. It sets no time limit for an answer, which
// may be a stream.
func (s *service) server(base context.Context, handler http.Handler) *http.Server {
	const slop = 4 << 10 // that net/http reads beyond MaxHeaderBytes
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:                      handler,
		Protocols:                    protocols,
		ReadHeaderTimeout:            time.Duration(s.cfg.Timeouts.ReadHeader),
		IdleTimeout:                  time.Duration(s.cfg.Timeouts.Idle),
		MaxHeaderBytes:               int(s.cfg.Limits.HeaderBytes) - slop,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     linesOf(s.log, "serving"),
		BaseContext:                  func(net.Listener) context.Context { return base },
	}
}

// drain stops accepting, closes the tunnels, lets the requests that run come to
// their end, and cuts those that do not in time. The operators' address is there
// until the last.
func (g *gateway) drain(now context.Context, cut context.CancelFunc) error {
	g.ready.set("stopping")
	g.log.Info("stopping")
	limit := time.Duration(g.cfg.Timeouts.Drain)
	// Requests that are cut need a moment to come to their end, and to their
	// line in the log.
	grace := min(time.Second, limit/10)
	deadline := time.Now().Add(limit)
	ctx, cancel := context.WithDeadline(now, deadline)
	defer cancel()
	var tunnels sync.WaitGroup
	tunnels.Go(func() { g.gateway.CloseTunnels(ctx) }) // also those that are opened meanwhile
	if !shutdown(ctx, deadline.Add(-grace), g.tenants) {
		g.log.Warn("requests were cut", zap.Duration("drain", limit))
		cut()
		shutdown(ctx, deadline, g.tenants)
	}
	tunnels.Wait()
	g.running.wait(ctx)
	shutdown(ctx, deadline, g.admin)
	err := errors.Join(g.tenants.Close(), g.admin.Close())
	if now.Err() != nil {
		return errCutShort
	}
	return err
}

// shutdown reports whether all requests of the server came to their end.
func shutdown(ctx context.Context, deadline time.Time, server *http.Server) bool {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	return server.Shutdown(ctx) == nil
}
