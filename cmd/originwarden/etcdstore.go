package main

import (
	"context"
	"crypto/tls"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"originwarden/cmd/originwarden/config"
	"originwarden/store/etcd"
)

// etcdStore is a store whose password and certificates change with their files.
type etcdStore struct {
	*etcd.Store
	cfg    config.Store
	access atomic.Pointer[etcd.Access] // that is used
}

// accessInterval is how often the files are looked at.
const accessInterval = 5 * time.Second

// followAccess reads the files again and again until ctx ends. What the cluster
// does not take changes nothing, and is tried again.
func (s *etcdStore) followAccess(ctx context.Context, log *zap.Logger) {
	tick := time.NewTicker(accessInterval)
	defer tick.Stop()
	var problem string
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		changed, err := s.renew(ctx)
		switch {
		case changed:
			problem = ""
			log.Info("the credentials for the store have changed", zap.Stringer("store", s.cfg.URL))
		case err == nil:
			problem = ""
		case err.Error() != problem && ctx.Err() == nil: // told once
			problem = err.Error()
			log.Error("the credentials for the store have changed and cannot be used; the old ones are", zap.String("error", bounded(problem, longestError)))
		}
	}
}

// renew has the store use what the files have, if that is something else.
func (s *etcdStore) renew(ctx context.Context) (changed bool, err error) {
	read, err := readAccess(s.cfg)
	if err != nil || sameAccess(read, *s.access.Load()) {
		return false, err
	}
	soon, cancel := context.WithTimeout(ctx, time.Duration(s.cfg.Timeout))
	defer cancel()
	if err := s.Renew(soon, read); err != nil {
		return false, err
	}
	s.access.Store(&read)
	return true, nil
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
