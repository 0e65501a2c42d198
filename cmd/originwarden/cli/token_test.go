package cli

import (
	"crypto/sha256"
	"strings"
	"testing"

	"originwarden/api/auth"
	"originwarden/cmd/originwarden/config"
)

func TestToken_PrintsTokenAndConfigurationLine(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range []struct {
		args            []string
		subject, tenant string
		role            config.Role
	}{
		{nil, "admin", "*", config.RoleAdmin},
		{[]string{"--subject", `ops "at" {night}: #1`, "--tenant", "acme", "--role", "reader"}, `ops "at" {night}: #1`, "acme", config.RoleReader},
	} {
		status, stdout, stderr := runCommand(t, Environment{}, append([]string{"token"}, c.args...)...)
		lines := strings.Split(stdout, "\n")
		if status != exitDone || stderr != "" || len(lines) != 3 || !auth.IsToken(lines[0]) || seen[lines[0]] {
			t.Fatalf("exit status %d\n%s%s", status, stdout, stderr)
		}
		seen[lines[0]] = true
		cfg, err := config.Parse("c.yaml", []byte("tenants: [{id: acme, upstream: 'http://u'}]\napi:\n  tokens:\n    "+lines[1]))
		if err != nil {
			t.Fatal(err)
		}
		want := config.Token{Subject: c.subject, Tenant: c.tenant, Role: c.role, SHA256: sha256.Sum256([]byte(lines[0]))}
		if got := cfg.API.Tokens[0]; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestToken_RefusesInvalidValues(t *testing.T) {
	for _, args := range [][]string{
		{"--role", "root"}, {"--tenant", "a b"}, {"--tenant", ""}, {"--subject", ""}, {"--subject", "a\nb"},
	} {
		status, stdout, stderr := runCommand(t, Environment{}, append([]string{"token"}, args...)...)
		if status != exitUsage || stdout != "" || !strings.Contains(stderr, "originwarden: "+args[0]) {
			t.Errorf("%q: exit status %d\n%s%s", args, status, stdout, stderr)
		}
	}
}
