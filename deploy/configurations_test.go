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

// TestConfigurations_AreValid runs serve --check on every configuration in deploy,
// with files in place of its secrets and its volume.
func TestConfigurations_AreValid(t *testing.T) {
	secrets := t.TempDir()
	writeSecrets(t, secrets)
	paths := strings.NewReplacer("/run/secrets/originwarden", filepath.ToSlash(secrets), "/var/lib/originwarden", filepath.ToSlash(t.TempDir()))
	for _, file := range []string{"compose/originwarden.yaml", "kubernetes/edge/originwarden.yaml", "kubernetes/single/originwarden.yaml", "kubernetes/example/originwarden.yaml"} {
		t.Run(file, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			config := filepath.Join(t.TempDir(), "originwarden.yaml")
			writeFile(t, config, paths.Replace(string(text)))
			if out, err := exec.Command(binary, "serve", "--check", "--config", config).CombinedOutput(); err != nil || strings.Contains(string(out), "warning") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestConfigurations_SetStoreCreate checks the key that prevents a mistyped store URL
// from creating a new store after the first rollout.
func TestConfigurations_SetStoreCreate(t *testing.T) {
	for _, file := range []string{"kubernetes/edge/originwarden.yaml", "kubernetes/single/originwarden.yaml", "kubernetes/example/originwarden.yaml"} {
		if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), "  # never, after the first rollout: ") || !strings.Contains(string(text), "\n  create: auto\n") {
			t.Errorf("%s does not set store.create, with a comment that says what to set after the first rollout (%v)", file, err)
		}
	}
}

// writeSecrets writes the files of the Secrets that the manifests mount.
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
	encodePEM := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	writeFile(t, filepath.Join(dir, "tls", "tls.crt"), encodePEM("CERTIFICATE", certificate))
	writeFile(t, filepath.Join(dir, "tls", "tls.key"), encodePEM("PRIVATE KEY", private))
	writeFile(t, filepath.Join(dir, "etcd", "ca.crt"), encodePEM("CERTIFICATE", certificate))
	writeFile(t, filepath.Join(dir, "etcd", "password"), "secret\n")
}
