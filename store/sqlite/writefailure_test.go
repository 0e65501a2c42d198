package sqlite_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"originwarden/store"
	"originwarden/store/sqlite"
)

func TestStore_ReportsCauseOfFailedWrite(t *testing.T) {
	for _, row := range []struct {
		name    string
		prepare func(*testing.T, *sqlite.Store, string)
		cause   store.Cause
	}{
		{"read-only file", func(t *testing.T, s *sqlite.Store, _ string) { setPragma(t, s, "query_only = 1") }, store.CauseReadOnly},
		{"no space", func(t *testing.T, s *sqlite.Store, _ string) { setPragma(t, s, "max_page_count = 1") }, store.CauseNoSpace},
		{"file locked by another program", func(t *testing.T, _ *sqlite.Store, path string) {
			db := openDatabase(t, path)
			db.SetMaxOpenConns(1)
			if _, err := db.Exec("BEGIN IMMEDIATE"); err != nil {
				t.Fatal(err)
			}
		}, store.CauseUnreachable},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, path := openNewStore(t)
			row.prepare(t, s, path)
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			_, err := s.Create(ctx, newIntegration("one", 1000))
			if failed, ok := errors.AsType[*store.WriteError](err); !ok || failed.Cause != row.cause || !failed.NotMade {
				t.Errorf("Create: error %+v, want cause %q and NotMade", err, row.cause)
			}
		})
	}
}

func setPragma(t *testing.T, s *sqlite.Store, assignment string) {
	t.Helper()
	if err := s.SetPragma(t.Context(), assignment); err != nil {
		t.Fatal(err)
	}
}
