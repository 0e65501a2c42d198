package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"originwarden/store"
	"originwarden/store/sqlite"
	"originwarden/store/storetest/fleettest"
)

var _ store.Fleet = (*sqlite.Store)(nil)

func TestFleet_ImplementsContract(t *testing.T) {
	fleettest.Run(t, func(t *testing.T, limits store.Limits) (store.Store, func(*testing.T) store.Store) {
		o := sqlite.Options{Path: filepath.Join(t.TempDir(), "originwarden.db"), Limits: limits}
		s := openStore(t, o)
		return s, func(t *testing.T) store.Store {
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			return openStore(t, o)
		}
	})
}

// A gateway that was killed leaves its heartbeat, and a clock can be set back.
func TestFleet_ForgetsOldHeartbeats(t *testing.T) {
	for _, row := range []struct {
		rule    string
		written time.Duration // from now
		kept    bool
	}{
		{"within the lifetime", -50 * time.Second, true},
		{"older", -61 * time.Second, false},
		{"a little in the future", 50 * time.Second, true},
		{"far in the future", 70 * time.Second, false},
	} {
		path := filepath.Join(t.TempDir(), "originwarden.db")
		s := openStore(t, testOptions(path))
		if err := s.Beat(t.Context(), store.Heartbeat{Gateway: "a"}); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		db := openDatabase(t, path)
		if _, err := db.Exec("UPDATE gateways SET written = ?", time.Now().Add(row.written).UnixMilli()); err != nil {
			t.Fatal(err)
		}
		db.Close()
		s = openStore(t, testOptions(path))
		if all, err := s.Gateways(t.Context()); err != nil || len(all) == 1 != row.kept {
			t.Errorf("%s: %v, %v; want it kept: %v", row.rule, all, err, row.kept)
		}
		if err := s.Beat(t.Context(), store.Heartbeat{Gateway: "b"}); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		rows := 0
		if err := openDatabase(t, path).QueryRow("SELECT count(*) FROM gateways").Scan(&rows); err != nil || rows == 2 != row.kept {
			t.Errorf("%s: the file has %d heartbeats after that of another gateway, %v", row.rule, rows, err)
		}
	}
}
