package credentials

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"time"
)

// NotAfter returns the earliest expiry of the certificates of c, or the zero time
// if there are none. c may be nil.
func NotAfter(c *tls.Config) (earliest time.Time) {
	if c == nil {
		return earliest
	}
	for i := range c.Certificates {
		earliest = earlier(earliest, chainNotAfter(&c.Certificates[i]))
	}
	return earliest
}

// chainNotAfter returns the earliest expiry in a chain.
func chainNotAfter(chain *tls.Certificate) (earliest time.Time) {
	for _, der := range chain.Certificate {
		if c, err := x509.ParseCertificate(der); err == nil { // clients may not need the others
			earliest = earlier(earliest, c.NotAfter)
		}
	}
	return earliest
}

// earlier returns the earlier time, ignoring zero times.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// SameTLS reports whether a and b have the same certificates and roots. A key
// changes together with its certificate.
func SameTLS(a, b *tls.Config) bool {
	if a == nil || b == nil {
		return a == b
	}
	sameCertificate := func(a, b tls.Certificate) bool {
		return slices.EqualFunc(a.Certificate, b.Certificate, slices.Equal)
	}
	sameRoots := a.RootCAs == b.RootCAs || a.RootCAs != nil && b.RootCAs != nil && a.RootCAs.Equal(b.RootCAs)
	return sameRoots && slices.EqualFunc(a.Certificates, b.Certificates, sameCertificate)
}
