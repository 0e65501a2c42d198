//go:build linux

package upgrade_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The steps of docs/upgrade.md with a SQLite file: an upgrade, a rollback that fails,
// and one by an export.
func upgradesSQLite(t *testing.T, b builds) {
	dir := t.TempDir()
	file := filepath.Join(dir, "originwarden.db")
	config := writeConfig(t, "sqlite:"+file)

	g := start(t, b.earlier, config)
	shop := g.create("Shop", "https://a.example", "https://b.example")
	written := g.listed()
	g.stop()

	g = start(t, b.current, config)
	if got := g.listed(); got != written {
		t.Errorf("after the upgrade: %s\nwant %s", got, written)
	}
	wantAllowed(t, b, shop.Revision, map[string]bool{"https://a.example": true, "https://c.example": false}, g)
	g.set(shop.ID, "https://a.example", "https://c.example")
	if got, want := g.history(), []string{"updated Shop by ops"}; !slices.Equal(got, want) {
		t.Errorf("history %q, want %q", got, want)
	}
	written = g.listed()
	g.stop()

	migrations, err := filepath.Glob(repository + "/store/sqlite/migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	content := readFile(t, file)
	for _, args := range [][]string{{"serve", "--config", config}, {"export", "--store", "sqlite:" + file}} {
		text := command(t, 1, b.earlier, args...)
		if want := fmt.Sprintf("its schema is version %d, written by a newer originwarden; this one knows 2", len(migrations)); !strings.Contains(text, want) {
			t.Errorf("%s of the earlier build: %s\nwant %s", args[0], text, want)
		}
	}
	if !bytes.Equal(readFile(t, file), content) {
		t.Error("the earlier build has changed the file")
	}

	lists, restored := filepath.Join(dir, "lists.jsonl"), filepath.Join(dir, "restored.db")
	command(t, 0, b.current, "export", "--store", "sqlite:"+file, "--output", lists)
	command(t, 0, b.earlier, "import", "--store", "sqlite:"+restored, lists)
	g = start(t, b.earlier, writeConfig(t, "sqlite:"+restored))
	if got := g.listed(); got != written {
		t.Errorf("after the rollback: %s\nwant %s", got, written)
	}
}

func readFile(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
