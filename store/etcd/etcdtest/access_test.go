package etcdtest_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"originwarden/store/etcd"
	"originwarden/store/etcd/etcdtest"
)

// authority is a certificate authority, with its files in dir.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	dir  string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	a.issue(t, "authority", a.cert)
	return a
}

// issue signs cert and writes NAME.pem and NAME.key.
func (a *authority) issue(t *testing.T, name string, cert *x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if a.key == nil {
		a.key = key
	}
	newClient, err := x509.CreateCertificate(rand.Reader, cert, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		a.file(name + ".pem"): {Type: "CERTIFICATE", Bytes: newClient},
		a.file(name + ".key"): {Type: "EC PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return tls.Certificate{Certificate: [][]byte{newClient}, PrivateKey: key}
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// pool returns a pool with the certificate of the authority.
func (a *authority) pool(t *testing.T) *x509.CertPool {
	t.Helper()
	text, err := os.ReadFile(a.file("authority.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pool
}

func (a *authority) issueLeaf(t *testing.T, name string) tls.Certificate {
	t.Helper()
	return a.issue(t, name, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	})
}

// TestStore_ConnectsWithTLSAndPassword uses mutual TLS, and passwords with tokens that
// expire after a second.
func TestStore_ConnectsWithTLSAndPassword(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	a.issueLeaf(t, "server")
	secured := &tls.Config{RootCAs: a.pool(t), Certificates: []tls.Certificate{a.issueLeaf(t, "client")}}
	c := etcdtest.StartCluster(t, 3, func(m *etcdtest.Member) {
		m.TLS = &transport.TLSInfo{
			CertFile: a.file("server.pem"), KeyFile: a.file("server.key"), TrustedCAFile: a.file("authority.pem"), ClientCertAuth: true,
		}
		m.Adjust = func(c *embed.Config) { c.AuthTokenTTL, c.BcryptCost = 1, 4 }
	})
	o := newOptions(c)
	o.TLS = secured
	enableAuth(t, c, secured, key(o, ""))
	o.Username, o.Password = "originwarden", "secret"
	s := openStore(t, o)
	revisionsUntil := collectRevisions(t, s)
	for range 4 {
		create(t, s, newIntegration("acme", "one"))
		time.Sleep(700 * time.Millisecond) // the token expires
	}
	latest := create(t, s, newIntegration("acme", "two"))
	if all := revisionsUntil(latest.Revision); len(all) != 5 {
		t.Errorf("the feed has the revisions %d, want 5", all)
	}

	for name, c := range map[string]struct {
		change func(*etcd.Options)
		want   string
	}{
		// The server asks for the certificate after the handshake, so the error that
		// the client sees depends on timing.
		"no client certificate": {func(o *etcd.Options) { o.TLS = &tls.Config{RootCAs: a.pool(t)} }, ""},
		"another authority":     {func(o *etcd.Options) { o.TLS = &tls.Config{Certificates: secured.Certificates} }, "unknown authority"},
		"no TLS":                {func(o *etcd.Options) { o.TLS = nil }, "connection"},
		"wrong password":        {func(o *etcd.Options) { o.Password = "guess" }, "authentication failed"},
		"unknown user":          {func(o *etcd.Options) { o.Username = "nobody" }, "authentication failed"},
		"no user":               {func(o *etcd.Options) { o.Username, o.Password = "", "" }, "permission denied"},
		"another prefix":        {func(o *etcd.Options) { o.Prefix = "elsewhere" }, "permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := o
			c.change(&o)
			s := openStore(t, o)
			_, err := s.Position(withTimeout(t, 5*time.Second))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Position: error %v, want %q", err, c.want)
			}
			ctx := withTimeout(t, time.Second)
			if err := s.Watch(ctx, 0, nil); err == nil {
				t.Error("Watch returned without an error")
			}
		})
	}
}

// enableAuth creates a user who may read and write under the prefix, and enables
// authentication.
func enableAuth(t *testing.T, c *etcdtest.Cluster, secured *tls.Config, prefix string) {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: c.Endpoints(), TLS: secured, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { _, err := client.UserAdd(ctx, "root", "secret"); return err },
		func(ctx context.Context) error { _, err := client.UserGrantRole(ctx, "root", "root"); return err },
		func(ctx context.Context) error { _, err := client.UserAdd(ctx, "originwarden", "secret"); return err },
		func(ctx context.Context) error { _, err := client.RoleAdd(ctx, "originwarden"); return err },
		func(ctx context.Context) error {
			_, err := client.RoleGrantPermission(ctx, "originwarden", prefix, clientv3.GetPrefixRangeEnd(prefix), clientv3.PermissionType(clientv3.PermReadWrite))
			return err
		},
		func(ctx context.Context) error {
			_, err := client.UserGrantRole(ctx, "originwarden", "originwarden")
			return err
		},
		func(ctx context.Context) error { _, err := client.AuthEnable(ctx); return err },
	} {
		if err := step(withTimeout(t, 10*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
}
