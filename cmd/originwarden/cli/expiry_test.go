package cli

import (
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"originwarden/cmd/originwarden/config"
)

// appendIntermediate appends a certificate that expires at until to the chain of
// leaf.
func appendIntermediate(t *testing.T, leaf config.KeyPair, until time.Time) config.KeyPair {
	t.Helper()
	chain, err := os.ReadFile(leaf.Cert)
	if err != nil {
		t.Fatal(err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: newAuthorityUntil(t, t.TempDir(), until).certificate.Raw})
	if err := os.WriteFile(leaf.Cert, append(chain, block...), 0o600); err != nil {
		t.Fatal(err)
	}
	return leaf
}

func TestServe_ReportsEarliestExpiryOfEveryChain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := newAuthority(t, dir)
	now := time.Now().Truncate(time.Second)
	ends := map[string]time.Time{"server": now.Add(10 * time.Minute), "upstream": now.Add(20 * time.Minute), "etcd": now.Add(30 * time.Minute)}
	pair := map[string]string{}
	for name, until := range ends {
		files := appendIntermediate(t, ca.issue(t, dir, name), until)
		pair[name] = fmt.Sprintf("cert: %q, key: %q", files.Cert, files.Key)
	}
	r := startCommand(t, Environment{}, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--config", writeConfig(t, fmt.Sprintf(`
tls: {%s}
tenants: [{id: acme, upstream: "https://127.0.0.1:1", upstream_tls: {%s}}]
store: {url: "etcd://127.0.0.1:1", etcd: {%s}}
api: {tokens: [{subject: ops, tenant: "*", role: admin, sha256: "%064d"}]}`, pair["server"], pair["upstream"], pair["etcd"], 0)))
	t.Cleanup(func() { r.stop(t) })
	admin := "http://" + r.await(t, r.stdout, readyLine)[2]
	_, text := send(t, "GET", admin+"/metrics", "")
	for name, until := range ends {
		if want := fmt.Sprintf("\n%s{certificate=%q} %v\n", certificateMetric, name, float64(until.Unix())); !strings.Contains(text, want) {
			t.Errorf("metrics lack%s", want)
		}
	}
}
