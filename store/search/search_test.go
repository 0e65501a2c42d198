package search_test

import (
	"path/filepath"
	"testing"

	"originwarden/store"
	"originwarden/store/sqlite"
	"originwarden/store/storetest/searchtest"
)

func TestFind_InFile(t *testing.T) {
	searchtest.Run(t, func(t *testing.T, limits store.Limits) (store.Store, func(*testing.T) store.Store) {
		s, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "originwarden.db"), Limits: limits})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s, nil
	})
}
