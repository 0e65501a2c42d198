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

// openReader opens a reader, which is closed when t ends.
func openReader(t *testing.T, path string) *sqlite.Reader {
	t.Helper()
	r, err := sqlite.OpenReader(withTimeout(t), path)
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

// wantContents checks that the reader returns only w, at its revision.
func wantContents(t *testing.T, r *sqlite.Reader, w store.WebIntegration) {
	t.Helper()
	revision, all, err := r.Load(withTimeout(t), w.TenantID)
	if err != nil || revision != w.Revision || !reflect.DeepEqual(all, []store.WebIntegration{w}) {
		t.Errorf("Load = %+v at revision %d, %v; want %+v", all, revision, err, w)
	}
	at, tenants, err := r.Tenants(withTimeout(t))
	if err != nil || at.Store == "" || at.Revision != w.Revision || !reflect.DeepEqual(tenants, map[string]uint64{"acme": w.Revision}) {
		t.Errorf("Tenants = %+v, %v, %v", at, tenants, err)
	}
}

func TestReader_ReadsStateAtOpen(t *testing.T) {
	s, path := openNewStore(t)
	w := create(t, s, newIntegration("one", 100))
	before := openReader(t, path)
	create(t, s, newIntegration("two", 100))
	edited, err := s.Edit(t.Context(), "acme", w.ID, func(w *store.WebIntegration) error { w.Name = "edited"; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Delete(t.Context(), "acme", w.ID, func(store.WebIntegration) error { return nil }); err != nil {
		t.Fatal(err)
	}
	wantContents(t, before, w)
	at, _, err := openReader(t, path).Tenants(t.Context())
	if err != nil || at.Revision != edited.Revision+1 {
		t.Errorf("a reader opened later is at %+v, %v", at, err)
	}
}

func TestReader_ReadsDuringWrite(t *testing.T) {
	s, path := openNewStore(t)
	w := create(t, s, newIntegration("one", 10))
	release := holdEdit(t, s, w)
	wantContents(t, openReader(t, path), w)
	if err := release(); err != nil {
		t.Error(err)
	}
}

func TestReader_ReadsFileInUseByAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.db")
	s := openStore(t, testOptions(path))
	w := create(t, s, newIntegration("one", 10))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	other := startProcess(t, "hold", path)
	other.line(t)
	wantInUse(t, path)
	wantContents(t, openReader(t, path), w)
	other.end(t)
}

func TestReader_DoesNotBlockStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.db")
	s := openStore(t, testOptions(path))
	w := create(t, s, newIntegration("one", 1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r := openReader(t, path)
	s = openStore(t, testOptions(path))
	two := create(t, s, newIntegration("two", 1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantContents(t, r, w)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := openStore(t, testOptions(path)).Integration(t.Context(), "acme", two.ID); err != nil || !reflect.DeepEqual(got, two) {
		t.Errorf("the write made while the reader was open: %+v, %v", got, err)
	}
}

func TestReader_ReadsLogAfterCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.db")
	acknowledged := map[string]acknowledgement{}
	writer := startProcess(t, "write", path)
	writer.line(t) // open
	for range 10 {
		recordAcknowledgement(t, acknowledged, writer.line(t))
	}
	if err := writer.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for writer.stdout.Scan() {
		recordAcknowledgement(t, acknowledged, writer.stdout.Text())
	}
	_ = writer.Wait()
	if err := os.Remove(path + "-shm"); err != nil { // as in a copy of only the file and its log
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := openReader(t, path)
	revision, all, err := r.Load(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]store.WebIntegration{}
	for _, w := range all {
		kept[w.ID] = w
		wantComplete(t, w)
	}
	for id, a := range acknowledged {
		wantAtLeast(t, id, a, kept)
		if a.revision > revision {
			t.Errorf("%s was acknowledged at revision %d, but the reader is at %d", id, a.revision, revision)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the reader has changed the file: %v", err)
	}
	wantAcknowledged(t, path, acknowledged)
}

func TestReader_WritesNothing(t *testing.T) {
	content := contentAfter(t, func(path string) {
		s := openStore(t, testOptions(path))
		create(t, s, newIntegration("one", 10))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
	path := filepath.Join(t.TempDir(), "file.db")
	if err := os.WriteFile(path, content, 0o400); err != nil {
		t.Fatal(err)
	}
	r := openReader(t, path)
	if _, _, err := r.Load(t.Context(), "acme"); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, content) {
		t.Errorf("the file was changed: %v", err)
	}
	if _, err := os.Stat(path + ".lock"); err == nil {
		t.Error("the reader created a lock file")
	}
	for _, suffix := range []string{"-wal", "-shm"} { // readable only by the owner, like the file
		if stat, err := os.Stat(path + suffix); err == nil && runtime.GOOS != "windows" && stat.Mode()&0o077 != 0 {
			t.Errorf("%s has mode %v, want no access for others", suffix, stat.Mode())
		}
	}
}

func TestOpenReader_RefusesInvalidFiles(t *testing.T) {
	valid := contentAfter(t, func(path string) {
		s := openStore(t, testOptions(path))
		create(t, s, newIntegration("one", 1000))
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
		{"empty file", nil, "it is empty"},
		{"truncated database", valid[:len(valid)/2], "it is damaged"},
		{"database with a corrupt page", withCorruptPage(valid, 4096), "it is damaged"},
		{"tables of another application", databaseWith(t, "CREATE TABLE notes (text)"), "it is the database of another application"},
		{"older schema", databaseWith(t, "PRAGMA application_id = 0x4f57646e; PRAGMA user_version = 1"),
			"its schema is version 1, written by an older originwarden; the next start of serve brings it to version " + newestSchema(t)},
		{"newer schema", databaseWith(t, "PRAGMA application_id = 0x4f57646e; PRAGMA user_version = 99"),
			"its schema is version 99, written by a newer originwarden; this one knows " + newestSchema(t)},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file.db")
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			wantReaderError(t, path, c.want)
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, c.content) {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
	dir := t.TempDir()
	wantReaderError(t, dir, "it is not a regular file")
	wantReaderError(t, filepath.Join(dir, "missing", "file.db"), "does not exist")
	if err := wantReaderError(t, filepath.Join(dir, "file.db"), "does not exist"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want fs.ErrNotExist", err)
	}
	if files, _ := os.ReadDir(dir); len(files) > 0 {
		t.Errorf("OpenReader created the files %v", files)
	}
}

func wantReaderError(t *testing.T, path, why string) error {
	t.Helper()
	r, err := sqlite.OpenReader(t.Context(), path)
	if err == nil {
		t.Fatal("OpenReader returned no error", r.Close())
	}
	if text := err.Error(); !strings.Contains(text, path) || !strings.Contains(text, why) || strings.Contains(text, "\n") {
		t.Errorf("error %q, want one line with %s and %q", text, path, why)
	}
	return err
}
