package server

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"

	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/credentials"
	"originwarden/cmd/originwarden/logs"
	"originwarden/proxy/decide"
	"originwarden/proxy/decide/extauthz"
	"originwarden/proxy/downstream"
	"originwarden/proxy/fastlane"
)

// answerTimeout is how long a proxy may take to read an answer.
const answerTimeout = 10 * time.Second

// listenForQuestions opens the listener where other proxies ask for decisions. It
// returns nil if they cannot.
func (s *Server) listenForQuestions() (net.Listener, error) {
	if s.started.Decide.Listen == "" {
		return nil, nil
	}
	return s.options.Listen("decide.listen", s.started.Decide.Listen)
}

// newDecide returns the frontend of a listener for questions, or nil if there is none.
func (s *Server) newDecide(base context.Context, l net.Listener, settings httpSettings, failed chan<- error) (*frontend, error) {
	if l == nil {
		return nil, nil
	}
	tlsConfig, err := s.loadDecideTLS(base)
	if err != nil {
		return nil, err
	}
	calls := extauthz.New(extauthz.Config{
		Decider: s.gateway, IsReady: func() bool { return s.readiness.Problem() == "" },
		Observe: s.observe, ErrorLog: logs.NewStdLogger(s.log, "deciding"),
	})
	s.decisions = decide.New(decide.Config{Decider: s.gateway, Observe: s.observe, GRPC: calls}, dialectOf(s.started))
	var fast fastlane.Handler
	if s.started.FastLane {
		fast = s.decisions
	}
	f := newFrontend(base, downstream.NewListener(l, 0, nil, tlsConfig == nil, nil), tlsConfig, fast, settings, failed)
	f.newServer = func(settings httpSettings) *http.Server { return s.newDecideServer(base, settings) }
	return f, nil
}

// newDecideServer returns a server that speaks HTTP/2 without TLS too, as gRPC does.
func (s *Server) newDecideServer(base context.Context, settings httpSettings) *http.Server {
	server := s.newHTTPServer(base, s.decisions, settings)
	server.Protocols.SetUnencryptedHTTP2(true)
	server.HTTP2 = http2Config()
	server.ReadTimeout = settings.readHeader // a body is ignored, but it is read
	server.WriteTimeout = time.Duration(s.started.Store.Timeout) + answerTimeout
	return server
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
	server.NextProtos = http2Protocols()
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
