package deploy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestConfigurations_AreValid holds every configuration that is shipped to the
// gateway's own check, with files where it names secrets and the volume.
func TestConfigurations_AreValid(t *testing.T) {
	secrets := t.TempDir()
	writeSecrets(t, secrets)
	shipped := strings.NewReplacer("/run/secrets/originwarden", filepath.ToSlash(secrets), "/var/lib/originwarden", filepath.ToSlash(t.TempDir()))
	for _, file := range []string{"compose/originwarden.yaml", "kubernetes/edge/originwarden.yaml", "kubernetes/single/originwarden.yaml", "kubernetes/example/originwarden.yaml"} {
		t.Run(file, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			copied := filepath.Join(t.TempDir(), "originwarden.yaml")
			write(t, copied, shipped.Replace(string(text)))
			if out, err := exec.Command(binary, "serve", "--check", "--config", copied).CombinedOutput(); err != nil || strings.Contains(string(out), "warning") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestConfigurations_SayWhenAStoreIsMade holds those that outlive a first start
// to the key that keeps a mistyped store from being a new one.
func TestConfigurations_SayWhenAStoreIsMade(t *testing.T) {
	for _, file := range []string{"kubernetes/edge/originwarden.yaml", "kubernetes/single/originwarden.yaml", "kubernetes/example/originwarden.yaml"} {
		if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), "  # never, after the first rollout: ") || !strings.Contains(string(text), "\n  create: auto\n") {
			t.Errorf("%s has no store.create with what to set it to after the first rollout (%v)", file, err)
		}
	}
}

// writeSecrets writes what the Secrets of the manifests hold.
func writeSecrets(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"acme.example.com"}, IsCA: true, BasicConstraintsValid: true}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	inPEM := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	write(t, filepath.Join(dir, "tls", "tls.crt"), inPEM("CERTIFICATE", certificate))
	write(t, filepath.Join(dir, "tls", "tls.key"), inPEM("PRIVATE KEY", private))
	write(t, filepath.Join(dir, "etcd", "ca.crt"), inPEM("CERTIFICATE", certificate))
	write(t, filepath.Join(dir, "etcd", "password"), "secret\n")
}
