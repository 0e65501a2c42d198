package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"time"

	"google.golang.org/grpc"

	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/credentials"
	"originwarden/cmd/originwarden/logs"
	"originwarden/cmd/originwarden/server/frontend"
	"originwarden/proxy/decide"
	"originwarden/proxy/decide/demux"
	"originwarden/proxy/decide/extauthz"
	"originwarden/proxy/downstream"
)

// answerTimeout is how long a proxy may take to read an answer.
const answerTimeout = 10 * time.Second

// callWorkers is how many goroutines wait for calls of gRPC.
const callWorkers = 32

// listenForQuestions opens the listener where other proxies ask for decisions. It
// returns nil if they cannot.
func (s *Server) listenForQuestions() (net.Listener, error) {
	if s.started.Decide.Listen == "" {
		return nil, nil
	}
	return s.options.Listen("decide.listen", s.started.Decide.Listen)
}

// newDecide returns the frontend of a listener for questions, or nil if there is none.
func (s *Server) newDecide(base context.Context, l net.Listener, failed chan<- error) (*frontend.Frontend, error) {
	if l == nil {
		return nil, nil
	}
	tlsConfig, err := s.loadDecideTLS(base)
	if err != nil {
		return nil, err
	}
	calls := extauthz.Config{
		Decider: s.gateway, IsReady: func() bool { return s.readiness.Problem() == "" },
		Observe: s.observe, ErrorLog: logs.NewStdLogger(s.log, "deciding"),
	}
	s.decisions = decide.New(decide.Config{Decider: s.gateway, Observe: s.observe, GRPC: extauthz.New(calls)}, dialectOf(s.started))
	c := frontend.Config{TLS: tlsConfig, Settings: settingsOf(s.started), Failed: failed, ErrorLog: s.servingLog()}
	if s.started.FastLane {
		c.Fast = s.decisions
	}
	c.NewServer = func(settings frontend.Settings, http2 *tls.Config) frontend.Server {
		calls.Idle, calls.MaxHeader, calls.Workers = settings.Idle, settings.HeaderBytes, callWorkers
		calls.Limit = settings.ReadHeader + s.answerLimit()
		server := s.newDecideServer(base, settings, http2, calls)
		s.decideServer.Store(server)
		return server
	}
	return frontend.New(base, downstream.NewListener(l, 0, nil, tlsConfig == nil, nil), c), nil
}

// newDecideServer returns a server that speaks HTTP/2 without TLS too, as gRPC does, and
// answers calls.
func (s *Server) newDecideServer(base context.Context, settings frontend.Settings, http2 *tls.Config, calls extauthz.Config) *demux.Server {
	server := frontend.NewHTTPServer(base, s.decisions, settings, http2, s.servingLog())
	server.Protocols.SetUnencryptedHTTP2(true)
	server.ReadTimeout = settings.ReadHeader            // a body is ignored, but it is read
	server.IdleTimeout = cmp.Or(server.IdleTimeout, -1) // without a limit, not with that of ReadTimeout
	server.WriteTimeout = s.answerLimit()
	server.HTTP2.MaxConcurrentStreams = extauthz.MaxStreams
	return &demux.Server{
		HTTP: server, NewGRPC: func() *grpc.Server { return extauthz.New(calls) },
		IsCall: decide.IsCall, MaxHeader: settings.HeaderBytes, MaxStreams: extauthz.MaxStreams, WriteLimit: answerTimeout,
	}
}

// answerLimit is how long an answer may take, with the time that the list takes.
func (s *Server) answerLimit() time.Duration {
	return time.Duration(s.started.Store.Timeout) + answerTimeout
}

// loadDecideTLS is loadCertificates for questions.
func (s *Server) loadDecideTLS(ctx context.Context) (*tls.Config, error) {
	files := s.started.Decide.TLS
	if !files.Server().Enabled() {
		return nil, nil
	}
	certificates, err := credentials.LoadServerCertificates(files.Server(), s.log.Logger)
	if err != nil {
		return nil, err
	}
	server := certificates.TLS()
	server.NextProtos = frontend.NextProtos() // for what RequireClientCertificates copies
	authorities, err := credentials.RequireClientCertificates(server, files, s.log.Logger)
	if err != nil {
		return nil, err
	}
	s.metrics.WatchCertificate("decide", certificates.NotAfter)
	s.decideNotAfter = certificates.NotAfter
	s.background.Go(func() { credentials.Follow(ctx, append(certificates.Files(), authorities.Files()...)...) })
	return server, nil
}

func dialectOf(cfg *config.Config) decide.Dialect { return decide.Dialect(cfg.Decide.Dialect) }
