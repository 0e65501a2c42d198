package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// TLS names the certificates of the listener.
type TLS struct {
	// Cert and Key are those of the first one, for clients that name no host or
	// an unknown one. They may be empty where there are Certs.
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
	// Certs are more of them. A client gets one for the host that it names (SNI).
	Certs []KeyPair `yaml:"certs"`
}

// KeyPair names the files of a certificate chain and its key, in PEM.
type KeyPair struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// Enabled reports whether there is a certificate.
func (t TLS) Enabled() bool { return len(t.places()) > 0 }

// KeyPairs are all of them, the first one first.
func (t TLS) KeyPairs() []KeyPair {
	var all []KeyPair
	for _, p := range t.places() {
		all = append(all, p.KeyPair)
	}
	return all
}

// keyPairAt is a certificate and the path of where it is configured.
type keyPairAt struct {
	path string
	KeyPair
}

func (t TLS) places() []keyPairAt {
	var all []keyPairAt
	if first := (KeyPair{t.Cert, t.Key}); first != (KeyPair{}) {
		all = append(all, keyPairAt{"tls", first})
	}
	for i, pair := range t.Certs {
		all = append(all, keyPairAt{element("tls.certs", i), pair})
	}
	return all
}

func (t TLS) same(other TLS) bool {
	return t.Cert == other.Cert && t.Key == other.Key && slices.Equal(t.Certs, other.Certs)
}

// Load reads the certificate as the files have it now.
func (p KeyPair) Load() (*tls.Certificate, error) {
	if p.Cert == "" || p.Key == "" {
		return nil, errors.New("a certificate needs both cert and key")
	}
	pair, err := tls.LoadX509KeyPair(p.Cert, p.Key)
	if _, named := errors.AsType[*fs.PathError](err); err != nil && !named {
		err = fmt.Errorf("%s and %s: %w", p.Cert, p.Key, err)
	}
	return &pair, err
}

// UpstreamTLS is how a tenant is reached by TLS.
type UpstreamTLS struct {
	// CA is a file of certificates in PEM that the tenant's has to be signed by,
	// in the place of the system's authorities.
	CA string `yaml:"ca"`
	// ServerName is the name that the tenant's certificate has to have; "" is
	// the upstream's host.
	ServerName string `yaml:"server_name"`
	// Cert and Key are the gateway's own certificate, for a tenant that asks.
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// Load reads the files. It returns nil when nothing is configured.
func (u UpstreamTLS) Load() (*tls.Config, error) {
	if u == (UpstreamTLS{}) {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.ServerName}
	if u.CA != "" {
		text, err := os.ReadFile(u.CA)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s has no certificate in PEM", u.CA)
		}
	}
	if own := (KeyPair{u.Cert, u.Key}); own != (KeyPair{}) {
		pair, err := own.Load()
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{*pair}
	}
	return config, nil
}

func (c *checker) tls() {
	for _, pair := range c.TLS.places() {
		if _, err := pair.Load(); err != nil {
			c.at(pair.path, "%s: %v", pair.path, err)
		}
	}
}

func (c *checker) upstreamTLS(at string, t *Tenant) {
	if t.UpstreamTLS == (UpstreamTLS{}) {
		return
	}
	if t.Upstream.URL != nil && t.Upstream.Scheme != "https" {
		c.at(at, "%s is for an upstream of https", at)
	}
	if _, err := t.UpstreamTLS.Load(); err != nil {
		c.at(at, "%s: %v", at, err)
	}
}
