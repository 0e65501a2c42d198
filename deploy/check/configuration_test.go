package check

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
	"slices"
	"strings"
	"testing"
	"time"
)

// TestConfigurations_AreValid runs serve --check on every configuration that the chart
// renders, with directories in place of what the pod mounts. A path that is not below a
// mount does not exist.
func TestConfigurations_AreValid(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "originwarden")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", binary, "./cmd/originwarden")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	secrets := newSecrets(t)
	forEach(t, func(t *testing.T, m *manifests) {
		root := t.TempDir()
		pod := &m.workloads[0].template.Spec
		for _, mount := range gatewayContainer(t, pod).VolumeMounts {
			dir := filepath.Join(root, mount.MountPath)
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			for _, volume := range pod.Volumes {
				if volume.Name != mount.Name {
					continue
				}
				if volume.Secret != nil {
					writeFiles(t, dir, secrets[volume.Secret.SecretName])
				}
				if volume.ConfigMap != nil && volume.ConfigMap.Name == "tenants" {
					writeFiles(t, dir, map[string]string{"ids": "b\nc\n"})
				}
			}
		}
		_, text := m.config(t)
		for _, path := range []string{"/run/secrets/", "/var/lib/", "/etc/originwarden"} {
			text = strings.ReplaceAll(text, path, root+path)
		}
		config := filepath.Join(root, "originwarden.yaml")
		writeFiles(t, root, map[string]string{"originwarden.yaml": text})
		if out, err := exec.Command(binary, "serve", "--check", "--config", config).CombinedOutput(); err != nil || strings.Contains(string(out), "warning") {
			t.Errorf("%v\n%s\n%s", err, out, text)
		}
	})
}

// The old container keeps its volumes until the new pods are ready, so that the new
// configuration must be in force by a rollout.
func TestPods_AreReplacedWhenConfigurationChanges(t *testing.T) {
	forEach(t, func(t *testing.T, m *manifests) {
		annotations := m.workloads[0].template.Annotations
		if !slices.ContainsFunc([]string{"checksum/config", "checksum/originwarden"}, func(key string) bool { return len(annotations[key]) == 64 }) {
			t.Errorf("annotations %v, want a checksum of the configuration", annotations)
		}
	})
}

func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// newSecrets returns the Secrets that the operator creates, by name: the files of each.
func newSecrets(t *testing.T) map[string]map[string]string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"*.example.com"}, IsCA: true, BasicConstraintsValid: true,
	}
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
	pair := map[string]string{"tls.crt": encodePEM("CERTIFICATE", certificate), "tls.key": encodePEM("PRIVATE KEY", private)}
	return map[string]map[string]string{
		"originwarden-tls": pair,
		"example-tls":      pair,
		"originwarden-etcd": {
			"ca.crt": pair["tls.crt"], "password": "secret\n", "tls.crt": pair["tls.crt"], "tls.key": pair["tls.key"],
		},
		"console":             {"secret": "secret\n"},
		"originwarden-decide": pair,
		"proxies-ca":          {"ca.crt": pair["tls.crt"]},
	}
}
