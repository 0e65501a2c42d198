package decide_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"testing"
	"time"
)

// An authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	text        string // PEM
}

// A pair is a certificate and its key, in PEM.
type pair struct{ certificate, key string }

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{key: newKey(t)}
	template := &x509.Certificate{Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.certificate, a.text = a.sign(t, template, a.key, time.Now().Add(time.Hour))
	return a
}

// issue returns a certificate for a name, which is for both ends of a connection, and
// until when it is valid.
func (a *authority) issue(t *testing.T, name string, until time.Time) pair {
	t.Helper()
	key := newKey(t)
	_, certificate := a.sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}, key, until)
	return pair{certificate, encodeKey(t, key)}
}

func (a *authority) sign(t *testing.T, template *x509.Certificate, key *ecdsa.PrivateKey, until time.Time) (*x509.Certificate, string) {
	t.Helper()
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-2*time.Hour), until
	parent := a.certificate
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return signed, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func encodeKey(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// load returns the pair as a server uses it.
func (p pair) load(t *testing.T) tls.Certificate {
	t.Helper()
	loaded, err := tls.X509KeyPair([]byte(p.certificate), []byte(p.key))
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// write writes the pair as the configurations name its files.
func (p pair) write(t *testing.T, dir, name string) {
	t.Helper()
	write(t, filepath.Join(dir, name+".crt"), p.certificate)
	write(t, filepath.Join(dir, name+".key"), p.key)
	write(t, filepath.Join(dir, name+".pem"), p.certificate+p.key)
}
