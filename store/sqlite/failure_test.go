package sqlite_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"originwarden/store"
	"originwarden/store/sqlite"
)

func TestStore_SaysWhyItMakesNoWrite(t *testing.T) {
	for _, row := range []struct {
		rule  string
		spoil func(*testing.T, *sqlite.Store, string)
		cause store.Cause
	}{
		{"the file is read-only", func(t *testing.T, s *sqlite.Store, _ string) { pragma(t, s, "query_only = 1") }, store.CauseReadOnly},
		{"no page more", func(t *testing.T, s *sqlite.Store, _ string) { pragma(t, s, "max_page_count = 1") }, store.CauseNoSpace},
		{"another program has the file", func(t *testing.T, _ *sqlite.Store, path string) {
			shell := raw(t, path)
			shell.SetMaxOpenConns(1)
			if _, err := shell.Exec("BEGIN IMMEDIATE"); err != nil {
				t.Fatal(err)
			}
		}, store.CauseUnreachable},
	} {
		t.Run(row.rule, func(t *testing.T) {
			s, path := openNew(t)
			row.spoil(t, s, path)
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			_, err := s.Create(ctx, entry("one", 1000))
			if failed, ok := errors.AsType[*store.WriteError](err); !ok || failed.Cause != row.cause || !failed.NotMade {
				t.Errorf("a write fails with %+v", err)
			}
		})
	}
}

func pragma(t *testing.T, s *sqlite.Store, assignment string) {
	t.Helper()
	if err := s.SetPragma(t.Context(), assignment); err != nil {
		t.Fatal(err)
	}
}
