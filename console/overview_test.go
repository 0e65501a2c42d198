package console_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"originwarden/console/gatewaytest"
)

// writeCertificate writes a certificate that expires at a time, and its key.
func writeCertificate(t *testing.T, notAfter time.Time) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: time.Unix(0, 0), NotAfter: notAfter}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, content []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", private)
}

func TestOverview_TellsOperatorsOfCertificates(t *testing.T) {
	const (
		day    = 24 * time.Hour
		decide = `decide: {listen: "127.0.0.1:0", tls: {`
	)
	for _, row := range []struct {
		rule, key, subject string
		left               time.Duration
		want               string // "": nothing
	}{
		{"it ends soon", "tls: {", "admin", 13*day + time.Hour, "The certificate for clients expires in 13 days."},
		{"it has ended", "tls: {", "admin", -day, "The certificate for clients has expired."},
		{"that for other proxies ends soon", decide, "admin", 13*day + time.Hour, "The certificate for proxies that ask expires in 13 days."},
		{"that for other proxies has ended", decide, "admin", -day, "The certificate for proxies that ask has expired."},
		{"that for other proxies ends later", decide, "admin", 15 * day, ""},
		{"it ends later", "tls: {", "admin", 15 * day, ""},
		{"whoever has one tenant cannot renew it", "tls: {", "acme-admin", day, ""},
	} {
		t.Run(row.rule, func(t *testing.T) {
			cert, key := writeCertificate(t, time.Now().Add(row.left))
			g := gatewaytest.Start(t, fmt.Sprintf("%scert: %q, key: %q%s\n", row.key, cert, key, strings.Repeat("}", strings.Count(row.key, "{")))+
				configuration(t, gatewaytest.Token("admin", "*", "admin"), gatewaytest.Token("acme-admin", "acme", "admin")))
			_, page := g.SignIn(t, row.subject).Get("/tenants/acme")
			if has := strings.Contains(page, "certificate"); has != (row.want != "") || !strings.Contains(page, row.want) {
				t.Errorf("the page is %s", page)
			}
		})
	}
}
