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

func TestOpen_CreatesPrivateFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no file modes")
	}
	_, path := newWrittenDisk(t)
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

func TestOpen_RefusesDirectoryWritableByOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no file modes")
	}
	path := newDir(t)
	for mode, fine := range map[os.FileMode]bool{0o700: true, 0o750: true, 0o755: true, 0o770: false, 0o702: false, 0o777: false} {
		if err := errors.Join(os.RemoveAll(path), os.Mkdir(path, 0o700), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		d, err := disk.Open(t.Context(), path)
		if fine != (err == nil) || err != nil && !strings.Contains(err.Error(), "others may write to it") {
			t.Errorf("mode %v: Open returned %v", mode, err)
		}
		if err == nil {
			closeDisk(t, d)
		}
	}
}

func TestOpen_RefusesInvalidPath(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, nil)
	for _, path := range []string{file, filepath.Join(file, "below"), filepath.Join(t.TempDir(), "missing", "below"), ""} {
		if d, err := disk.Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("Open(%q) = %v, %v, want an error with the path", path, d, err)
		}
	}
}

func TestOpen_RefusesDirectoryInUseByAnotherProcess(t *testing.T) {
	path := newDir(t)
	other := startProcess(t, "hold", path)
	other.readLine(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := disk.Open(ctx, path); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Fatalf("Open: %v", err)
	}
	time.AfterFunc(50*time.Millisecond, func() { _ = other.stdin.Close() })
	wantSame(t, read(t, openDisk(t, path)), snapshotAt(1, nil)) // waits for the lock
	other.closeStdin(t)
}

// holdDisk holds the directory until stdin ends.
func holdDisk(path string) error {
	d, err := disk.Open(context.Background(), path)
	if err != nil {
		return err
	}
	err = d.Write(snapshotAt(1, nil))
	fmt.Println("open")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, d.Close())
}

func TestRead_RemovesTemporaryFiles(t *testing.T) {
	d, path := newWrittenDisk(t)
	closeDisk(t, d)
	writeFile(t, filepath.Join(path, "lists.new"), []byte("left"))
	writeFile(t, filepath.Join(path, "lists.new-journal"), []byte("left"))
	d = openDisk(t, path)
	read(t, d)
	wantExists(t, filepath.Join(path, "lists.new"), false)
	wantExists(t, filepath.Join(path, "lists.new-journal"), false)
}

// Files of the old format are kept until there are lists in the new format, so
// that a rollback finds them. After that they would undo revocations.
func TestDisk_RemovesFilesOfOldFormat(t *testing.T) {
	hex := strings.Repeat("0a", 16)
	foreign := []string{"README", "x.segment", "x.tmp", hex + ".txt"}
	old := []string{"lists.manifest", hex + ".tmp", hex + ".segment"}
	rows := []struct {
		rule string
		do   func(*testing.T, *disk.Disk)
		stay bool
	}{
		{"read", func(*testing.T, *disk.Disk) {}, true},
		{"written", func(t *testing.T, d *disk.Disk) { write(t, d, snapshotAt(1, nil)) }, false},
		{"invalidated", func(t *testing.T, d *disk.Disk) {
			if err := d.Invalidate(); err != nil {
				t.Error(err)
			}
		}, false},
	}
	for _, row := range rows {
		path := newDir(t)
		d := openDisk(t, path)
		for _, name := range slices.Concat(old, foreign) {
			writeFile(t, filepath.Join(path, name), []byte("originwarden snapshot\n"))
		}
		if s, err := d.Read(); !errors.Is(err, disk.ErrNone) {
			t.Errorf("Read: %v, %v; want ErrNone", s, err)
		}
		row.do(t, d)
		for _, name := range foreign {
			wantExists(t, filepath.Join(path, name), true)
		}
		t.Log(row.rule)
		for _, name := range old {
			wantExists(t, filepath.Join(path, name), row.stay)
		}
	}
}

func wantExists(t *testing.T, file string, want bool) {
	t.Helper()
	if _, err := os.Lstat(file); (err == nil) != want {
		t.Errorf("%s exists: %t, want %t", filepath.Base(file), err == nil, want)
	}
}

func TestWrite_KeepsOldSnapshotIfItFails(t *testing.T) {
	d, path := newWrittenDisk(t)
	before := read(t, d)
	file := filepath.Join(path, disk.FileName)
	aside := filepath.Join(path, "aside")
	if err := errors.Join(os.Rename(file, aside), os.MkdirAll(filepath.Join(file, "x"), 0o700)); err != nil {
		t.Fatal(err)
	}
	had, _ := dirSize(t, path)
	after := snapshotAt(5, before.Lists)
	after.Lists["more"] = newDatedList(5, 1000)
	for range 3 {
		if err := d.Write(after); err == nil || !strings.Contains(err.Error(), path) {
			t.Fatalf("Write: %v", err)
		}
	}
	if have, _ := dirSize(t, path); have > had {
		t.Errorf("%d files, want at most %d", have, had)
	}
	if err := errors.Join(os.RemoveAll(file), os.Rename(aside, file)); err != nil {
		t.Fatal(err)
	}
	wantOnDisk(t, path, before)
	write(t, d, after)
	wantSame(t, read(t, d), after)
}

// wantOnDisk compares the snapshot on disk with want. It reads a copy of the
// directory, which may be in use.
func wantOnDisk(t *testing.T, path string, want *lists.Snapshot) {
	t.Helper()
	wantSame(t, readCopy(t, path), want)
}

func readCopy(t *testing.T, path string) *lists.Snapshot {
	t.Helper()
	d := openCopy(t, path)
	defer closeDisk(t, d)
	return read(t, d)
}

func openCopy(t *testing.T, path string) *disk.Disk {
	t.Helper()
	to := t.TempDir()
	names, err := filepath.Glob(filepath.Join(path, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			writeFile(t, filepath.Join(to, filepath.Base(name)), readFile(t, name))
		}
	}
	return openDisk(t, to)
}

func TestWrite_KeepsOldSnapshotOnFullDisk(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("file sizes cannot be limited on Windows")
	}
	path := newDir(t)
	other := startProcess(t, "overflow", path)
	for _, want := range []string{"written", "too large", "written"} {
		if got := other.readLine(t); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	other.closeStdin(t)
	wantSame(t, read(t, openDisk(t, path)), snapshotAt(3, map[string]*origins.List{"acme": newDatedList(1, 10), "more": newDatedList(3, 10)}))
	if n, bytes := dirSize(t, path); n > 3 || bytes > 32<<10 {
		t.Errorf("%d files of %d bytes, want at most 3 and 32 KiB", n, bytes)
	}
}

// overflowLimit writes a snapshot, then one beyond the limit, then one within it.
func overflowLimit(path string) error {
	d, err := disk.Open(context.Background(), path)
	if err != nil {
		return err
	}
	lists := map[string]*origins.List{"acme": newDatedList(1, 10)}
	if err := d.Write(snapshotAt(1, lists)); err != nil {
		return err
	}
	fmt.Println("written")
	if err := limitFileSize(64 << 10); err != nil {
		return err
	}
	lists["more"] = newDatedList(2, 100_000)
	if err := d.Write(snapshotAt(2, lists)); err == nil {
		return errors.New("a write beyond the limit succeeded")
	}
	fmt.Println("too large")
	lists["more"] = newDatedList(3, 10)
	err = d.Write(snapshotAt(3, lists))
	fmt.Println("written")
	return errors.Join(err, d.Close())
}
