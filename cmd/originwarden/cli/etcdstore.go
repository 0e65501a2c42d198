package cli

import (
	"context"
	"crypto/tls"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/logs"
	"originwarden/store/etcd"
)

// etcdStore is a store whose password and certificates change with their files.
type etcdStore struct {
	*etcd.Store
	cfg    config.Store
	access atomic.Pointer[etcd.Access] // that is used
}

// followed are the store's files. What the cluster does not take changes nothing,
// and is tried again.
func (s *etcdStore) followed(log *zap.Logger) *followed {
	files := s.cfg.Etcd
	return &followed{
		files: []string{files.PasswordFile, files.CA, files.Cert, files.Key},
		take:  func(ctx context.Context) error { return s.renew(ctx, log) },
		fail: func(problem string) {
			log.Error("the credentials for the store have changed and cannot be used; the old ones are", zap.String("error", logs.Escape(problem, logs.LongestError)))
		},
	}
}

// renew has the store use what the files have, if that is something else.
func (s *etcdStore) renew(ctx context.Context, log *zap.Logger) error {
	read, err := readAccess(s.cfg)
	if err != nil || sameAccess(read, *s.access.Load()) {
		return err
	}
	soon, cancel := context.WithTimeout(ctx, time.Duration(s.cfg.Timeout))
	defer cancel()
	if err := s.Renew(soon, read); err != nil {
		return err
	}
	s.access.Store(&read)
	log.Info("the credentials for the store have changed", zap.Stringer("store", s.cfg.URL))
	return nil
}

func sameAccess(a, b etcd.Access) bool {
	return a.Username == b.Username && a.Password == b.Password && sameTLS(a.TLS, b.TLS)
}

// sameTLS compares the certificates. A key that changes brings another one.
func sameTLS(a, b *tls.Config) bool {
	if a == nil || b == nil {
		return a == b
	}
	sameCertificate := func(a, b tls.Certificate) bool {
		return slices.EqualFunc(a.Certificate, b.Certificate, slices.Equal)
	}
	sameRoots := a.RootCAs == b.RootCAs || a.RootCAs != nil && b.RootCAs != nil && a.RootCAs.Equal(b.RootCAs)
	return sameRoots && slices.EqualFunc(a.Certificates, b.Certificates, sameCertificate)
}
