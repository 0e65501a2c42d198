package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"originwarden/api/auth"
)

const collection = "/api/v1/web-integrations"

func TestServe_CreatesAdminTokenOnce(t *testing.T) {
	dir, url := t.TempDir(), startServer(t, hello)
	file := filepath.Join(dir, adminTokenName)
	var tokens [2]string
	for i := range tokens {
		r := launchGateway(t, Environment{}, dir, tenantConfig(url))
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tokens[i] = strings.TrimSpace(string(text))
		response, _ := send(t, "GET", r.tenants+collection, "", "Authorization: Bearer "+tokens[i])
		if response.StatusCode != 200 {
			t.Errorf("token of the file: status %d, want 200", response.StatusCode)
		}
		if response, _ = send(t, "GET", r.tenants+collection, ""); response.StatusCode != 401 {
			t.Errorf("no token: status %d, want 401", response.StatusCode)
		}
		if r.stop(t) != exitDone {
			t.Error(r.stderr)
		}
		if written := r.stdout.String() + r.stderr.String(); strings.Contains(written, tokens[i]) || !strings.Contains(written, file) {
			t.Errorf("output has the token or lacks its file name:\n%s", written)
		}
	}
	if tokens[0] != tokens[1] || !auth.IsToken(tokens[0]) {
		t.Errorf("got tokens %q, want the same valid token twice", tokens)
	}
	if stat, err := os.Stat(file); err != nil || stat.Mode() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("%v, %v", stat.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, adminTokenName+"-*")); left != nil {
		t.Errorf("left behind: %q", left)
	}
}

func TestServe_CreatesNoAdminTokenWhenTokensAreConfigured(t *testing.T) {
	dir := t.TempDir()
	hash := sha256.Sum256([]byte("ow_configured"))
	r := startGateway(t, dir, tenantConfig(startServer(t, hello),
		"api: {tokens: [{subject: ops, tenant: acme, role: admin, sha256: '"+hex.EncodeToString(hash[:])+"'}]}"))
	response, text := send(t, "POST", r.tenants+collection, `{"name":"n"}`, "Authorization: Bearer ow_configured", "Content-Type: application/json")
	if response.StatusCode != 201 || !strings.Contains(text, `"createdBy":"ops"`) {
		t.Errorf("got %d %s", response.StatusCode, text)
	}
	if _, err := os.Stat(filepath.Join(dir, adminTokenName)); !os.IsNotExist(err) {
		t.Errorf("admin token file: got error %v, want not exist", err)
	}
}

func TestServe_RefusesInvalidAdminTokenFile(t *testing.T) {
	for _, content := range []string{"", "\n", "secret", "ow_short", strings.Repeat("x", 1<<20)} {
		dir := t.TempDir()
		file := filepath.Join(dir, adminTokenName)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		status, stdout, stderr := runCommand(t, noListeners(t), "serve", "--upstream", "http://127.0.0.1:1", "--store", "sqlite:"+filepath.Join(dir, "lists.db"))
		want := "originwarden: the admin token: " + file + " contains no token: remove the file, and the next start makes one\n"
		if status != exitFailed || stdout != "" || stderr != want {
			t.Errorf("%.20q: exit status %d, %q and\n%s", content, status, stdout, stderr)
		}
	}
}

func TestServe_WarnsAboutReadableAdminToken(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("file modes are not supported")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, adminTokenName), []byte(auth.NewToken()), 0o600); err != nil {
		t.Fatal(err)
	}
	const warning = "other users can read the admin token"
	r := startGateway(t, dir, tenantConfig("http://127.0.0.1:1"))
	r.await(t, r.stderr, `"msg":"ready"`) // logged after any warning
	if strings.Contains(r.stderr.String(), warning) {
		t.Errorf("unexpected warning about a private file:\n%s", r.stderr)
	}
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, adminTokenName), []byte(auth.NewToken()), 0o644); err != nil {
		t.Fatal(err)
	}
	r = startGateway(t, dir, tenantConfig("http://127.0.0.1:1"))
	r.await(t, r.stderr, warning)
}
