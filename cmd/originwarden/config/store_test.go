package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"originwarden/cmd/originwarden/config"
)

func TestParse_ReadsClusterURL(t *testing.T) {
	for _, c := range []struct {
		url, prefix string
		endpoints   []string
	}{
		{"etcd://h:2379", "", []string{"h:2379"}},
		{"etcd://h:2379/", "", []string{"h:2379"}},
		{"etcd://a.example:1,127.0.0.1:2,[::1]:3/gateways/eu", "/gateways/eu", []string{"a.example:1", "127.0.0.1:2", "[::1]:3"}},
	} {
		cfg, err := config.Parse("c.yaml", []byte(oneTenant+token+"store: {url: '"+c.url+"'}\n"))
		if err != nil {
			t.Errorf("%s: %v", c.url, err)
			continue
		}
		if u := cfg.Store.URL; !u.Remote() || u.Prefix != c.prefix || !slices.Equal(u.Endpoints, c.endpoints) || u.Path != "" {
			t.Errorf("%s: got %+v", c.url, u)
		}
	}
}

func TestEtcd_PasswordOmitsNewline(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	for text, want := range map[string]string{"secret": "secret", "secret\n": "secret", " a b \r\n": " a b ", "\n": ""} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := config.Etcd{PasswordFile: file}.Password()
		if got != want || (err != nil) != (want == "") {
			t.Errorf("file %q: password %q, %v", text, got, err)
		}
	}
}
