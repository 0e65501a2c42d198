package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// TLS names the files of a certificate chain and its key, in PEM.
type TLS struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// Enabled reports whether there is a certificate.
func (t TLS) Enabled() bool { return t != TLS{} }

// Load reads the certificate as the files have it now.
func (t TLS) Load() (*tls.Certificate, error) {
	if t.Cert == "" || t.Key == "" {
		return nil, errors.New("a certificate needs both cert and key")
	}
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
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
	if own := (TLS{u.Cert, u.Key}); own.Enabled() {
		pair, err := own.Load()
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{*pair}
	}
	return config, nil
}

func (c *checker) tls() {
	if c.TLS.Enabled() {
		if _, err := c.TLS.Load(); err != nil {
			c.at("tls", "tls: %v", err)
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
