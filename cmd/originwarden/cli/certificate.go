package cli

import (
	"context"
	"crypto/tls"
	"slices"
	"sync/atomic"

	"go.uber.org/zap"

	"originwarden/cmd/originwarden/config"
)

// certificate is one of the listener's, which changes with its files. It may be
// used concurrently.
type certificate struct {
	files   config.KeyPair
	log     *zap.Logger
	current atomic.Pointer[tls.Certificate]
}

func newCertificate(files config.KeyPair, log *zap.Logger) (*certificate, error) {
	c := &certificate{files: files, log: log}
	first, err := files.Load()
	c.current.Store(first)
	return c, err
}

// followed are its files. Those that are no certificate change nothing.
func (c *certificate) followed() *followed {
	return &followed{
		files: []string{c.files.Cert, c.files.Key},
		take:  func(context.Context) error { return c.reload() },
		fail: func(problem string) {
			c.log.Error("the certificate could not be read again; the old one is used", zap.String("cert", c.files.Cert), zap.String("error", problem))
		},
	}
}

func (c *certificate) reload() error {
	read, err := c.files.Load()
	if err != nil {
		return err
	}
	if old := c.current.Load(); !slices.EqualFunc(old.Certificate, read.Certificate, slices.Equal) {
		c.current.Store(read)
		c.log.Info("the certificate has changed", zap.String("cert", c.files.Cert), zap.Time("not_after", read.Leaf.NotAfter))
	}
	return nil
}
