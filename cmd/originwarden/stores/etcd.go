package stores

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync/atomic"
	"time"

	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/credentials"
	"originwarden/store/etcd"

	"go.uber.org/zap"
)

// Etcd is a store whose password and certificates can change.
type Etcd struct {
	*etcd.Store
	cfg    config.Store
	access atomic.Pointer[etcd.Access] // in use
}

// TLS returns the settings in use, or nil.
func (s *Etcd) TLS() *tls.Config { return s.access.Load().TLS }

// Credentials returns the files of the credentials, to follow. If the cluster
// refuses what they contain, it is tried again.
func (s *Etcd) Credentials(log *zap.Logger) *credentials.Files {
	files := s.cfg.Etcd
	return &credentials.Files{
		Names:   []string{files.PasswordFile, files.CA, files.Cert, files.Key},
		Apply:   func(ctx context.Context) error { return s.reload(ctx, log) },
		Log:     log,
		Failure: "the new credentials for the store cannot be used; the old ones are used",
	}
}

func (s *Etcd) reload(ctx context.Context, log *zap.Logger) error {
	read, err := readAccess(s.cfg)
	used := s.access.Load()
	if err != nil || read.Username == used.Username && read.Password == used.Password && credentials.SameTLS(read.TLS, used.TLS) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(s.cfg.Timeout))
	defer cancel()
	if err := s.Renew(ctx, read); err != nil {
		return err
	}
	s.access.Store(&read)
	log.Info("the credentials for the store have changed", zap.Stringer("store", s.cfg.URL))
	return nil
}

func readAccess(cfg config.Store) (etcd.Access, error) {
	password, err := cfg.Etcd.Password()
	if err != nil {
		return etcd.Access{}, fmt.Errorf("reading the password of %s: %w", cfg.URL, err)
	}
	secured, err := cfg.Etcd.TLS()
	if err != nil {
		return etcd.Access{}, fmt.Errorf("reading the TLS files of %s: %w", cfg.URL, err)
	}
	return etcd.Access{Username: cfg.Etcd.Username, Password: password, TLS: secured}, nil
}
