package disk_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"originwarden/lists/disk"
	"originwarden/origins"
)

// kept writes a snapshot twice, and returns where.
func kept(t *testing.T) (d *disk.Disk, path string) {
	t.Helper()
	path = dir(t)
	d = open(t, path)
	lists := map[string]*origins.List{"acme": listing(1, 8), "other": listing(1, 8)}
	write(t, d, at(1, lists))
	lists["new"] = listing(2, 2).With(deleted("one", 3))
	write(t, d, at(3, lists))
	return d, path
}

func contentsOf(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t testing.TB, file string, b []byte) {
	t.Helper()
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func wantRefused(t *testing.T, d *disk.Disk, what string) error {
	t.Helper()
	s, err := d.Read()
	if s != nil || err == nil || errors.Is(err, disk.ErrNone) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: read %v, %v; want it refused", what, s, err)
	}
	return err
}

// SQLite's file has parts that say nothing, or nothing that Read needs.
func TestRead_ReadsNothingElseFromADamagedFile(t *testing.T) {
	d, path := kept(t)
	whole, file := read(t, d), filepath.Join(path, disk.FileName)
	b := contentsOf(t, file)
	refused := 0
	check := func(b []byte, what string, n int) {
		put(t, file, b)
		if s, err := d.Read(); err != nil {
			refused++
		} else if wantSame(t, s, whole); t.Failed() {
			t.Fatalf("%s at %d of %d", what, n, len(b))
		}
	}
	for n := 1; n < len(b); n += 43 {
		flipped := slices.Clone(b)
		flipped[n] ^= 1 << (n % 8)
		check(flipped, "another bit", n)
		zeroed := slices.Clone(b)
		clear(zeroed[n:min(n+512, len(b))])
		check(zeroed, "512 bytes of nothing", n)
	}
	if refused == 0 {
		t.Error("nothing was refused")
	}
	refused = 0
	for n := 1; n < len(b)-4096; n += 97 {
		check(b[:n], "cut off", n)
	}
	if want := (len(b) - 4096 + 95) / 97; refused != want {
		t.Errorf("%d were refused, want all %d that were cut off", refused, want)
	}
	put(t, file, b)
	wantSame(t, read(t, d), whole)
}

func TestRead_RefusesWhatIsNotAsItWasWritten(t *testing.T) {
	for _, change := range []string{
		"DELETE FROM lists WHERE tenant = 'other'",
		"DELETE FROM lists WHERE kind = 2",
		"DELETE FROM lists WHERE kind = 0 AND tenant = 'acme'",
		"DELETE FROM lists",
		"DROP TABLE lists",
		"UPDATE lists SET origins = origins || char(10) || 'https://more.example' WHERE tenant = 'acme' AND kind = 1",
		"UPDATE lists SET origins = '' WHERE tenant = 'acme' AND kind = 1",
		"UPDATE lists SET tenant = 'acme2' WHERE tenant = 'acme'",
		"UPDATE lists SET integration = 'two' WHERE tenant = 'acme' AND kind = 1",
		"UPDATE lists SET revision = revision - 1 WHERE tenant = 'acme' AND kind = 1",
		"UPDATE lists SET revision = 9 WHERE tenant = 'acme' AND kind = 0",
		"UPDATE lists SET kind = 1 WHERE kind = 2",
		"UPDATE lists SET digest = zeroblob(32) WHERE tenant = 'acme' AND kind = 1",
		"UPDATE lists SET digest = x'' WHERE tenant = 'acme' AND kind = 1",
		"INSERT INTO lists SELECT NULL, tenant, kind, integration, revision, origins, digest FROM lists",
		"INSERT INTO lists SELECT NULL, tenant, kind, integration, revision, origins, digest FROM lists WHERE tenant = 'acme' AND kind = 0",
		"INSERT INTO lists SELECT NULL, tenant, kind, integration, revision, origins, digest FROM lists, (VALUES (1), (2)) WHERE kind = 0",
		"INSERT INTO lists SELECT NULL, tenant, kind, integration, revision, origins, digest FROM lists, (VALUES (1), (2)) WHERE kind = 1",
		"UPDATE lists SET (kind, origins, digest) = (SELECT kind, origins, digest FROM lists WHERE kind = 1 AND tenant = 'other') WHERE kind = 2",
		"DELETE FROM snapshot",
		"DROP TABLE snapshot",
		"UPDATE snapshot SET store = 'two'",
		"UPDATE snapshot SET revision = 4",
		"UPDATE snapshot SET confirmed = confirmed + 1",
		"UPDATE snapshot SET digests = zeroblob(32)",
		"UPDATE snapshot SET digests = x'00'",
		"UPDATE snapshot SET digest = zeroblob(32)",
	} {
		d, path := kept(t)
		shell(t, path, change)
		if err := wantRefused(t, d, change); err != nil && !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: %v", change, err)
		}
	}
}

// A page that the disk did not write, and that is right by itself, is of an
// older row.
func TestRead_RefusesARowFromBefore(t *testing.T) {
	path := dir(t)
	d := open(t, path)
	lists := map[string]*origins.List{"acme": listing(1, 8)}
	write(t, d, at(1, lists))
	shell(t, path, "CREATE TABLE old AS SELECT * FROM lists")
	lists["acme"] = lists["acme"].With(deleted("one", 2))
	write(t, d, at(2, lists))
	shell(t, path, "INSERT OR REPLACE INTO lists SELECT * FROM old")
	wantRefused(t, d, "a row from before")
}

func TestRead_SaysWhatIsNotOurs(t *testing.T) {
	d, path := kept(t)
	file := filepath.Join(path, disk.FileName)
	shell(t, path, "UPDATE snapshot SET format = 2")
	newer := contentsOf(t, file)
	shell(t, path, "DROP TABLE snapshot; DROP TABLE lists; CREATE TABLE others (x); VACUUM")
	others := contentsOf(t, file)
	rows := []struct {
		what string
		b    []byte
		says string
	}{
		{"a newer version's", newer, "version 2"},
		{"another program's database", others, "not one of this program"},
		{"another program's", []byte(strings.Repeat("SQLite format 3\x00", 100)), "not one of this program"},
		{"an empty one", nil, "made invalid"},
		{"the beginning of one", newer[:9], "cut off"},
		{"one of two megabytes", make([]byte, 2<<20), "not one of this program"},
	}
	for _, row := range rows {
		put(t, file, row.b)
		if err := wantRefused(t, d, row.what); err != nil && (!strings.Contains(err.Error(), row.says) || !strings.Contains(err.Error(), path)) {
			t.Errorf("%s: %q does not say %q of %s", row.what, err, row.says, path)
		}
	}
	s := at(9, map[string]*origins.List{"acme": listing(9, 2)})
	write(t, d, s)
	wantSame(t, read(t, d), s) // as if nothing had been there
	if err := errors.Join(os.Remove(file), os.Mkdir(file, 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := wantRefused(t, d, "a directory"); !strings.Contains(err.Error(), "not a regular file") {
		t.Error(err)
	}
}

func TestWrite_ReplacesWhatWasRefused(t *testing.T) {
	d, path := kept(t)
	s := read(t, d)
	b := contentsOf(t, filepath.Join(path, disk.FileName))
	for n := range b {
		b[n] ^= byte(n)
	}
	put(t, filepath.Join(path, disk.FileName), b)
	wantRefused(t, d, "a file with other bytes")
	write(t, d, s)
	wantSame(t, read(t, d), s)
	shell(t, path, "UPDATE lists SET origins = 'https://more.example' WHERE kind = 1")
	wantRefused(t, d, "rows with other origins")
	write(t, d, s) // though no list has changed
	wantSame(t, read(t, d), s)
}

func TestRead_RefusesFilesThatOthersHaveAPartIn(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no modes")
	}
	d, path := kept(t)
	file := filepath.Join(path, disk.FileName)
	if err := os.Chmod(file, 0o620); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, d, "one that a group may write to")
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(path, "elsewhere")
	if err := errors.Join(os.Rename(file, elsewhere), os.Symlink("elsewhere", file)); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, d, "a link")
	if err := os.Rename(elsewhere, file); err != nil {
		t.Fatal(err)
	}
	read(t, d)
}

// A cleaner of old files, a restore or a shell was there while it was in use.
func TestWrite_WritesAllAgainToAFileThatChanged(t *testing.T) {
	for rule, change := range map[string]func(t *testing.T, d *disk.Disk, path string){
		"it has gone": func(t *testing.T, _ *disk.Disk, path string) {
			if err := os.Remove(filepath.Join(path, disk.FileName)); err != nil {
				t.Fatal(err)
			}
		},
		"it was overwritten": func(t *testing.T, _ *disk.Disk, path string) {
			put(t, filepath.Join(path, disk.FileName), make([]byte, 1<<16))
		},
		"it was replaced by another": func(t *testing.T, d *disk.Disk, path string) {
			old := contentsOf(t, filepath.Join(path, disk.FileName))
			write(t, d, at(4, map[string]*origins.List{"more": listing(4, 2)}))
			put(t, filepath.Join(path, disk.FileName), old)
		},
		"others may write to it": func(t *testing.T, _ *disk.Disk, path string) {
			if err := os.Chmod(filepath.Join(path, disk.FileName), 0o622); err != nil {
				t.Fatal(err)
			}
		},
		"it is a link": func(t *testing.T, _ *disk.Disk, path string) {
			file := filepath.Join(path, disk.FileName)
			if err := errors.Join(os.Rename(file, file+".aside"), os.Symlink(file+".aside", file)); err != nil {
				t.Fatal(err)
			}
		},
		"it was truncated": func(t *testing.T, _ *disk.Disk, path string) {
			put(t, filepath.Join(path, disk.FileName), nil)
		},
	} {
		d, path := kept(t)
		s := at(4, read(t, d).Lists)
		change(t, d, path)
		write(t, d, s)
		t.Log(rule)
		wantSame(t, read(t, d), s)
	}
}
