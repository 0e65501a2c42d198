package credentials

import (
	"context"
	"crypto/tls"
	"sync/atomic"

	"go.uber.org/zap"

	"originwarden/cmd/originwarden/config"
)

// ClientAuthorities are those that sign the certificates of a listener's clients. They
// may be used concurrently.
type ClientAuthorities struct {
	files   config.DecideTLS
	log     *zap.Logger
	server  *tls.Config // of the listener, without authorities
	current atomic.Pointer[tls.Config]
}

// RequireClientCertificates has a listener with the settings server, which it changes,
// accept only clients with a certificate of the authorities in files. It returns nil if
// files has none: then it accepts everybody.
func RequireClientCertificates(server *tls.Config, files config.DecideTLS, log *zap.Logger) (*ClientAuthorities, error) {
	if files.ClientCA == "" {
		return nil, nil
	}
	a := &ClientAuthorities{files: files, log: log.With(zap.String("client_ca", files.ClientCA)), server: server.Clone()}
	// No session is resumed, so that every connection is held to the authorities in use.
	a.server.ClientAuth, a.server.SessionTicketsDisabled = tls.RequireAndVerifyClientCert, true
	if err := a.read(); err != nil {
		return nil, err
	}
	server.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return a.current.Load(), nil }
	return a, nil
}

// read uses the authorities as the file has them now.
func (a *ClientAuthorities) read() error {
	pool, err := a.files.LoadClientCA()
	if err != nil {
		return err
	}
	if old := a.current.Load(); old != nil && old.ClientCAs.Equal(pool) {
		return nil
	}
	next := a.server.Clone()
	next.ClientCAs = pool
	if a.current.Swap(next) != nil {
		a.log.Info("the authorities of clients have changed")
	}
	return nil
}

// Files returns the file to follow. Open connections stay open when it changes.
func (a *ClientAuthorities) Files() []*Files {
	if a == nil {
		return nil
	}
	return []*Files{{
		Names:   []string{a.files.ClientCA},
		Apply:   func(context.Context) error { return a.read() },
		Log:     a.log,
		Failure: "reloading the authorities of clients failed; the old ones are used",
	}}
}
