package cli

import (
	"crypto/tls"
	"crypto/x509"
	"time"
)

// watchCertificates shows when the certificates end that the gateway shows to
// its clients, to upstreams and to etcd.
func (g *gateway) watchCertificates(served certificates) {
	g.metrics.WatchCertificate("server", served.notAfter)
	g.metrics.WatchCertificate("upstream", func() time.Time { return g.current.Load().upstreamTLS.notAfter() })
	g.metrics.WatchCertificate("etcd", func() time.Time {
		if remote, ok := g.store.Store.(*etcdStore); ok {
			return endOf(remote.access.Load().TLS)
		}
		return time.Time{}
	})
}

// notAfter is when the first of them ends, or the zero time if there are none.
func (c certificates) notAfter() (first time.Time) {
	for _, each := range c {
		first = earlier(first, endOfChain(each.current.Load()))
	}
	return first
}

func endOf(c *tls.Config) (first time.Time) {
	if c == nil {
		return first
	}
	for i := range c.Certificates {
		first = earlier(first, endOfChain(&c.Certificates[i]))
	}
	return first
}

// endOfChain takes all that is sent: a chain ends with the first of its
// certificates.
func endOfChain(chain *tls.Certificate) (first time.Time) {
	for _, der := range chain.Certificate {
		if c, err := x509.ParseCertificate(der); err == nil { // others may do without it
			first = earlier(first, c.NotAfter)
		}
	}
	return first
}

// earlier returns the earlier time. The zero time is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
