package config

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"os"
)

// Etcd is how a gateway connects to a cluster. It uses TLS if there is a CA or a
// Cert.
type Etcd struct {
	Username string `yaml:"username"`
	// PasswordFile names a file with the password, and perhaps a line end.
	PasswordFile string `yaml:"password_file"`
	// CA, Cert and Key are like those of UpstreamTLS.
	CA   string `yaml:"ca"`
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// Password reads PasswordFile. It returns "" if there is none.
func (e Etcd) Password() (string, error) {
	if e.PasswordFile == "" {
		return "", nil
	}
	text, err := os.ReadFile(e.PasswordFile)
	if err != nil {
		return "", err
	}
	text = bytes.TrimRight(text, "\r\n")
	if len(text) == 0 {
		return "", fmt.Errorf("%s is empty", e.PasswordFile)
	}
	return string(text), nil
}

// TLS reads the files. It returns nil if there are none.
func (e Etcd) TLS() (*tls.Config, error) {
	return UpstreamTLS{CA: e.CA, Cert: e.Cert, Key: e.Key}.Load()
}

func (c *checker) checkStore() {
	switch {
	case c.isInvalid("store.url"): // so that it is unknown what the rest is for
	case c.Store.URL.Remote():
		c.checkEtcd()
		// Beside a SQLite file, the first start makes a token.
		if len(c.API.Tokens) == 0 && c.API.OIDC.Issuer == "" && !c.isInvalid("api.tokens") {
			c.reportAt("store.url", "a store in etcd needs api.tokens or api.oidc: without them, nobody can use the API")
		}
	default:
		if c.Store.Etcd != (Etcd{}) {
			c.reportAt("store.etcd", "store.etcd is for a store in etcd, and store.url is %q", c.Store.URL.String())
		}
		if c.Cache.SnapshotDir != "" {
			c.reportAt("cache.snapshot_dir", "cache.snapshot_dir is for a store in etcd, and store.url is %q", c.Store.URL.String())
		}
	}
}

// checkStoreAlone is checkStore for LoadStore. A flag may name another store than
// the one that the rest of the file is for.
func (c *checker) checkStoreAlone() {
	if c.Store.URL.Remote() {
		c.checkEtcd()
	}
}

func (c *checker) checkEtcd() {
	e := c.Store.Etcd
	if (e.Username == "") != (e.PasswordFile == "") {
		c.reportAt("store.etcd", "store.etcd needs both username and password_file, or neither")
	}
	_, passwordErr := e.Password()
	_, tlsErr := e.TLS()
	for _, err := range []error{passwordErr, tlsErr} {
		if err != nil {
			c.reportAt("store.etcd", "store.etcd: %v", err)
		}
	}
}
