package server

import (
	"context"
	"crypto/tls"
	"errors"
	"log"
	"net"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"

	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/credentials"
	"originwarden/cmd/originwarden/logs"
	"originwarden/cmd/originwarden/server/frontend"
	"originwarden/cmd/originwarden/server/heartbeat"
	"originwarden/cmd/originwarden/server/observation"
	"originwarden/cmd/originwarden/server/workers"
	"originwarden/cmd/originwarden/stores"
	"originwarden/cmd/originwarden/tracing"
	"originwarden/metrics"
	"originwarden/proxy/downstream"
	"originwarden/proxy/fastlane"
	"originwarden/store"
)

// serve listens and serves until stop ends or a listener fails. When it returns,
// nothing listens or runs any more.
func (s *Server) serve(stop, stopNow context.Context) error {
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
	questions, err := s.listenForQuestions()
	if err != nil {
		return err
	}
	if questions != nil {
		defer questions.Close()
	}
	return s.serveOn(stop, stopNow, listeners{tenants, admin, questions})
}

// listeners are those of a gateway. There may be none for questions.
type listeners struct{ tenants, admin, questions net.Listener }

func (s *Server) serveOn(stop, stopNow context.Context, l listeners) error {
	if err := s.build(l.tenants.Addr()); err != nil {
		return err
	}
	defer s.gateway.Close()
	defer s.tracer.Close(stopNow)
	s.lists.Subscribe(s.gateway.Tunnels().ListChanged)

	base, abort := context.WithCancel(context.Background())
	defer s.background.Wait()
	defer abort()
	failed := make(chan error, 3)
	if err := s.startFrontends(base, l, failed); err != nil {
		return err
	}
	s.startBackground(base)
	s.reportReady()
	s.startHeartbeats(base)
	var err error
	select {
	case <-stop.Done():
	case err = <-failed:
	}
	return errors.Join(err, s.drain(stopNow, abort))
}

// build creates the metrics, the tracer, the API and the gateway, for a listener
// with the address at.
func (s *Server) build(at net.Addr) (err error) {
	s.address = at
	s.metrics = s.newMetrics()
	s.access = logs.NewAccessLog(s.log, s.started.Log.Access)
	if s.tracer, err = tracing.New(context.Background(), s.started.Tracing, s.options.Version, s.log, s.metrics.CountSpans); err != nil {
		return err
	}
	if s.api, err = s.newAPI(); err == nil {
		s.console, err = s.newConsole()
	}
	if err == nil {
		err = s.apply(s.started)
	}
	if err != nil {
		s.tracer.Close(context.Background())
	}
	return err
}

// startFrontends serves all listeners. The contexts of requests are derived from
// base.
func (s *Server) startFrontends(base context.Context, l listeners, failed chan<- error) error {
	s.tenantListener = downstream.NewListener(l.tenants, s.started.Limits.ConnectionsPerClient, trustedProxies(s.started), !s.started.TLS.Enabled(),
		func() { s.metrics.CountLimited(metrics.LimitConnections) })
	tlsConfig, err := s.loadCertificates(base)
	if err != nil {
		return err
	}
	if s.decide, err = s.newDecide(base, l.questions, failed); err != nil {
		return err
	}
	s.handlers = workers.New(s.gateway)
	tenants := frontend.Config{TLS: tlsConfig, Fast: s.fastHandler(), Settings: settingsOf(s.started), Failed: failed, ErrorLog: s.servingLog()}
	tenants.NewServer = func(settings frontend.Settings, http2 *tls.Config) frontend.Server {
		server := frontend.NewHTTPServer(base, s.handlers, settings, http2, s.servingLog())
		server.ConnContext = downstream.ConnContext
		return server
	}
	s.tenants = frontend.New(base, s.tenantListener, tenants)
	handler := s.adminHandler(l.admin.Addr())
	admin := frontend.Config{Settings: settingsOf(s.started), Failed: failed}
	admin.NewServer = func(settings frontend.Settings, _ *tls.Config) frontend.Server {
		return frontend.NewHTTPServer(base, handler, settings, nil, s.servingLog())
	}
	s.admin = frontend.New(base, l.admin, admin)
	for _, f := range s.frontends() {
		f.Start()
	}
	return nil
}

func (s *Server) servingLog() *log.Logger { return logs.NewStdLogger(s.log, "serving") }

func settingsOf(cfg *config.Config) frontend.Settings {
	return frontend.Settings{
		HeaderBytes: int(cfg.Limits.HeaderBytes),
		ReadHeader:  time.Duration(cfg.Timeouts.ReadHeader),
		Idle:        time.Duration(cfg.Timeouts.Idle),
	}
}

// frontends returns those that there are.
func (s *Server) frontends() []*frontend.Frontend {
	if s.decide == nil {
		return []*frontend.Frontend{s.tenants, s.admin}
	}
	return []*frontend.Frontend{s.tenants, s.admin, s.decide}
}

// fastHandler returns the handler of the fast lane, or nil if net/http is to serve
// all requests.
func (s *Server) fastHandler() fastlane.Handler {
	if !s.started.FastLane {
		return nil
	}
	return s.gateway
}

// loadCertificates returns the TLS settings of the tenants' listener, or nil. They
// follow the files until ctx ends.
func (s *Server) loadCertificates(ctx context.Context) (*tls.Config, error) {
	if !s.started.TLS.Enabled() {
		return nil, nil
	}
	certificates, err := credentials.LoadServerCertificates(s.started.TLS, s.log.Logger)
	if err != nil {
		return nil, err
	}
	s.metrics.WatchCertificate("server", certificates.NotAfter)
	s.serverNotAfter = certificates.NotAfter
	s.background.Go(func() { credentials.Follow(ctx, certificates.Files()...) })
	return certificates.TLS(), nil
}

func (s *Server) reportReady() {
	s.readiness.SetServing()
	tenants, admin := s.tenants.Addr(), s.admin.Addr()
	fields := []zap.Field{zap.Stringer("listen", tenants), zap.Stringer("admin", admin)}
	var questions net.Addr
	if s.decide != nil {
		questions = s.decide.Addr()
		fields = append(fields, zap.Stringer("decide", questions))
	}
	s.log.Info("ready", fields...)
	notify(daemon.SdNotifyReady)
	if s.options.Ready != nil {
		s.options.Ready(tenants, admin, questions)
	}
}

// startBackground starts what keeps lists, tunnels, settings and credentials
// current until ctx ends.
func (s *Server) startBackground(ctx context.Context) {
	s.background.Go(func() { s.gateway.Tunnels().Review(ctx) })
	s.background.Go(func() { s.gateway.Tunnels().ReviewPeriodically(ctx) })
	s.background.Go(func() { s.lists.Run(ctx) })
	s.background.Go(func() { s.store.Monitor(ctx) })
	s.background.Go(func() { s.refusals.Run(ctx) })
	if observer := store.AsObserver(s.store); observer != nil {
		keeper := observation.Keeper{Store: observer, Traffic: s.traffic, IsTenant: s.isTenant, Timeout: time.Duration(s.started.Store.Timeout)}
		s.background.Go(func() { keeper.Run(ctx) })
	}
	s.background.Go(func() { notifyWatchdog(ctx) })
	s.background.Go(func() { s.reloadOnRequest(ctx) })
	if remote, ok := s.store.Store.(*stores.Etcd); ok {
		s.background.Go(func() { credentials.Follow(ctx, remote.Credentials(s.log.Logger)) })
	}
}

// startHeartbeats tells the other gateways that this one serves, until ctx ends.
func (s *Server) startHeartbeats(ctx context.Context) {
	if fleet := store.AsFleet(s.store); fleet != nil {
		beater := heartbeat.Beater{Fleet: fleet, State: &s.readiness, Version: s.options.Version, Timeout: time.Duration(s.started.Store.Timeout)}
		s.background.Go(func() { beater.Run(ctx) })
	}
}
