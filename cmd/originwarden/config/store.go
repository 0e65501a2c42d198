package config

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// StoreURL says where the store is: in a file, or in a cluster of etcd.
type StoreURL struct {
	// Path is the SQLite file, relative to the working directory, or "".
	Path string
	// Endpoints are members of the cluster, as host:port, and Prefix what its
	// keys begin with, or "".
	Endpoints []string
	Prefix    string
}

// Remote reports whether the store is on other machines, so that it may be
// away while the gateway works.
func (u StoreURL) Remote() bool { return len(u.Endpoints) > 0 }

// String is the URL.
func (u StoreURL) String() string {
	if u.Remote() {
		return "etcd://" + strings.Join(u.Endpoints, ",") + u.Prefix
	}
	return "sqlite:" + u.Path
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (u *StoreURL) UnmarshalText(text []byte) error {
	*u = StoreURL{}
	if rest, ok := strings.CutPrefix(string(text), "etcd://"); ok {
		return u.cluster(rest)
	}
	path, ok := strings.CutPrefix(string(text), "sqlite:")
	if !ok || path == "" || path == ":memory:" || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "?\x00") {
		return fmt.Errorf("%s is no store, such as sqlite:/var/lib/originwarden/lists.db or etcd://HOST:2379,HOST:2379/PREFIX", quote(text))
	}
	u.Path = path
	return nil
}

func (u *StoreURL) cluster(rest string) error {
	members, prefix, found := strings.Cut(rest, "/")
	for member := range strings.SplitSeq(members, ",") {
		host, port, err := net.SplitHostPort(member)
		if err != nil || host == "" || !isBindable(host) || !isPort(port, 1) {
			return fmt.Errorf("%s is no member of a cluster, such as etcd-1.internal:2379", quote(member))
		}
	}
	if strings.ContainsAny(prefix, "?#\x00") {
		return fmt.Errorf("the prefix %s has a character that is for URLs alone", quote(prefix))
	}
	u.Endpoints = strings.Split(members, ",")
	if found && prefix != "" {
		u.Prefix = "/" + prefix
	}
	return nil
}

// Creation says whether a store is made where there is none.
type Creation uint8

const (
	// CreateAuto makes it. It is the zero value.
	CreateAuto Creation = iota
	// CreateNever makes none: that there is none is an error.
	CreateNever
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Creation) UnmarshalText(text []byte) error {
	return choose(c, text, choice[Creation]{"auto", CreateAuto}, choice[Creation]{"never", CreateNever})
}

// Etcd is how to get into a cluster. TLS is spoken when it names a CA or a
// certificate.
type Etcd struct {
	Username string `yaml:"username"`
	// PasswordFile is a file with the user's password, and perhaps a line end.
	PasswordFile string `yaml:"password_file"`
	// CA, Cert and Key are as those of UpstreamTLS.
	CA   string `yaml:"ca"`
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// Password reads the file.
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

// TLS reads the files. It returns nil when none is named.
func (e Etcd) TLS() (*tls.Config, error) {
	return UpstreamTLS{CA: e.CA, Cert: e.Cert, Key: e.Key}.Load()
}

func (c *checker) store() {
	if c.isBroken("store.url") {
		return // what the rest is for is not known
	}
	if c.Store.URL.Remote() {
		c.etcd()
		return
	}
	if c.Store.Etcd != (Etcd{}) {
		c.at("store.etcd", "store.etcd is for a store of etcd, and store.url is %s", quote(c.Store.URL.String()))
	}
	if c.Cache.SnapshotDir != "" {
		c.at("cache.snapshot_dir", "cache.snapshot_dir is for a store on other machines: a SQLite file is here when the gateway is")
	}
}

func (c *checker) etcd() {
	e := c.Store.Etcd
	if (e.Username == "") != (e.PasswordFile == "") {
		c.at("store.etcd", "store.etcd needs both username and password_file, or neither")
	}
	_, wrongPassword := e.Password()
	_, wrongTLS := e.TLS()
	for _, err := range []error{wrongPassword, wrongTLS} {
		if err != nil {
			c.at("store.etcd", "store.etcd: %v", err)
		}
	}
	if err := c.authenticates(); err != nil && !c.broken["api.tokens"] && !c.broken["api"] {
		c.at("store.url", "%v", err)
	}
}

// authenticates tells that nobody could use the API. Beside a SQLite file, a
// token is made.
func (c *checker) authenticates() error {
	if len(c.API.Tokens) == 0 && c.API.OIDC.Issuer == "" {
		return errors.New("a store of etcd needs api.tokens or api.oidc: there is no file of the store's to keep a token beside")
	}
	return nil
}
