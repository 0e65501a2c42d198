package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
)

// TLS names the certificates of the listener.
type TLS struct {
	// Cert and Key are the first pair, for clients that name no known host.
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
	// Certs are more pairs. A client gets one for the host that it names (SNI).
	Certs []KeyPair `yaml:"certs"`
}

// KeyPair names the files of a certificate chain and its key, in PEM.
type KeyPair struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// Enabled reports whether there is a certificate.
func (t TLS) Enabled() bool { return len(t.locatedKeyPairs()) > 0 }

// KeyPairs returns all pairs, beginning with Cert and Key.
func (t TLS) KeyPairs() []KeyPair {
	var all []KeyPair
	for _, p := range t.locatedKeyPairs() {
		all = append(all, p.KeyPair)
	}
	return all
}

// keyPairAt is a pair and its path in the configuration.
type keyPairAt struct {
	path string
	KeyPair
}

func (t TLS) locatedKeyPairs() []keyPairAt {
	var all []keyPairAt
	if first := (KeyPair{t.Cert, t.Key}); first != (KeyPair{}) {
		all = append(all, keyPairAt{"tls", first})
	}
	for i, pair := range t.Certs {
		all = append(all, keyPairAt{elementPath("tls.certs", i), pair})
	}
	return all
}

// Load reads the files as they are now.
func (p KeyPair) Load() (*tls.Certificate, error) {
	if p.Cert == "" || p.Key == "" {
		return nil, errors.New("a certificate needs both cert and key")
	}
	pair, err := tls.LoadX509KeyPair(p.Cert, p.Key)
	if _, isNamed := errors.AsType[*fs.PathError](err); err != nil && !isNamed {
		err = fmt.Errorf("%s and %s: %w", p.Cert, p.Key, err)
	}
	return &pair, err
}

// UpstreamTLS says how the gateway connects to an https upstream.
type UpstreamTLS struct {
	// CA names a file of the authorities that sign the tenant's certificate, in
	// PEM; "" stands for the system's.
	CA         string `yaml:"ca"`
	ServerName string `yaml:"server_name"` // in the certificate; "": the upstream's host
	// Cert and Key are the gateway's own certificate, for a tenant that asks.
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// Load reads the files. It returns nil if nothing is configured.
func (u UpstreamTLS) Load() (*tls.Config, error) {
	if u == (UpstreamTLS{}) {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.ServerName}
	if u.CA != "" {
		authorities, err := loadAuthorities(u.CA)
		if err != nil {
			return nil, err
		}
		config.RootCAs = authorities
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

func (c *checker) checkTLS() {
	if len(c.TLS.Certs) == 0 {
		c.TLS.Certs = nil // for Merge, [] is like a missing key
	}
	for _, pair := range c.TLS.locatedKeyPairs() {
		if _, err := pair.Load(); err != nil {
			c.reportAt(pair.path, "%s: %v", pair.path, err)
		}
	}
}

func (c *checker) checkUpstreamTLS(path string, t *Tenant) {
	if t.UpstreamTLS == (UpstreamTLS{}) {
		return
	}
	if t.Upstream.URL != nil && t.Upstream.Scheme != "https" {
		c.reportAt(path, "%s needs an https upstream", path)
	}
	if _, err := t.UpstreamTLS.Load(); err != nil {
		c.reportAt(path, "%s: %v", path, err)
	}
}
