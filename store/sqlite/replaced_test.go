package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"originwarden/origins"
	"originwarden/store"
)

func TestStore_RefusesEverythingWhileItsFilesAreNotItsOwn(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be removed there")
	}
	rename := func(t *testing.T, from, to string) {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		rule, suffix string // of the file that is moved away
		instead      bool   // another one is put there
		why          string
	}{
		{"the file is gone", "", false, "lists.db is gone"},
		{"another file", "", true, "lists.db is not the file that was opened"},
		{"the log is gone", "-wal", false, "lists.db-wal is gone"},
		{"another log", "-wal", true, "lists.db-wal is not the file that was opened"},
		{"the index of the log is gone", "-shm", false, "lists.db-shm is gone"},
	} {
		t.Run(row.rule, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "lists.db")
			s := open(t, ample(path))
			was := create(t, s, entry("was", 1))
			rename(t, path+row.suffix, path+row.suffix+".away")
			if row.instead {
				if err := os.WriteFile(path+row.suffix, []byte("another"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			wantReplaced(t, s, was, row.why)
			if now, err := os.ReadFile(path + row.suffix); row.instead && string(now) != "another" {
				t.Errorf("it became %q, %v", now, err)
			}
			rename(t, path+row.suffix+".away", path+row.suffix)
			create(t, s, entry("is", 1))
		})
	}
}

// wantReplaced wants every call to fail because of the files, and every write
// to be known not to be made.
func wantReplaced(t *testing.T, s store.Store, was store.WebIntegration, why string) {
	t.Helper()
	ctx := within(t)
	_, createErr := s.Create(ctx, entry("two", 1))
	_, editErr := s.Edit(ctx, was.TenantID, was.ID, func(*store.WebIntegration) error { return nil })
	_, deleteErr := s.Delete(ctx, was.TenantID, was.ID, func(store.WebIntegration) error { return nil })
	for _, err := range []error{createErr, editErr, deleteErr, s.CheckWrites(ctx)} {
		if failed, ok := errors.AsType[*store.WriteError](err); !ok || failed.Cause != store.CauseReplaced || !failed.NotMade || !strings.Contains(err.Error(), why) {
			t.Errorf("a write fails with %v, want %s", err, why)
		}
	}
	_, positionErr := s.Position(ctx)
	_, _, loadErr := s.Load(ctx, was.TenantID)
	_, pageErr := s.Page(ctx, was.TenantID, store.Query{Limit: 1})
	for _, err := range []error{positionErr, loadErr, pageErr} {
		if !errors.Is(err, store.ErrReplaced) || !strings.Contains(err.Error(), why) {
			t.Errorf("a read fails with %v, want %s", err, why)
		}
	}
}

func TestStore_NoticesThatItsLinkLeadsElsewhere(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a right there")
	}
	dir := t.TempDir()
	link := filepath.Join(dir, "current.db")
	relink := func(to string) {
		_ = os.Remove(link)
		if err := os.Symlink(filepath.Join(dir, to), link); err != nil {
			t.Fatal(err)
		}
	}
	relink("a.db")
	if err := os.WriteFile(filepath.Join(dir, "a.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, ample(link))
	was := create(t, s, entry("was", 1))
	if err := os.WriteFile(filepath.Join(dir, "b.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	relink("b.db")
	wantReplaced(t, s, was, "current.db is not the file that was opened")
	relink("a.db")
	create(t, s, entry("is", 1))
}

// The file of a lock keeps nobody away when it is not there any more.
func TestStore_LocksItsFileAgain(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be removed there")
	}
	for rule, replace := range map[string]func(lock string) error{
		"it is gone": os.Remove,
		"another one is there": func(lock string) error {
			return errors.Join(os.Remove(lock), os.WriteFile(lock, nil, 0o600))
		},
	} {
		t.Run(rule, func(t *testing.T) {
			s, path := openNew(t)
			create(t, s, entry("was", 1))
			if err := replace(path + ".lock"); err != nil {
				t.Fatal(err)
			}
			create(t, s, entry("is", 1))
			wantInUse(t, path)
			if content, err := os.ReadFile(path + ".lock"); err != nil || len(content) == 0 {
				t.Errorf("the lock has %q, %v", content, err)
			}
		})
	}
}

func TestStore_RefusesEverythingWhileAnotherProcessHasItsLock(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be removed there")
	}
	s, path := openNew(t)
	was := create(t, s, entry("was", 1))
	ended := fedUntil(t, s, was)
	if err := os.Remove(path + ".lock"); err != nil {
		t.Fatal(err)
	}
	other := start(t, "hold", path)
	other.line(t)
	wantReplaced(t, s, was, "another process has locked")
	other.end(t)
	create(t, s, entry("is", 1))
	if err := ended(); !errors.Is(err, store.ErrCompacted) { // the other one may have written
		t.Errorf("the feed goes on: %v", err)
	}
}

// fedUntil follows w and what comes after it, and returns what that ends with.
func fedUntil(t *testing.T, s store.Store, w store.WebIntegration) (ended func() error) {
	t.Helper()
	ctx := within(t)
	first, end := make(chan struct{}), make(chan error, 1)
	go func() {
		begun := sync.OnceFunc(func() { close(first) })
		end <- s.Watch(ctx, w.Revision-1, func([]origins.Change) { begun() })
	}()
	<-first
	return func() error { return <-end }
}

// A write that the file's removal overtakes is not acknowledged.
func TestStore_AcknowledgesNoWriteToAFileThatWentMeanwhile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be removed there")
	}
	s, path := openNew(t)
	was := create(t, s, entry("was", 1))
	_, err := s.Edit(t.Context(), was.TenantID, was.ID, func(w *store.WebIntegration) error {
		w.Name = "is"
		return os.Rename(path, path+".away")
	})
	if failed, ok := errors.AsType[*store.WriteError](err); !ok || failed.Cause != store.CauseReplaced || failed.NotMade {
		t.Errorf("the write fails with %v", err)
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
}
