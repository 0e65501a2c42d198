package cli

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// No command uses a file that a newer version has written, and none changes it.
func TestCommands_RefuseStoreOfNewerVersion(t *testing.T) {
	dir := t.TempDir()
	createStore(t, dir, "lists.db")
	file := filepath.Join(dir, "lists.db")
	db, err := sql.Open("sqlite", file)
	if err == nil {
		_, err = db.Exec("PRAGMA journal_mode = DELETE; PRAGMA user_version = 99")
		db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	before := readNewer(t, file)
	for _, args := range [][]string{
		append(serveArgs("http://127.0.0.1:1"), "--store", "sqlite:"+file),
		{"export", "--store", "sqlite:" + file},
		{"import", "--store", "sqlite:" + file, exportFile(t, newIntegration("acme", "Shop", "https://shop.example"))},
		{"import", "--dry-run", "--store", "sqlite:" + file, exportFile(t, newIntegration("acme", "Shop", "https://shop.example"))},
	} {
		r := startCommand(t, Environment{}, args...)
		status := r.wait(t)
		if text := r.stderr.String(); status != exitFailed || !strings.Contains(lastLine(text), file+": its schema is version 99, written by a newer originwarden; this one knows ") {
			t.Errorf("%q: exit status %d, %s", args, status, text)
		}
		if readNewer(t, file) != before {
			t.Fatalf("%q has changed the file", args)
		}
	}
}

func readNewer(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
