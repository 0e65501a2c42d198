package server

import (
	"io"
	"testing"

	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/logs"
)

// TestServer_MakesNoAdminTokenBesideACluster is about a reload that would change
// the store to a file, which has to wait, and has no token any more, which has not.
func TestServer_MakesNoAdminTokenBesideACluster(t *testing.T) {
	t.Chdir(t.TempDir())
	cfg := &config.Config{Store: config.Store{URL: config.StoreURL{Endpoints: []string{"127.0.0.1:1"}, Prefix: "/originwarden/"}}}
	log := logs.New(config.Log{}, io.Discard)
	defer log.Close()
	s := New(cfg, Options{Log: log})
	if tokens, err := s.tokens(cfg); err == nil || len(tokens) > 0 {
		t.Errorf("got %v, %v", tokens, err)
	}
}
