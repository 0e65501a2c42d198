package server

import (
	"io"
	"testing"

	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/logs"
)

// A reload that replaces etcd by a file and removes the tokens applies the tokens at
// once, but the store only after a restart: until then no admin token is made.
func TestServer_MakesNoAdminTokenWithEtcd(t *testing.T) {
	t.Chdir(t.TempDir())
	cfg := &config.Config{Store: config.Store{URL: config.StoreURL{Endpoints: []string{"127.0.0.1:1"}, Prefix: "/originwarden/"}}}
	log := logs.New(config.Log{}, io.Discard)
	defer log.Close()
	s := New(cfg, Options{Log: log})
	if tokens, err := s.tokens(cfg); err == nil || len(tokens) > 0 {
		t.Errorf("tokens = %v, %v, want an error", tokens, err)
	}
}
