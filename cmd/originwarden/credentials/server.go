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

// ServerCertificates are the certificates of a listener, the default first. They
// may be used concurrently.
type ServerCertificates []*certificate

// certificate is a pair of files and the certificate last read from them.
type certificate struct {
	files   config.KeyPair
	log     *zap.Logger
	current atomic.Pointer[tls.Certificate] // replaced when the files change
}

// LoadServerCertificates reads the certificates of a listener.
func LoadServerCertificates(files config.TLS, log *zap.Logger) (ServerCertificates, error) {
	var all ServerCertificates
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
func (s ServerCertificates) TLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.choose}
}

// choose returns the first certificate that has the requested name and that the
// client can verify, or else the default.
func (s ServerCertificates) choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	for _, candidate := range s {
		if current := candidate.current.Load(); hello.SupportsCertificate(current) == nil {
			return current, nil
		}
	}
	return s[0].current.Load(), nil
}

// Files returns the files to follow.
func (s ServerCertificates) Files() (all []*Files) {
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

// NotAfter returns the earliest expiry of the certificates, or the zero time if
// there are none.
func (s ServerCertificates) NotAfter() (earliest time.Time) {
	for _, c := range s {
		earliest = earlier(earliest, chainNotAfter(c.current.Load()))
	}
	return earliest
}
