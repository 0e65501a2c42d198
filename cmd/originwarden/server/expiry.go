package server

import (
	"time"

	"originwarden/cmd/originwarden/credentials"
	"originwarden/cmd/originwarden/stores"
	"originwarden/console"
)

// certificates returns when the gateway's certificates expire, for the console.
func (s *Server) certificates() (all []console.Certificate) {
	add := func(name string, notAfter time.Time) {
		if !notAfter.IsZero() {
			all = append(all, console.Certificate{Name: name, NotAfter: notAfter})
		}
	}
	if s.serverNotAfter != nil {
		add("The certificate for clients", s.serverNotAfter())
	}
	if s.decideNotAfter != nil {
		add("The certificate for proxies that ask", s.decideNotAfter())
	}
	add("A certificate for upstreams", s.current.Load().upstreamTLS.NotAfter())
	add("The certificate for etcd", s.storeNotAfter())
	return all
}

// storeNotAfter returns the earliest expiry of the certificates for the store, or the
// zero time if there are none.
func (s *Server) storeNotAfter() time.Time {
	if remote, ok := s.store.Store.(*stores.Etcd); ok {
		return credentials.NotAfter(remote.TLS())
	}
	return time.Time{}
}
