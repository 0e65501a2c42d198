package sqlite_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"originwarden/store"
	"originwarden/store/sqlite"
)

// read opens a reader that is closed when t ends.
func read(t *testing.T, path string) *sqlite.Reader {
	t.Helper()
	r, err := sqlite.OpenReader(within(t), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 2 {
			if err := r.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
	})
	return r
}

// wantRead wants the reader to have w alone, of acme, at its revision.
func wantRead(t *testing.T, r *sqlite.Reader, w store.WebIntegration) {
	t.Helper()
	revision, all, err := r.Load(within(t), w.TenantID)
	if err != nil || revision != w.Revision || !reflect.DeepEqual(all, []store.WebIntegration{w}) {
		t.Errorf("it reads %+v at revision %d, %v; want %+v", all, revision, err, w)
	}
	at, tenants, err := r.Tenants(within(t))
	if err != nil || at.Store == "" || at.Revision != w.Revision || !reflect.DeepEqual(tenants, map[string]uint64{"acme": w.Revision}) {
		t.Errorf("it is at %+v with %v, %v", at, tenants, err)
	}
}

func TestReader_SeesTheFileAsItWasWhenOpened(t *testing.T) {
	s, path := openNew(t)
	w := create(t, s, entry("one", 100))
	before := read(t, path)
	create(t, s, entry("two", 100))
	edited, err := s.Edit(t.Context(), "acme", w.ID, func(w *store.WebIntegration) error { w.Name = "edited"; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Delete(t.Context(), "acme", w.ID, func(store.WebIntegration) error { return nil }); err != nil {
		t.Fatal(err)
	}
	wantRead(t, before, w)
	at, _, err := read(t, path).Tenants(t.Context())
	if err != nil || at.Revision != edited.Revision+1 {
		t.Errorf("a later one is at %+v, %v", at, err)
	}
}

func TestReader_ReadsWhileAWriteIsUnderWay(t *testing.T) {
	s, path := openNew(t)
	w := create(t, s, entry("one", 10))
	release := holdEdit(t, s, w)
	wantRead(t, read(t, path), w)
	if err := release(); err != nil {
		t.Error(err)
	}
}

func TestReader_ReadsBesideAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.db")
	s := open(t, ample(path))
	w := create(t, s, entry("one", 10))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	other := start(t, "hold", path)
	other.line(t)
	wantInUse(t, path)
	wantRead(t, read(t, path), w)
	other.end(t)
}

func TestReader_LetsTheStoreBeOpenedAndWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.db")
	s := open(t, ample(path))
	w := create(t, s, entry("one", 1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r := read(t, path)
	s = open(t, ample(path))
	two := create(t, s, entry("two", 1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantRead(t, r, w)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := open(t, ample(path)).Integration(t.Context(), "acme", two.ID); err != nil || !reflect.DeepEqual(got, two) {
		t.Errorf("the write beside it left %+v, %v", got, err)
	}
}

func TestReader_ReadsWhatACrashLeftInTheLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.db")
	acknowledged := map[string]acknowledgement{}
	writer := start(t, "write", path)
	writer.line(t) // open
	for range 10 {
		acknowledge(t, acknowledged, writer.line(t))
	}
	if err := writer.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for writer.stdout.Scan() {
		acknowledge(t, acknowledged, writer.stdout.Text())
	}
	_ = writer.Wait()
	if err := os.Remove(path + "-shm"); err != nil { // as in a copy of the file and its log
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := read(t, path)
	revision, all, err := r.Load(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]store.WebIntegration{}
	for _, w := range all {
		kept[w.ID] = w
		wantWhole(t, w)
	}
	for id, a := range acknowledged {
		wantLater(t, id, a, kept)
		if a.revision > revision {
			t.Errorf("%s was acknowledged at revision %d, the reader is at %d", id, a.revision, revision)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
		t.Errorf("it has written the log back into the file, %v", err)
	}
	wantAcknowledged(t, path, acknowledged)
}

func TestReader_WritesNothing(t *testing.T) {
	content := written(t, func(path string) {
		s := open(t, ample(path))
		create(t, s, entry("one", 10))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
	path := filepath.Join(t.TempDir(), "file.db")
	if err := os.WriteFile(path, content, 0o400); err != nil {
		t.Fatal(err)
	}
	r := read(t, path)
	if _, _, err := r.Load(t.Context(), "acme"); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, content) {
		t.Errorf("the file was changed, %v", err)
	}
	if _, err := os.Stat(path + ".lock"); err == nil {
		t.Error("there is a lock")
	}
	for _, suffix := range []string{"-wal", "-shm"} { // for whoever may read the file
		if stat, err := os.Stat(path + suffix); err == nil && runtime.GOOS != "windows" && stat.Mode()&0o077 != 0 {
			t.Errorf("%s has mode %v", suffix, stat.Mode())
		}
	}
}

func TestOpenReader_RefusesWhatItCannotRead(t *testing.T) {
	ours := written(t, func(path string) {
		s := open(t, ample(path))
		create(t, s, entry("one", 1000))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
	for _, c := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"text", []byte("listen: 127.0.0.1:8080\n"), "it is not a SQLite database"},
		{"nothing", nil, "it is empty"},
		{"a database cut short", ours[:len(ours)/2], "it is damaged"},
		{"a database with a page overwritten", overwritten(ours, 4096), "it is damaged"},
		{"another application's tables", executed(t, "CREATE TABLE notes (text)"), "it is the database of another application"},
		{"an older schema", executed(t, "PRAGMA application_id = 0x4f57646e; PRAGMA user_version = 1"),
			"its schema is version 1, written by an older originwarden; the next start of serve brings it to version 2"},
		{"a newer schema", executed(t, "PRAGMA application_id = 0x4f57646e; PRAGMA user_version = 99"),
			"its schema is version 99, written by a newer originwarden; this one knows 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file.db")
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			wantUnreadable(t, path, c.want)
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, c.content) {
				t.Errorf("the file was changed, %v", err)
			}
		})
	}
	dir := t.TempDir()
	wantUnreadable(t, dir, "it is not a regular file")
	wantUnreadable(t, filepath.Join(dir, "missing", "file.db"), "does not exist")
	if err := wantUnreadable(t, filepath.Join(dir, "file.db"), "does not exist"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the error is %v", err)
	}
	if files, _ := os.ReadDir(dir); len(files) > 0 {
		t.Errorf("it left %v", files)
	}
}

func wantUnreadable(t *testing.T, path, why string) error {
	t.Helper()
	r, err := sqlite.OpenReader(t.Context(), path)
	if err == nil {
		t.Fatal("it was opened", r.Close())
	}
	if text := err.Error(); !strings.Contains(text, path) || !strings.Contains(text, why) || strings.Contains(text, "\n") {
		t.Errorf("the error is %q, want one line that names %s and says %q", text, path, why)
	}
	return err
}
