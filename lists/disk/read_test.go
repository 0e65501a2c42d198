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

// newWrittenDisk returns a disk to which two snapshots were written, and its path.
func newWrittenDisk(t *testing.T) (d *disk.Disk, path string) {
	t.Helper()
	path = newDir(t)
	d = openDisk(t, path)
	lists := map[string]*origins.List{"acme": newDatedList(1, 8), "other": newDatedList(1, 8)}
	write(t, d, snapshotAt(1, lists))
	lists["new"] = newDatedList(2, 2).With(newDeletion("one", 3))
	write(t, d, snapshotAt(3, lists))
	return d, path
}

func readFile(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t testing.TB, file string, b []byte) {
	t.Helper()
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func wantRefused(t *testing.T, d *disk.Disk, what string) error {
	t.Helper()
	s, err := d.Read()
	if s != nil || err == nil || errors.Is(err, disk.ErrNone) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: Read returned %v, %v; want an error", what, s, err)
	}
	return err
}

// A damaged file results in an error or in the lists that were written, because
// SQLite's file has parts that Read does not need.
func TestRead_ReturnsWrittenListsOrErrorFromDamagedFile(t *testing.T) {
	d, path := newWrittenDisk(t)
	whole, file := read(t, d), filepath.Join(path, disk.FileName)
	b := readFile(t, file)
	refused := 0
	check := func(b []byte, what string, n int) {
		writeFile(t, file, b)
		if s, err := d.Read(); err != nil {
			refused++
		} else if wantSame(t, s, whole); t.Failed() {
			t.Fatalf("%s at %d of %d", what, n, len(b))
		}
	}
	for n := 1; n < len(b); n += 43 {
		flipped := slices.Clone(b)
		flipped[n] ^= 1 << (n % 8)
		check(flipped, "flipped bit", n)
		zeroed := slices.Clone(b)
		clear(zeroed[n:min(n+512, len(b))])
		check(zeroed, "512 zero bytes", n)
	}
	if refused == 0 {
		t.Error("no damaged file was refused")
	}
	refused = 0
	for n := 1; n < len(b)-4096; n += 97 {
		check(b[:n], "cut off", n)
	}
	if want := (len(b) - 4096 + 95) / 97; refused != want {
		t.Errorf("%d truncated files were refused, want %d", refused, want)
	}
	writeFile(t, file, b)
	wantSame(t, read(t, d), whole)
}

func TestRead_RefusesModifiedRows(t *testing.T) {
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
		d, path := newWrittenDisk(t)
		execSQL(t, path, change)
		if err := wantRefused(t, d, change); err != nil && !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: error %v, want that the file is damaged", change, err)
		}
	}
}

// If the disk lost the write of a page, a row is valid by itself but out of date.
func TestRead_RefusesOutdatedRow(t *testing.T) {
	path := newDir(t)
	d := openDisk(t, path)
	lists := map[string]*origins.List{"acme": newDatedList(1, 8)}
	write(t, d, snapshotAt(1, lists))
	execSQL(t, path, "CREATE TABLE old AS SELECT * FROM lists")
	lists["acme"] = lists["acme"].With(newDeletion("one", 2))
	write(t, d, snapshotAt(2, lists))
	execSQL(t, path, "INSERT OR REPLACE INTO lists SELECT * FROM old")
	wantRefused(t, d, "an outdated row")
}

func TestRead_DescribesForeignFiles(t *testing.T) {
	d, path := newWrittenDisk(t)
	file := filepath.Join(path, disk.FileName)
	execSQL(t, path, "UPDATE snapshot SET format = 2")
	newer := readFile(t, file)
	execSQL(t, path, "DROP TABLE snapshot; DROP TABLE lists; CREATE TABLE others (x); VACUUM")
	others := readFile(t, file)
	rows := []struct {
		what string
		b    []byte
		want string
	}{
		{"newer version", newer, "version 2"},
		{"database of another program", others, "not one of this program"},
		{"file of another program", []byte(strings.Repeat("SQLite format 3\x00", 100)), "not one of this program"},
		{"empty file", nil, "made invalid"},
		{"truncated header", newer[:9], "cut off"},
		{"two megabytes of zeros", make([]byte, 2<<20), "not one of this program"},
	}
	for _, row := range rows {
		writeFile(t, file, row.b)
		if err := wantRefused(t, d, row.what); err != nil && (!strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), path)) {
			t.Errorf("%s: error %q does not contain %q and %s", row.what, err, row.want, path)
		}
	}
	s := snapshotAt(9, map[string]*origins.List{"acme": newDatedList(9, 2)})
	write(t, d, s)
	wantSame(t, read(t, d), s) // as in an empty directory
	if err := errors.Join(os.Remove(file), os.Mkdir(file, 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := wantRefused(t, d, "a directory"); !strings.Contains(err.Error(), "not a regular file") {
		t.Error(err)
	}
}

func TestWrite_ReplacesRefusedFile(t *testing.T) {
	d, path := newWrittenDisk(t)
	s := read(t, d)
	b := readFile(t, filepath.Join(path, disk.FileName))
	for n := range b {
		b[n] ^= byte(n)
	}
	writeFile(t, filepath.Join(path, disk.FileName), b)
	wantRefused(t, d, "a file with other bytes")
	write(t, d, s)
	wantSame(t, read(t, d), s)
	execSQL(t, path, "UPDATE lists SET origins = 'https://more.example' WHERE kind = 1")
	wantRefused(t, d, "rows with other origins")
	write(t, d, s) // although no list has changed
	wantSame(t, read(t, d), s)
}

func TestRead_RefusesGroupWritableFilesAndLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no file modes")
	}
	d, path := newWrittenDisk(t)
	file := filepath.Join(path, disk.FileName)
	if err := os.Chmod(file, 0o620); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, d, "a group-writable file")
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

// The file may be removed, replaced or changed from outside while it is in use.
func TestWrite_RewritesFileChangedFromOutside(t *testing.T) {
	for rule, change := range map[string]func(t *testing.T, d *disk.Disk, path string){
		"removed": func(t *testing.T, _ *disk.Disk, path string) {
			if err := os.Remove(filepath.Join(path, disk.FileName)); err != nil {
				t.Fatal(err)
			}
		},
		"overwritten": func(t *testing.T, _ *disk.Disk, path string) {
			writeFile(t, filepath.Join(path, disk.FileName), make([]byte, 1<<16))
		},
		"replaced by an older file": func(t *testing.T, d *disk.Disk, path string) {
			old := readFile(t, filepath.Join(path, disk.FileName))
			write(t, d, snapshotAt(4, map[string]*origins.List{"more": newDatedList(4, 2)}))
			writeFile(t, filepath.Join(path, disk.FileName), old)
		},
		"writable by others": func(t *testing.T, _ *disk.Disk, path string) {
			if err := os.Chmod(filepath.Join(path, disk.FileName), 0o622); err != nil {
				t.Fatal(err)
			}
		},
		"link": func(t *testing.T, _ *disk.Disk, path string) {
			file := filepath.Join(path, disk.FileName)
			if err := errors.Join(os.Rename(file, file+".aside"), os.Symlink(file+".aside", file)); err != nil {
				t.Fatal(err)
			}
		},
		"truncated": func(t *testing.T, _ *disk.Disk, path string) {
			writeFile(t, filepath.Join(path, disk.FileName), nil)
		},
	} {
		d, path := newWrittenDisk(t)
		s := snapshotAt(4, read(t, d).Lists)
		change(t, d, path)
		write(t, d, s)
		t.Log(rule)
		wantSame(t, read(t, d), s)
	}
}
