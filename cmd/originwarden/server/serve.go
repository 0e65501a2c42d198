package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"

	"originwarden/cmd/originwarden/credentials"
	"originwarden/cmd/originwarden/logs"
	"originwarden/cmd/originwarden/stores"
	"originwarden/cmd/originwarden/tracing"
	"originwarden/proxy"
)

// listening is the two listeners and their HTTP servers.
type listening struct {
	tenants, admin             net.Listener
	tenantsServer, adminServer *http.Server
}

// serve listens and serves until stop ends or a listener fails. When it returns,
// nothing listens or runs any more.
func (s *Server) serve(stop, now context.Context) error {
	tenants, err := s.options.Listen("listen", s.started.Listen)
	if err != nil {
		return err
	}
	defer tenants.Close()
	admin, err := s.options.Listen("admin.listen", s.started.Admin.Listen)
	if err != nil {
		return err
	}
	defer admin.Close()
	if err := s.build(tenants.Addr()); err != nil {
		return err
	}
	defer s.gateway.Close()
	defer s.tracer.Close(now)
	s.lists.Subscribe(s.gateway.ListChanged)

	base, cut := context.WithCancel(context.Background())
	var background sync.WaitGroup
	defer background.Wait()
	defer cut()
	l, err := s.listen(base, &background, tenants, admin)
	if err != nil {
		return err
	}
	s.startBackground(base, &background)
	err = s.accept(stop, l)
	return errors.Join(err, s.drain(now, l, cut))
}

// build makes what serves at an address.
func (s *Server) build(at net.Addr) (err error) {
	s.address = at
	s.metrics = s.newMetrics()
	s.access = logs.NewAccessLog(s.log, s.started.Log.Access)
	if s.tracer, err = tracing.New(context.Background(), s.started.Tracing, s.options.Version, s.log, s.metrics.Spans); err != nil {
		return err
	}
	if s.api, err = s.newAPI(); err == nil {
		err = s.apply(s.started)
	}
	if err != nil {
		s.tracer.Close(context.Background())
	}
	return err
}

// listen returns the HTTP servers of both listeners. Requests have the context
// base.
func (s *Server) listen(base context.Context, background *sync.WaitGroup, tenants, admin net.Listener) (*listening, error) {
	s.requests.handler = http.HandlerFunc(s.serveTenant)
	l := &listening{
		admin:         admin,
		tenantsServer: s.newHTTPServer(base, &s.requests),
		adminServer:   s.newHTTPServer(base, s.adminHandler(admin.Addr())),
	}
	l.tenantsServer.ConnContext = proxy.ConnContext
	s.limits = proxy.LimitConnections(tenants, s.started.Limits.ConnectionsPerClient, trustedProxies(s.started), !s.started.TLS.Enabled(),
		func() { s.metrics.Limited("connections_per_client") })
	l.tenants = s.limits
	if !s.started.TLS.Enabled() {
		return l, nil
	}
	certificates, err := credentials.LoadServer(s.started.TLS, s.log.Logger)
	if err != nil {
		return nil, err
	}
	s.metrics.WatchCertificate("server", certificates.NotAfter)
	l.tenantsServer.TLSConfig = certificates.TLS()
	l.tenantsServer.Protocols.SetHTTP2(true)
	l.tenantsServer.HTTP2 = &http.HTTP2Config{
		MaxReadFrameSize: 16 << 10, // the minimum: net/http buffers a whole frame
		WriteByteTimeout: time.Duration(s.started.Timeouts.BodyProgress),
	}
	background.Go(func() { credentials.Follow(base, certificates.Files()...) })
	return l, nil
}

// newHTTPServer returns an HTTP/1.1 server. It sets no time limit for a response,
// which may be a stream.
func (s *Server) newHTTPServer(base context.Context, handler http.Handler) *http.Server {
	const slop = 4 << 10 // that net/http reads beyond MaxHeaderBytes
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:                      handler,
		Protocols:                    protocols,
		ReadHeaderTimeout:            time.Duration(s.started.Timeouts.ReadHeader),
		IdleTimeout:                  time.Duration(s.started.Timeouts.Idle),
		MaxHeaderBytes:               int(s.started.Limits.HeaderBytes) - slop,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     logs.LinesOf(s.log, "serving"),
		BaseContext:                  func(net.Listener) context.Context { return base },
	}
}

// serveTenant serves a request by the settings in force.
func (s *Server) serveTenant(w http.ResponseWriter, r *http.Request) {
	if s.closing.Load() && r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
	s.current.Load().handler.ServeHTTP(w, r)
}

// startBackground starts what keeps lists, tunnels, settings and credentials
// current until ctx ends.
func (s *Server) startBackground(ctx context.Context, background *sync.WaitGroup) {
	background.Go(func() { s.gateway.Review(ctx) })
	background.Go(func() { s.gateway.ReviewPeriodically(ctx) })
	background.Go(func() { s.lists.Run(ctx) })
	background.Go(func() { s.store.Monitor(ctx) })
	background.Go(func() { notifyWatchdog(ctx) })
	background.Go(func() { s.reloadOnRequest(ctx) })
	if remote, ok := s.store.Store.(*stores.Etcd); ok {
		background.Go(func() { credentials.Follow(ctx, s.storeCredentials(remote)) })
	}
}

// storeCredentials returns the files of the store's credentials. The cluster may
// refuse what they contain; then it is tried again.
func (s *Server) storeCredentials(remote *stores.Etcd) *credentials.Files {
	return &credentials.Files{
		Names: remote.CredentialFiles(),
		Apply: func(ctx context.Context) error {
			changed, err := remote.Renew(ctx)
			if changed {
				s.log.Info("the credentials for the store have changed", zap.Stringer("store", s.started.Store.URL))
			}
			return err
		},
		Report: func(problem string) {
			s.log.Error("the credentials for the store have changed and cannot be used; the old ones are", zap.String("error", logs.Escape(problem, logs.LongestError)))
		},
	}
}

// accept accepts connections until stop ends, or until a listener fails, which is
// its error.
func (s *Server) accept(stop context.Context, l *listening) error {
	failures := make(chan error, 2)
	go func() {
		if l.tenantsServer.TLSConfig != nil {
			failures <- l.tenantsServer.ServeTLS(l.tenants, "", "")
			return
		}
		failures <- l.tenantsServer.Serve(l.tenants)
	}()
	go func() { failures <- l.adminServer.Serve(l.admin) }()
	s.readiness.Serve()
	s.log.Info("ready", zap.Stringer("listen", l.tenants.Addr()), zap.Stringer("admin", l.admin.Addr()))
	notify(daemon.SdNotifyReady)
	if s.options.Ready != nil {
		s.options.Ready(l.tenants.Addr(), l.admin.Addr())
	}
	select {
	case <-stop.Done():
		return nil
	case err := <-failures:
		return err
	}
}
