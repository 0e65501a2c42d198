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
)

// Etcd is a store whose password and certificates can change.
type Etcd struct {
	*etcd.Store
	cfg    config.Store
	access atomic.Pointer[etcd.Access] // in use
}

// CredentialFiles returns the names of the files that Renew reads. "" is none.
func (s *Etcd) CredentialFiles() []string {
	files := s.cfg.Etcd
	return []string{files.PasswordFile, files.CA, files.Cert, files.Key}
}

// TLS returns the settings in use, or nil.
func (s *Etcd) TLS() *tls.Config { return s.access.Load().TLS }

// Renew reads the credentials again and uses them if they have changed and the
// cluster accepts them.
func (s *Etcd) Renew(ctx context.Context) (changed bool, err error) {
	read, err := readAccess(s.cfg)
	if err != nil || sameAccess(read, *s.access.Load()) {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(s.cfg.Timeout))
	defer cancel()
	if err := s.Store.Renew(ctx, read); err != nil {
		return false, err
	}
	s.access.Store(&read)
	return true, nil
}

func sameAccess(a, b etcd.Access) bool {
	return a.Username == b.Username && a.Password == b.Password && credentials.SameTLS(a.TLS, b.TLS)
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
