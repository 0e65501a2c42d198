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

func TestStore_FailsWhileItsFilesAreReplaced(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not remove open files")
	}
	rename := func(t *testing.T, from, to string) {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		name, suffix string // suffix of the file that is moved away
		instead      bool   // another file is put in its place
		why          string
	}{
		{"file removed", "", false, "lists.db is gone"},
		{"file replaced", "", true, "lists.db is not the file that was opened"},
		{"log removed", "-wal", false, "lists.db-wal is gone"},
		{"log replaced", "-wal", true, "lists.db-wal is not the file that was opened"},
		{"log index removed", "-shm", false, "lists.db-shm is gone"},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "lists.db")
			s := openStore(t, testOptions(path))
			original := create(t, s, newIntegration("was", 1))
			rename(t, path+row.suffix, path+row.suffix+".away")
			if row.instead {
				if err := os.WriteFile(path+row.suffix, []byte("another"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			wantReplaced(t, s, original, row.why)
			if now, err := os.ReadFile(path + row.suffix); row.instead && string(now) != "another" {
				t.Errorf("the other file was changed to %q, %v", now, err)
			}
			rename(t, path+row.suffix+".away", path+row.suffix)
			create(t, s, newIntegration("is", 1))
		})
	}
}

// wantReplaced checks that every call fails because the files were replaced, and that
// the errors of writes say that they were not made.
func wantReplaced(t *testing.T, s store.Store, original store.WebIntegration, why string) {
	t.Helper()
	ctx := withTimeout(t)
	_, createErr := s.Create(ctx, newIntegration("two", 1))
	_, editErr := s.Edit(ctx, original.TenantID, original.ID, func(*store.WebIntegration) error { return nil })
	_, deleteErr := s.Delete(ctx, original.TenantID, original.ID, func(store.WebIntegration) error { return nil })
	for _, err := range []error{createErr, editErr, deleteErr, s.CheckWrites(ctx)} {
		if failed, ok := errors.AsType[*store.WriteError](err); !ok || failed.Cause != store.CauseReplaced || !failed.NotMade || !strings.Contains(err.Error(), why) {
			t.Errorf("a write failed with %v, want %q", err, why)
		}
	}
	_, positionErr := s.Position(ctx)
	_, _, loadErr := s.Load(ctx, original.TenantID)
	_, pageErr := s.Page(ctx, original.TenantID, store.Query{Limit: 1})
	for _, err := range []error{positionErr, loadErr, pageErr} {
		if !errors.Is(err, store.ErrReplaced) || !strings.Contains(err.Error(), why) {
			t.Errorf("a read failed with %v, want %q", err, why)
		}
	}
}

func TestStore_DetectsChangedSymlink(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a privilege on Windows")
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
	s := openStore(t, testOptions(link))
	original := create(t, s, newIntegration("was", 1))
	if err := os.WriteFile(filepath.Join(dir, "b.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	relink("b.db")
	wantReplaced(t, s, original, "current.db is not the file that was opened")
	relink("a.db")
	create(t, s, newIntegration("is", 1))
}

// A removed lock file does not protect the store any more.
func TestStore_RestoresRemovedLock(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not remove open files")
	}
	for name, replace := range map[string]func(lock string) error{
		"removed": os.Remove,
		"replaced": func(lock string) error {
			return errors.Join(os.Remove(lock), os.WriteFile(lock, nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, path := openNewStore(t)
			create(t, s, newIntegration("was", 1))
			if err := replace(path + ".lock"); err != nil {
				t.Fatal(err)
			}
			create(t, s, newIntegration("is", 1))
			wantInUse(t, path)
			if content, err := os.ReadFile(path + ".lock"); err != nil || len(content) == 0 {
				t.Errorf("the lock file has the content %q, %v", content, err)
			}
		})
	}
}

func TestStore_FailsWhileAnotherProcessHoldsItsLock(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not remove open files")
	}
	s, path := openNewStore(t)
	original := create(t, s, newIntegration("was", 1))
	ended := startWatch(t, s, original)
	if err := os.Remove(path + ".lock"); err != nil {
		t.Fatal(err)
	}
	other := startProcess(t, "hold", path)
	other.line(t)
	wantReplaced(t, s, original, "another process has locked")
	other.end(t)
	create(t, s, newIntegration("is", 1))
	if err := ended(); !errors.Is(err, store.ErrFeedGap) { // the other process may have written
		t.Errorf("Watch ended with %v, want ErrFeedGap", err)
	}
}

// startWatch starts a Watch and waits for the change that created w. ended waits for
// the end of the Watch and returns its error.
func startWatch(t *testing.T, s store.Store, w store.WebIntegration) (ended func() error) {
	t.Helper()
	ctx := withTimeout(t)
	first, end := make(chan struct{}), make(chan error, 1)
	go func() {
		begun := sync.OnceFunc(func() { close(first) })
		end <- s.Watch(ctx, w.Revision-1, func([]origins.Change) { begun() })
	}()
	<-first
	return func() error { return <-end }
}

// A write must not be acknowledged if the file is removed before the commit.
func TestStore_FailsWriteWhenFileIsRemovedDuringIt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not remove open files")
	}
	s, path := openNewStore(t)
	original := create(t, s, newIntegration("was", 1))
	_, err := s.Edit(t.Context(), original.TenantID, original.ID, func(w *store.WebIntegration) error {
		w.Name = "is"
		return os.Rename(path, path+".away")
	})
	if failed, ok := errors.AsType[*store.WriteError](err); !ok || failed.Cause != store.CauseReplaced || failed.NotMade {
		t.Errorf("Edit: error %v, want cause replaced and not NotMade", err)
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
}
