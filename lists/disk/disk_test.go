package disk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"originwarden/lists"
	"originwarden/lists/disk"
	"originwarden/origins"
)

func TestOpen_MakesItForItsUserAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no modes")
	}
	_, path := kept(t)
	want := map[string]os.FileMode{path: 0o700 | os.ModeDir, filepath.Join(path, "lists.lock"): 0o600}
	names, err := filepath.Glob(filepath.Join(path, "*"))
	if err != nil || !slices.Contains(names, filepath.Join(path, disk.FileName)) {
		t.Fatal(names, err)
	}
	for _, name := range names {
		want[name] = 0o600
	}
	for file, mode := range want {
		if info, err := os.Stat(file); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v; want %v", file, info.Mode(), err, mode)
		}
	}
}

func TestOpen_RefusesADirectoryThatOthersMayWriteTo(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no modes")
	}
	path := dir(t)
	for mode, fine := range map[os.FileMode]bool{0o700: true, 0o750: true, 0o755: true, 0o770: false, 0o702: false, 0o777: false} {
		if err := errors.Join(os.RemoveAll(path), os.Mkdir(path, 0o700), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		d, err := disk.Open(t.Context(), path)
		if fine != (err == nil) || err != nil && !strings.Contains(err.Error(), "others may write to it") {
			t.Errorf("%v: %v", mode, err)
		}
		if err == nil {
			shut(t, d)
		}
	}
}

func TestOpen_RefusesWhatIsNoDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	put(t, file, nil)
	for _, path := range []string{file, filepath.Join(file, "below"), filepath.Join(t.TempDir(), "missing", "below"), ""} {
		if d, err := disk.Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v, %v", path, d, err)
		}
	}
}

func TestOpen_RefusesADirectoryInUseByAnotherProcess(t *testing.T) {
	path := dir(t)
	other := start(t, "hold", path)
	other.line(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := disk.Open(ctx, path); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Fatalf("Open: %v", err)
	}
	time.AfterFunc(50*time.Millisecond, func() { _ = other.stdin.Close() })
	wantSame(t, read(t, open(t, path)), at(1, nil)) // it waits
	other.end(t)
}

// hold keeps the directory until stdin ends.
func hold(path string) error {
	d, err := disk.Open(context.Background(), path)
	if err != nil {
		return err
	}
	err = d.Write(at(1, nil))
	fmt.Println("open")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, d.Close())
}

func TestRead_RemovesWhatAKilledProcessLeft(t *testing.T) {
	d, path := kept(t)
	shut(t, d)
	put(t, filepath.Join(path, "lists.new"), []byte("left"))
	put(t, filepath.Join(path, "lists.new-journal"), []byte("left"))
	d = open(t, path)
	read(t, d)
	wantThere(t, filepath.Join(path, "lists.new"), false)
	wantThere(t, filepath.Join(path, "lists.new-journal"), false)
}

// Until there are lists in the new format, a build that is rolled back finds
// the old ones. After that they would undo revocations.
func TestDisk_RemovesTheFormatBefore(t *testing.T) {
	hex := strings.Repeat("0a", 16)
	foreign := []string{"README", "x.segment", "x.tmp", hex + ".txt"}
	old := []string{"lists.manifest", hex + ".tmp", hex + ".segment"}
	rows := []struct {
		rule string
		do   func(*testing.T, *disk.Disk)
		stay bool
	}{
		{"read", func(*testing.T, *disk.Disk) {}, true},
		{"written", func(t *testing.T, d *disk.Disk) { write(t, d, at(1, nil)) }, false},
		{"invalidated", func(t *testing.T, d *disk.Disk) {
			if err := d.Invalidate(); err != nil {
				t.Error(err)
			}
		}, false},
	}
	for _, row := range rows {
		path := dir(t)
		d := open(t, path)
		for _, name := range slices.Concat(old, foreign) {
			put(t, filepath.Join(path, name), []byte("originwarden snapshot\n"))
		}
		if s, err := d.Read(); !errors.Is(err, disk.ErrNone) {
			t.Errorf("read %v, %v", s, err)
		}
		row.do(t, d)
		for _, name := range foreign {
			wantThere(t, filepath.Join(path, name), true)
		}
		t.Log(row.rule)
		for _, name := range old {
			wantThere(t, filepath.Join(path, name), row.stay)
		}
	}
}

func wantThere(t *testing.T, file string, want bool) {
	t.Helper()
	if _, err := os.Lstat(file); (err == nil) != want {
		t.Errorf("%s is there: %t, want %t", filepath.Base(file), err == nil, want)
	}
}

func TestWrite_LeavesWhatWasThereWhenItFails(t *testing.T) {
	d, path := kept(t)
	before := read(t, d)
	file := filepath.Join(path, disk.FileName)
	aside := filepath.Join(path, "aside")
	if err := errors.Join(os.Rename(file, aside), os.MkdirAll(filepath.Join(file, "x"), 0o700)); err != nil {
		t.Fatal(err)
	}
	had, _ := size(t, path)
	after := at(5, before.Lists)
	after.Lists["more"] = listing(5, 1000)
	for range 3 {
		if err := d.Write(after); err == nil || !strings.Contains(err.Error(), path) {
			t.Fatalf("Write: %v", err)
		}
	}
	if have, _ := size(t, path); have > had {
		t.Errorf("%d files, there were %d", have, had)
	}
	if err := errors.Join(os.RemoveAll(file), os.Rename(aside, file)); err != nil {
		t.Fatal(err)
	}
	wantCopy(t, path, before)
	write(t, d, after)
	wantSame(t, read(t, d), after)
}

// wantCopy reads a copy of the directory, which may be in use.
func wantCopy(t *testing.T, path string, want *lists.Snapshot) {
	t.Helper()
	wantSame(t, readCopy(t, path), want)
}

func readCopy(t *testing.T, path string) *lists.Snapshot {
	t.Helper()
	d := copied(t, path)
	defer shut(t, d)
	return read(t, d)
}

func copied(t *testing.T, path string) *disk.Disk {
	t.Helper()
	to := t.TempDir()
	names, err := filepath.Glob(filepath.Join(path, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			put(t, filepath.Join(to, filepath.Base(name)), contentsOf(t, name))
		}
	}
	return open(t, to)
}

func TestWrite_LeavesWhatWasThereOnAFullDisk(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the size of files cannot be limited")
	}
	path := dir(t)
	other := start(t, "overflow", path)
	for _, want := range []string{"written", "too large", "written"} {
		if got := other.line(t); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	other.end(t)
	wantSame(t, read(t, open(t, path)), at(3, map[string]*origins.List{"acme": listing(1, 10), "more": listing(3, 10)}))
	if n, bytes := size(t, path); n > 3 || bytes > 32<<10 {
		t.Errorf("there are %d files of %d bytes", n, bytes)
	}
}

// overflow writes, then more than it may, then what it may again.
func overflow(path string) error {
	d, err := disk.Open(context.Background(), path)
	if err != nil {
		return err
	}
	lists := map[string]*origins.List{"acme": listing(1, 10)}
	if err := d.Write(at(1, lists)); err != nil {
		return err
	}
	fmt.Println("written")
	if err := limitFiles(64 << 10); err != nil {
		return err
	}
	lists["more"] = listing(2, 100_000)
	if err := d.Write(at(2, lists)); err == nil {
		return errors.New("nothing is too large")
	}
	fmt.Println("too large")
	lists["more"] = listing(3, 10)
	err = d.Write(at(3, lists))
	fmt.Println("written")
	return errors.Join(err, d.Close())
}
