package credentials

import (
	"context"
	"crypto/tls"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"originwarden/cmd/originwarden/config"
)

// Server is the certificates of a listener, the default first. It may be used
// concurrently.
type Server []*certificate

// certificate is replaced when its files change.
type certificate struct {
	files   config.KeyPair
	log     *zap.Logger
	current atomic.Pointer[tls.Certificate]
}

// LoadServer reads the certificates of a listener.
func LoadServer(files config.TLS, log *zap.Logger) (Server, error) {
	var all Server
	for _, pair := range files.KeyPairs() {
		loaded, err := pair.Load()
		if err != nil {
			return nil, err
		}
		c := &certificate{files: pair, log: log.With(zap.String("cert", pair.Cert))}
		c.current.Store(loaded)
		all = append(all, c)
	}
	return all, nil
}

// TLS returns the settings of the listener, for TLS 1.2 and up. Open connections
// keep the certificate they began with.
func (s Server) TLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.choose}
}

// choose returns the first certificate that has the requested name and that the
// client can verify, or else the default.
func (s Server) choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	for _, candidate := range s {
		if current := candidate.current.Load(); hello.SupportsCertificate(current) == nil {
			return current, nil
		}
	}
	return s[0].current.Load(), nil
}

// Files returns the files to follow.
func (s Server) Files() (all []*Files) {
	for _, c := range s {
		all = append(all, &Files{
			Names:   []string{c.files.Cert, c.files.Key},
			Apply:   c.reload,
			Log:     c.log,
			Failure: "reloading the certificate failed; the old one is used",
		})
	}
	return all
}

func (c *certificate) reload(context.Context) error {
	read, err := c.files.Load()
	if err != nil {
		return err
	}
	if old := c.current.Load(); !slices.EqualFunc(old.Certificate, read.Certificate, slices.Equal) {
		c.current.Store(read)
		c.log.Info("the certificate has changed", zap.Time("not_after", read.Leaf.NotAfter))
	}
	return nil
}

// NotAfter returns when the first certificate expires, or the zero time if there
// are none.
func (s Server) NotAfter() (first time.Time) {
	for _, c := range s {
		first = earlier(first, chainNotAfter(c.current.Load()))
	}
	return first
}
