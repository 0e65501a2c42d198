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

func TestLoadStore_NeedsOnlyStore(t *testing.T) {
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
		{"empty file", "", nil, "sqlite:originwarden.db", ""},
		{"SQLite file", "store: {url: 'sqlite:a.db'}", nil, "sqlite:a.db", ""},
		{"cluster without tokens", "store: {url: 'etcd://127.0.0.1:2379/x', etcd: {username: u, password_file: '" + password + "'}}", nil, "etcd://127.0.0.1:2379/x", ""},
		{"cluster with a token of an unknown tenant", "api: {tokens: [{subject: a, tenant: b, role: admin, sha256: '" + strings.Repeat("a", 64) + "'}]}\nstore: {url: 'etcd://127.0.0.1:2379'}", nil, "etcd://127.0.0.1:2379", ""},
		{"flag", "store: {url: 'sqlite:a.db'}", []config.Flag{{Name: "store", Value: "sqlite:b.db"}}, "sqlite:b.db", ""},
		{"flag replaces a cluster", "store: {url: 'etcd://127.0.0.1:2379', etcd: {username: u, password_file: '" + password + "'}}\ncache: {snapshot_dir: x}", []config.Flag{{Name: "store", Value: "sqlite:b.db"}}, "sqlite:b.db", ""},
		{"username without a password", "store:\n  url: etcd://127.0.0.1:2379\n  etcd: {username: u}", nil, "", file + ":3: store.etcd needs both username and password_file, or neither"},
		{"missing password file", "store:\n  url: etcd://127.0.0.1:2379\n  etcd: {username: u, password_file: " + password + "x}", nil, "", file + ":3: store.etcd: open "},
		{"unknown key", "stores: x", nil, "", file + `:1: unknown key "stores"`},
		{"invalid value of another key", "listen: [x]", nil, "", file + ":1: listen must be a string, not a list"},
		{"zero limit", "api: {limits: {origins: 0}}", nil, "", file + ":1: api.limits.origins must be more than 0"},
		{"invalid flag", "", []config.Flag{{Name: "store", Value: "x"}}, "", `--store: "x" is not a store such as`},
	} {
		if err := os.WriteFile(file, []byte(row.text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.LoadStore(file, row.flags...)
		if row.mistake != "" {
			var mistakes config.Mistakes
			if !errors.As(err, &mistakes) || len(mistakes) != 1 || !strings.Contains(err.Error(), row.mistake) || cfg != nil {
				t.Errorf("%s: error %v, want %s", row.rule, err, row.mistake)
			}
			continue
		}
		if err != nil || cfg.Store.URL.String() != row.store || time.Duration(cfg.Store.Timeout) != 5*time.Second {
			t.Errorf("%s: LoadStore: %+v, %v; want store %s", row.rule, cfg, err, row.store)
		}
	}
	if cfg, err := config.LoadStore(""); err != nil || cfg.API.Limits.Origins != 1000 {
		t.Errorf("LoadStore without a file: %+v, %v", cfg, err)
	}
	if _, err := config.LoadStore(file + "x"); err == nil || !strings.Contains(err.Error(), "reading the configuration: open ") {
		t.Errorf("LoadStore of a missing file: %v", err)
	}
}
