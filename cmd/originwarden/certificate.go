package main

import (
	"context"
	"crypto/tls"
	"slices"
	"sync/atomic"
	"time"

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

// certificateInterval is how often the files are looked at. Their contents are
// compared: what a secret's volume swaps has the time stamps it likes.
const certificateInterval = 5 * time.Second

func newCertificate(files config.KeyPair, log *zap.Logger) (*certificate, error) {
	c := &certificate{files: files, log: log}
	first, err := files.Load()
	c.current.Store(first)
	return c, err
}

// follow reads the files again and again until ctx ends. Files that are no
// certificate change nothing.
func (c *certificate) follow(ctx context.Context) {
	tick := time.NewTicker(certificateInterval)
	defer tick.Stop()
	var problem string
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := c.reload()
		if err == nil {
			problem = ""
		} else if err.Error() != problem { // told once
			problem = err.Error()
			c.log.Error("the certificate could not be read again; the old one is used", zap.String("cert", c.files.Cert), zap.String("error", problem))
		}
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
