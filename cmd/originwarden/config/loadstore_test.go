package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"originwarden/cmd/originwarden/config"
)

func TestLoadStore_AsksForNothingBesideTheStore(t *testing.T) {
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "originwarden.yaml")
	for _, row := range []struct {
		rule, text string
		flags      []config.Flag
		store      string // its URL, or else
		mistake    string
	}{
		{"nothing", "", nil, "sqlite:originwarden.db", ""},
		{"a file", "store: {url: 'sqlite:a.db'}", nil, "sqlite:a.db", ""},
		{"a cluster, without tokens", "store: {url: 'etcd://127.0.0.1:2379/x', etcd: {username: u, password_file: '" + password + "'}}", nil, "etcd://127.0.0.1:2379/x", ""},
		{"with tokens of other tenants", "api: {tokens: [{subject: a, tenant: b, role: admin, sha256: '" + strings.Repeat("a", 64) + "'}]}\nstore: {url: 'etcd://127.0.0.1:2379'}", nil, "etcd://127.0.0.1:2379", ""},
		{"a flag", "store: {url: 'sqlite:a.db'}", []config.Flag{{Name: "store", Value: "sqlite:b.db"}}, "sqlite:b.db", ""},
		{"a flag in the place of a cluster", "store: {url: 'etcd://127.0.0.1:2379', etcd: {username: u, password_file: '" + password + "'}}\ncache: {snapshot_dir: x}", []config.Flag{{Name: "store", Value: "sqlite:b.db"}}, "sqlite:b.db", ""},
		{"half of a login", "store:\n  url: etcd://127.0.0.1:2379\n  etcd: {username: u}", nil, "", file + ":3: store.etcd needs both username and password_file, or neither"},
		{"no such password", "store:\n  url: etcd://127.0.0.1:2379\n  etcd: {username: u, password_file: " + password + "x}", nil, "", file + ":3: store.etcd: open "},
		{"an unknown key", "stores: x", nil, "", file + `:1: unknown key "stores"`},
		{"a value elsewhere that is none", "listen: [x]", nil, "", file + ":1: listen must be a string, not a list"},
		{"no limit", "api: {limits: {origins: 0}}", nil, "", file + ":1: api.limits.origins must be more than 0"},
		{"a flag that is none", "", []config.Flag{{Name: "store", Value: "x"}}, "", `--store: "x" is not a store such as`},
	} {
		if err := os.WriteFile(file, []byte(row.text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.LoadStore(file, row.flags...)
		if row.mistake != "" {
			var mistakes config.Mistakes
			if !errors.As(err, &mistakes) || len(mistakes) != 1 || !strings.Contains(err.Error(), row.mistake) || cfg != nil {
				t.Errorf("%s: %v, want %s", row.rule, err, row.mistake)
			}
			continue
		}
		if err != nil || cfg.Store.URL.String() != row.store || time.Duration(cfg.Store.Timeout) != 5*time.Second {
			t.Errorf("%s: %+v, %v", row.rule, cfg, err)
		}
	}
	if cfg, err := config.LoadStore(""); err != nil || cfg.API.Limits.Origins != 1000 {
		t.Errorf("no file: %+v, %v", cfg, err)
	}
	if _, err := config.LoadStore(file + "x"); err == nil || !strings.Contains(err.Error(), "reading the configuration: open ") {
		t.Errorf("no such file: %v", err)
	}
}
