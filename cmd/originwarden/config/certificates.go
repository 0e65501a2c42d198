package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"time"
)

// warning is what is wrong with the value at a path, and keeps no gateway from
// starting.
type warning struct{ path, message string }

// CertificateWarnings tells what clients or other servers will not accept about
// the certificates of c, as the files have them now: that one is out of its time,
// or that none is for a tenant's host. A gateway starts all the same, because
// files that are renewed need no other start. It may be called concurrently.
func (c *Config) CertificateWarnings(now time.Time) []string {
	var messages []string
	for _, w := range c.certificateWarnings(now) {
		messages = append(messages, w.message)
	}
	return messages
}

func (c *Config) certificateWarnings(now time.Time) []warning {
	listeners := c.TLS.places()
	served, all := readCertificates(listeners, now)
	_, own := readCertificates(c.clientKeyPairs(), now)
	all = append(all, own...)
	if len(served) == 0 || len(served) < len(listeners) { // one that cannot be read may be for any host
		return all
	}
	return append(all, c.uncoveredHosts(served)...)
}

// clientKeyPairs are those that the gateway shows to others.
func (c *Config) clientKeyPairs() []keyPairAt {
	all := []keyPairAt{{"store.etcd.cert", KeyPair{c.Store.Etcd.Cert, c.Store.Etcd.Key}}}
	for i, t := range c.Tenants {
		all = append(all, keyPairAt{element("tenants", i) + ".upstream_tls.cert", KeyPair{t.UpstreamTLS.Cert, t.UpstreamTLS.Key}})
	}
	return all
}

// readCertificates leaves out those that are not configured or not readable,
// which is a mistake of its own.
func readCertificates(pairs []keyPairAt, now time.Time) (read []*tls.Certificate, out []warning) {
	for _, pair := range pairs {
		loaded, err := pair.Load()
		if err != nil {
			continue
		}
		read = append(read, loaded)
		if problem := outOfTime(loaded, now); problem != "" {
			out = append(out, warning{pair.path, fmt.Sprintf("the certificate %s %s", quote(pair.Cert), problem)})
		}
	}
	return read, out
}

// outOfTime says which certificate of the chain is not valid now, or "".
func outOfTime(chain *tls.Certificate, now time.Time) string {
	for i, der := range chain.Certificate {
		c, err := x509.ParseCertificate(der)
		which := ""
		if i > 0 {
			which = fmt.Sprintf(", by certificate %d of its chain", i+1)
		}
		switch {
		case err != nil: // clients may do without it
		case now.After(c.NotAfter):
			return "expired at " + c.NotAfter.Format(time.RFC3339) + which
		case now.Before(c.NotBefore):
			return "is not valid before " + c.NotBefore.Format(time.RFC3339) + which
		}
	}
	return ""
}

// uncoveredHosts are the tenants' hosts that no certificate is for, as browsers
// decide: by its names, of which the first label may be a wildcard.
func (c *Config) uncoveredHosts(served []*tls.Certificate) []warning {
	var all []warning
	for i, t := range c.Tenants {
		for j, host := range t.Names() {
			covers := func(c *tls.Certificate) bool { return c.Leaf.VerifyHostname(host) == nil }
			if !slices.ContainsFunc(served, covers) {
				all = append(all, warning{element(element("tenants", i)+".hosts", j),
					fmt.Sprintf("no certificate of tls is for the host %s: clients refuse it", quote(host))})
			}
		}
	}
	return all
}
