package cli

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"

	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/logs"
	"originwarden/proxy"
)

var errCutShort = errors.New("stopped at once by a second signal")

// gateway is a service while it listens.
type gateway struct {
	*service
	*handlers
	tenants, admin *http.Server
	limits         *proxy.LimitedListener
	base           context.Context // of all requests, and what runs beside them

	stopping  atomic.Bool // nothing is taken over any more
	reloading sync.Mutex
	checks    func() // ends what watchUpstreams began, and waits for it
}

// around is how the world reaches a service.
type around struct {
	listen  func(network, address string) (net.Listener, error)
	sockets handedOver
	// hangups ask for the configuration to be read again.
	hangups <-chan os.Signal
	// load reads it; nil where there is none.
	load func() (*config.Config, error)
	// ready is told both addresses.
	ready func(tenants, admin net.Addr)
}

// run listens, calls ready with both addresses, and serves until stop ends or a
// listener fails. When it returns, nothing listens any more.
func (s *service) run(stop, now context.Context, a around) error {
	tenants, err := a.open(socketTenants, s.cfg.Listen)
	if err != nil {
		return withHintOfAddress(err, "--listen")
	}
	defer tenants.Close()
	admin, err := a.open(socketAdmin, s.cfg.Admin.Listen)
	if err != nil {
		return withHintOfAddress(err, "--admin-listen")
	}
	defer admin.Close()
	h, err := s.handlers(tenants.Addr())
	if err != nil {
		return err
	}
	defer func() { h.current.Load().gateway.Close() }()
	defer h.plan.tracing.Close(now)
	s.lists.Subscribe(func(tenant string) { h.current.Load().gateway.ListChanged(tenant) })

	base, cut := context.WithCancel(context.Background())
	var background sync.WaitGroup
	g := &gateway{service: s, handlers: h, base: base}
	g.watchUpstreams()
	defer g.endChecks()
	defer background.Wait()
	defer cut()
	g.tenants, g.admin = s.server(base, h.running), s.server(base, h.admin)
	g.tenants.ConnContext = proxy.ConnContext
	h.admin.reload = h.forOperators(g.reloadFor(a.load))
	h.admin.answers = h.answersAt(admin.Addr())
	limited := g.limited(tenants)
	g.startBackground(&background)
	background.Go(func() { g.obey(base, a) })
	var certs certificates
	if s.cfg.TLS.Enabled() {
		certs, err = newCertificates(s.cfg.TLS, s.log.Logger)
		if err != nil {
			return err
		}
		g.speakTLS(certs)
		background.Go(func() { followFiles(base, certs.followed()...) })
	}
	g.watchCertificates(certs)
	err = g.serve(stop, limited, admin, a.ready)
	return errors.Join(err, g.drain(now, cut))
}

// startBackground starts what keeps the lists, tunnels and credentials current
// until base ends.
func (g *gateway) startBackground(background *sync.WaitGroup) {
	background.Go(func() { g.current.Load().gateway.Review(g.base) })
	background.Go(func() { g.current.Load().gateway.ReviewPeriodically(g.base) })
	background.Go(func() { g.lists.Run(g.base) })
	background.Go(func() { g.store.Monitor(g.base) })
	background.Go(func() { guard(g.base) })
	if remote, ok := g.store.Store.(*etcdStore); ok {
		background.Go(func() { followFiles(g.base, remote.followed(g.log.Logger)) })
	}
}

// open returns the socket of that name that was handed over, or a new one.
func (a *around) open(name, address string) (net.Listener, error) {
	a.sockets.listen = a.listen
	return a.sockets.open(name, address)
}

// limited is the tenants' listener with as many connections from one client as
// it may have.
func (g *gateway) limited(l net.Listener) net.Listener {
	const limit = "connections_per_client"
	g.limits = proxy.LimitConnections(l, g.cfg.Limits.ConnectionsPerClient, trustedProxies(g.cfg), !g.cfg.TLS.Enabled(),
		func() { g.metrics.Limited(limit) })
	return g.limits
}

// speakTLS makes the tenants' server one of TLS, with HTTP/2.
func (g *gateway) speakTLS(certs certificates) {
	g.tenants.TLSConfig = certs.serverConfig()
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
	tellSystemd(daemon.SdNotifyReady)
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
		ErrorLog:                     logs.LinesOf(s.log, "serving"),
		BaseContext:                  func(net.Listener) context.Context { return base },
	}
}

// drain tells that the gateway is not ready, goes on until that was noticed,
// stops accepting, closes the tunnels, lets the requests that run come to their
// end, and cuts those that do not in time. The operators' address is there until
// the last.
func (g *gateway) drain(now context.Context, cut context.CancelFunc) error {
	g.stopping.Store(true)
	tellSystemd(daemon.SdNotifyStopping)
	g.ready.set("stopping")
	g.log.Info("stopping")
	timeouts := g.current.Load().cfg.Timeouts
	limit := time.Duration(timeouts.Drain)
	// Requests that are cut need a moment to come to their end, and to their
	// line in the log.
	grace := min(time.Second, limit/10)
	deadline := time.Now().Add(limit)
	ctx, cancel := context.WithDeadline(now, deadline)
	defer cancel()
	g.leaveInTime(ctx, time.Duration(timeouts.ShutdownDelay))
	var tunnels sync.WaitGroup
	tunnels.Go(func() { g.current.Load().gateway.CloseTunnels(ctx) }) // also those that are opened meanwhile
	if !shutdown(ctx, deadline.Add(-grace), g.tenants) {
		g.log.Warn("requests were cut", zap.Duration("drain", limit))
		cut()
		shutdown(ctx, deadline, g.tenants)
	}
	tunnels.Wait()
	g.running.wait(ctx)
	g.plan.tracing.Close(ctx)
	shutdown(ctx, deadline, g.admin)
	err := errors.Join(g.tenants.Close(), g.admin.Close())
	if now.Err() != nil {
		return errCutShort
	}
	return err
}

// leaveInTime goes on accepting for a while, and asks every client that comes to
// connect anew, which is to another gateway then.
func (g *gateway) leaveInTime(ctx context.Context, delay time.Duration) {
	if delay == 0 {
		return
	}
	g.leaving.Store(true)
	select {
	case <-time.After(delay):
	case <-ctx.Done():
	}
}

// shutdown reports whether all requests of the server came to their end.
func shutdown(ctx context.Context, deadline time.Time, server *http.Server) bool {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	return server.Shutdown(ctx) == nil
}
