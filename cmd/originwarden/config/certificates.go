package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"originwarden/cmd/originwarden/config/tenantids"
)

// CertificateWarnings reads the certificate files, and warns of certificates that
// peers will reject and of hosts without one. These do not prevent a start:
// renewed files are read without a restart. It may be called concurrently.
func (c *Config) CertificateWarnings(now time.Time) []string {
	var messages []string
	c.checkCertificates(now, func(_, format string, args ...any) {
		messages = append(messages, fmt.Sprintf(format, args...))
	})
	return messages
}

// warnFunc warns of the value at a path.
type warnFunc func(path, format string, args ...any)

func (c *Config) checkCertificates(now time.Time, warn warnFunc) {
	listeners := c.TLS.locatedKeyPairs()
	served := loadPairs(listeners, now, warn)
	if len(served) > 0 && len(served) == len(listeners) { // an unreadable one may be for any host
		c.checkHostsCovered(served, warn)
	}
	own := []keyPairAt{
		{"store.etcd.cert", KeyPair{c.Store.Etcd.Cert, c.Store.Etcd.Key}},
		{"decide.tls", KeyPair{c.Decide.TLS.Cert, c.Decide.TLS.Key}},
	}
	for i, t := range c.Tenants {
		own = append(own, keyPairAt{elementPath("tenants", i) + ".upstream_tls.cert", KeyPair{t.UpstreamTLS.Cert, t.UpstreamTLS.Key}})
	}
	loadPairs(own, now, warn)
}

// loadPairs returns the certificates that can be read, and warns of those that are
// not valid now. checkTLS, checkDecide, checkUpstreamTLS and the check of store.etcd
// report the unreadable ones.
func loadPairs(pairs []keyPairAt, now time.Time, warn warnFunc) []*tls.Certificate {
	var read []*tls.Certificate
	for _, pair := range pairs {
		loaded, err := pair.Load()
		if err != nil {
			continue
		}
		read = append(read, loaded)
		if problem := validityProblem(loaded, now); problem != "" {
			warn(pair.path, "the certificate %q %s", pair.Cert, problem)
		}
	}
	return read
}

// validityProblem says which certificate of the chain is not valid now, or "".
func validityProblem(chain *tls.Certificate, now time.Time) string {
	for i, der := range chain.Certificate {
		which := ""
		if i > 0 {
			which = fmt.Sprintf(" (certificate %d of its chain)", i+1)
		}
		c, err := x509.ParseCertificate(der)
		switch {
		case err != nil: // clients may not need it
		case now.After(c.NotAfter):
			return "expired at " + c.NotAfter.Format(time.RFC3339) + which
		case now.Before(c.NotBefore):
			return "is not valid before " + c.NotBefore.Format(time.RFC3339) + which
		}
	}
	return ""
}

// checkHostsCovered warns of tenants' hosts that no certificate covers. Like
// browsers, it compares names, whose first label may be a wildcard.
func (c *Config) checkHostsCovered(served []*tls.Certificate, warn warnFunc) {
	for i, t := range c.Tenants {
		for j, template := range t.NamedHosts() {
			if host := uncoveredHost(served, template, t.IDs()); host != "" {
				warn(elementPath(elementPath("tenants", i)+".hosts", j), "no certificate in tls is for the host %q: clients will refuse it", host)
			}
		}
	}
}

// uncoveredHost returns the first host, of a template with each of the ids, that no
// certificate covers, or "".
func uncoveredHost(served []*tls.Certificate, template string, ids []string) string {
	for _, id := range ids {
		host := tenantids.Replace(template, strings.ToLower(id))
		if !slices.ContainsFunc(served, func(c *tls.Certificate) bool { return c.Leaf.VerifyHostname(host) == nil }) {
			return host
		}
	}
	return ""
}
