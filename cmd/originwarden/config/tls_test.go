package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"originwarden/cmd/originwarden/config"
)

func TestParse_ReportsInvalidTLS(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text.pem")
	if err := os.WriteFile(text, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	own, other := writeKeyPair(t, "own"), writeKeyPair(t, "other")
	const tenant = "tenants: [{id: a, upstream: 'https://127.0.0.1:1', upstream_tls: {"
	rows := []struct{ configuration, mistake string }{
		{"tls: {cert: a.pem}\ntenants: [{id: a, upstream: 'http://127.0.0.1:1'}]", "c.yaml:1: tls: a certificate needs both cert and key"},
		{"tls: {cert: /none.pem, key: /none.key}\ntenants: [{id: a, upstream: 'http://127.0.0.1:1'}]", "c.yaml:1: tls: open /none.pem: no such file"},
		{"tls: {cert: " + text + ", key: " + text + "}\ntenants: [{id: a, upstream: 'http://127.0.0.1:1'}]", "c.yaml:1: tls: " + text + " and " + text + ": tls: failed to find any PEM data"},
		{"tls: {cert: " + own.Cert + ", key: " + other.Key + "}\ntenants: [{id: a, upstream: 'http://127.0.0.1:1'}]", "c.yaml:1: tls: " + own.Cert + " and " + other.Key + ": tls: private key does not match public key"},
		{"decide: {listen: ':9', tls: {cert: a.pem}}\ntenants: [{id: a, upstream: 'http://127.0.0.1:1'}]", "c.yaml:1: decide.tls: a certificate needs both cert and key"},
		{"decide: {listen: ':9', tls: {cert: " + own.Cert + ", key: " + other.Key + "}}\ntenants: [{id: a, upstream: 'http://127.0.0.1:1'}]", "c.yaml:1: decide.tls: " + own.Cert + " and " + other.Key + ": tls: private key does not match public key"},
		{"decide: {listen: ':9', tls: {cert: " + own.Cert + ", key: " + own.Key + ", client_ca: " + text + "}}\ntenants: [{id: a, upstream: 'http://127.0.0.1:1'}]", "c.yaml:1: decide.tls.client_ca: " + text + " has no certificate in PEM"},
		{tenant + "ca: /none.pem}}]", "c.yaml:1: tenants[0].upstream_tls: open /none.pem: no such file"},
		{tenant + "ca: " + text + "}}]", "c.yaml:1: tenants[0].upstream_tls: " + text + " has no certificate in PEM"},
		{tenant + "key: " + text + "}}]", "c.yaml:1: tenants[0].upstream_tls: a certificate needs both cert and key"},
		{strings.Replace(tenant, "https", "http", 1) + "server_name: a}}]", "c.yaml:1: tenants[0].upstream_tls needs an https upstream"},
	}
	for _, row := range rows {
		_, err := config.Parse("c.yaml", []byte(row.configuration))
		if err == nil || !strings.HasPrefix(err.Error(), row.mistake) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s:\n got %v\nwant %s", row.configuration, err, row.mistake)
		}
	}
}

func TestParse_ReportsEveryInvalidCertificate(t *testing.T) {
	own, other := writeKeyPair(t, "own"), writeKeyPair(t, "other")
	_, err := config.Parse("c.yaml", []byte(`tls:
  cert: /none.pem
  certs:
    - {cert: `+own.Cert+`, key: `+own.Key+`}
    - {cert: `+own.Cert+`, key: `+other.Key+`}
    - {cert: `+own.Cert+`}
    - {}
    - {cert: /none.pem, key: /none.key, name: a}
tenants: [{id: a, upstream: 'http://127.0.0.1:1'}]
`))
	want := `c.yaml:2: tls: a certificate needs both cert and key
c.yaml:5: tls.certs[1]: ` + own.Cert + ` and ` + other.Key + `: tls: private key does not match public key
c.yaml:6: tls.certs[2]: a certificate needs both cert and key
c.yaml:7: tls.certs[3]: a certificate needs both cert and key
c.yaml:8: unknown key "name" in tls.certs[4]
c.yaml:8: tls.certs[4]: open /none.pem: no such file or directory`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestMerge_KeepsCertificates(t *testing.T) {
	own := writeKeyPair(t, "own")
	pair := "{cert: " + own.Cert + ", key: " + own.Key + "}"
	was := parse(t, oneTenant+"tls: {certs: ["+pair+"]}\n")
	for _, tls := range []string{pair, "{certs: [" + pair + ", " + pair + "]}", "{}"} {
		got, pending, err := was.Merge(parse(t, oneTenant+"tls: "+tls+"\n"))
		if err != nil || !slices.Equal(pending, []string{"tls"}) || len(got.TLS.KeyPairs()) != 1 {
			t.Errorf("%s: %q need a restart, %v, TLS %v", tls, pending, err, got)
		}
	}
}

// keyPair writes a currently valid certificate for names, and its key.
func writeKeyPair(t *testing.T, names ...string) config.KeyPair {
	t.Helper()
	return writeKeyPairFor(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), names...)
}

func writeKeyPairFor(t *testing.T, from, to time.Time, names ...string) config.KeyPair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: to}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	return config.KeyPair{Cert: write("tls.crt", "CERTIFICATE", certificate), Key: write("tls.key", "PRIVATE KEY", private)}
}
