package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// Decide is where other proxies ask what the gateway would do with a request.
type Decide struct {
	Listen  string    `yaml:"listen"` // as host:port; "": nowhere
	Dialect Dialect   `yaml:"dialect"`
	TLS     DecideTLS `yaml:"tls"`
}

// DecideTLS names the certificate of that address, and the authorities of those that may
// ask.
type DecideTLS struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
	// ClientCA names a file of the authorities that sign the certificates of the proxies
	// that may ask, in PEM; "": everybody who reaches the address may.
	ClientCA string `yaml:"client_ca"`
}

// Dialect is how a proxy asks; see decide.Dialect.
type Dialect uint8

const (
	Nginx Dialect = iota
	Traefik
	Caddy
	Envoy
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Dialect) UnmarshalText(text []byte) error {
	return choose(d, text, "nginx", "traefik", "caddy", "envoy")
}

// Server returns the certificate as that of a listener.
func (t DecideTLS) Server() TLS { return TLS{Cert: t.Cert, Key: t.Key} }

// LoadClientCA reads the authorities as they are now. It returns nil if none are
// configured.
func (t DecideTLS) LoadClientCA() (*x509.CertPool, error) {
	if t.ClientCA == "" {
		return nil, nil
	}
	return loadAuthorities(t.ClientCA)
}

func (c *checker) checkDecide() {
	d := c.Decide
	if d.Listen == "" {
		if d.TLS != (DecideTLS{}) {
			c.reportAt("decide.tls", "decide.tls is set without decide.listen")
		}
		return
	}
	c.checkAddress("decide.listen", d.Listen)
	c.checkDistinct("decide.listen", d.Listen, "listen", c.Listen)
	c.checkDistinct("decide.listen", d.Listen, "admin.listen", c.Admin.Listen)
	if _, err := d.TLS.load(); err != nil {
		c.reportAt("decide.tls", "decide.tls: %v", err)
	}
	if _, err := d.TLS.LoadClientCA(); err != nil {
		c.reportAt("decide.tls.client_ca", "decide.tls.client_ca: %v", err)
	}
}

var errClientCAWithoutCert = errors.New("client_ca needs a certificate of the listener: cert and key")

// load returns the certificate, or nil if there is none.
func (t DecideTLS) load() (*tls.Certificate, error) {
	switch {
	case t.Server().Enabled():
		return KeyPair{t.Cert, t.Key}.Load()
	case t.ClientCA != "":
		return nil, errClientCAWithoutCert
	}
	return nil, nil
}

// loadAuthorities reads the certificates of authorities.
func loadAuthorities(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificate in PEM", file)
	}
	return pool, nil
}
