package snapshot_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"originwarden/origins"
	"originwarden/store/snapshot"
)

// kept writes a snapshot of two segments, and returns where.
func kept(t *testing.T) (d *snapshot.Directory, path string) {
	t.Helper()
	path = dir(t)
	d = open(t, path)
	lists := map[string]*origins.List{"acme": listing(1, 8), "other": listing(1, 8)}
	write(t, d, at(1, lists))
	lists["new"] = listing(2, 2).With(deleted("one", 3))
	write(t, d, at(3, lists))
	return d, path
}

// files are those of the snapshot, of which there are three.
func files(t *testing.T, path string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(path, "*.segment"))
	if all = append(all, filepath.Join(path, snapshot.ManifestName)); err != nil || len(all) != 3 {
		t.Fatal(all, err)
	}
	return all
}

func contentsOf(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t *testing.T, file string, b []byte) {
	t.Helper()
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func wantRefused(t *testing.T, d *snapshot.Directory, what string) error {
	t.Helper()
	s, err := d.Read()
	if s != nil || err == nil || errors.Is(err, snapshot.ErrNone) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: read %v, %v; want it refused", what, s, err)
	}
	return err
}

func TestRead_RefusesWhatIsTornAnywhere(t *testing.T) {
	d, path := kept(t)
	whole := read(t, d)
	for _, file := range files(t, path) {
		b := contentsOf(t, file)
		for n := range b {
			if n > 0 || filepath.Base(file) != snapshot.ManifestName { // which says that it is all invalid
				put(t, file, b[:n])
				wantRefused(t, d, file+" cut off")
			}
			flipped := slices.Clone(b)
			flipped[n] ^= 1 << (n % 8)
			put(t, file, flipped)
			wantRefused(t, d, file+" with another bit")
		}
		put(t, file, append(slices.Clone(b), 0))
		wantRefused(t, d, file+" with a byte more")
		put(t, file, b)
		wantSame(t, read(t, d), whole)
	}
}

func TestRead_RefusesWhatIsNotAllThere(t *testing.T) {
	d, path := kept(t)
	all := files(t, path)
	first, second := contentsOf(t, all[0]), contentsOf(t, all[1])
	put(t, all[0], second)
	put(t, all[1], first)
	wantRefused(t, d, "segments that changed places")
	put(t, all[0], first)
	if err := os.Remove(all[1]); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, d, "a segment that is missing")
}

func TestRead_SaysWhatIsNotOurs(t *testing.T) {
	d, path := kept(t)
	file := filepath.Join(path, snapshot.ManifestName)
	b := contentsOf(t, file)
	newer := bytes.Replace(b, []byte("\n\x00\x00\x00\x01"), []byte("\n\x00\x00\x00\x02"), 1)
	rows := []struct {
		what string
		b    []byte
		says string
	}{
		{"a newer version's", newer, "version 2"},
		{"another program's", []byte(strings.Repeat("SQLite format 3\x00", 100)), "not one of this program"},
		{"an empty one", nil, "made invalid"},
		{"the beginning of one", b[:9], "cut off"},
		{"one of two megabytes", make([]byte, 2<<20), "too large"},
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
	if err := wantRefused(t, d, "a directory"); !strings.Contains(err.Error(), "no regular file") {
		t.Error(err)
	}
}

func TestWrite_ReplacesWhatWasRefused(t *testing.T) {
	d, path := kept(t)
	s := read(t, d)
	for _, file := range files(t, path)[:2] {
		b := contentsOf(t, file)
		b[len(b)/2]++
		put(t, file, b)
	}
	wantRefused(t, d, "segments with another byte")
	write(t, d, s)
	wantSame(t, read(t, d), s)
}

func TestRead_RefusesFilesThatOthersHaveAPartIn(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no modes")
	}
	d, path := kept(t)
	for _, file := range files(t, path) {
		if err := os.Chmod(file, 0o620); err != nil {
			t.Fatal(err)
		}
		wantRefused(t, d, file+" that a group may write to")
		if err := os.Chmod(file, 0o600); err != nil {
			t.Fatal(err)
		}
		elsewhere := filepath.Join(path, "elsewhere")
		if err := errors.Join(os.Rename(file, elsewhere), os.Symlink("elsewhere", file)); err != nil {
			t.Fatal(err)
		}
		wantRefused(t, d, file+" that is a link")
		if err := os.Rename(elsewhere, file); err != nil {
			t.Fatal(err)
		}
	}
	read(t, d)
}

// A cleaner of old files has been there while it was in use.
func TestWrite_WritesAnewWhatHasGone(t *testing.T) {
	d, path := kept(t)
	s := at(4, read(t, d).Lists)
	if err := os.Remove(files(t, path)[0]); err != nil {
		t.Fatal(err)
	}
	write(t, d, s)
	wantSame(t, read(t, d), s)
}
