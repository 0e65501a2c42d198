package snapshot_test

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

	"originwarden/origins"
	"originwarden/store/snapshot"
)

func TestOpen_MakesItForItsUserAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no modes")
	}
	_, path := kept(t)
	want := map[string]os.FileMode{path: 0o700 | os.ModeDir, filepath.Join(path, "lists.lock"): 0o600}
	for _, file := range files(t, path) {
		want[file] = 0o600
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
		d, err := snapshot.Open(t.Context(), path)
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
		if d, err := snapshot.Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), path) {
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
	if _, err := snapshot.Open(ctx, path); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Fatalf("Open: %v", err)
	}
	time.AfterFunc(50*time.Millisecond, func() { _ = other.stdin.Close() })
	wantSame(t, read(t, open(t, path)), at(1, nil)) // it waits
	other.end(t)
}

// hold keeps the directory until stdin ends.
func hold(path string) error {
	d, err := snapshot.Open(context.Background(), path)
	if err != nil {
		return err
	}
	_, err = d.Write(at(1, nil))
	fmt.Println("open")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, d.Close())
}

func TestRead_SweepsWhatAKilledProcessLeft(t *testing.T) {
	d, path := kept(t)
	shut(t, d)
	hex := strings.Repeat("0a", 16)
	foreign := []string{"README", "x.segment", "x.tmp", hex + ".txt"}
	for _, name := range append([]string{hex + ".tmp", hex + ".segment"}, foreign...) {
		put(t, filepath.Join(path, name), []byte("left"))
	}
	d = open(t, path)
	read(t, d)
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	for _, name := range foreign {
		if !slices.Contains(left, name) {
			t.Errorf("%s is gone", name)
		}
	}
	if len(left) != len(foreign)+4 { // the lock, the manifest, two segments
		t.Errorf("there are %v", left)
	}
}

func TestWrite_LeavesWhatWasThereWhenItFails(t *testing.T) {
	d, path := kept(t)
	before := read(t, d)
	manifest := filepath.Join(path, snapshot.ManifestName)
	aside := filepath.Join(path, "aside")
	if err := errors.Join(os.Rename(manifest, aside), os.MkdirAll(filepath.Join(manifest, "x"), 0o700)); err != nil {
		t.Fatal(err)
	}
	had, _ := size(t, path)
	after := at(5, before.Lists)
	after.Lists["more"] = listing(5, 1000)
	for range 3 {
		if _, err := d.Write(after); err == nil || !strings.Contains(err.Error(), path) {
			t.Fatalf("Write: %v", err)
		}
	}
	if have, _ := size(t, path); have != had {
		t.Errorf("%d files, there were %d", have, had)
	}
	if err := errors.Join(os.RemoveAll(manifest), os.Rename(aside, manifest)); err != nil {
		t.Fatal(err)
	}
	wantCopy(t, path, before)
	if n := write(t, d, after); n < 1000 {
		t.Errorf("%d bytes", n)
	}
	wantSame(t, read(t, d), after)
}

// wantCopy reads a copy of the directory, which may be in use.
func wantCopy(t *testing.T, path string, want *snapshot.Snapshot) {
	t.Helper()
	wantSame(t, readCopy(t, path), want)
}

func readCopy(t *testing.T, path string) *snapshot.Snapshot {
	t.Helper()
	d := copied(t, path)
	defer shut(t, d)
	return read(t, d)
}

func copied(t *testing.T, path string) *snapshot.Directory {
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
	if n, bytes := size(t, path); n > 4 || bytes > 4096 {
		t.Errorf("there are %d files of %d bytes", n, bytes)
	}
}

// overflow writes, then more than it may, then what it may again.
func overflow(path string) error {
	d, err := snapshot.Open(context.Background(), path)
	if err != nil {
		return err
	}
	lists := map[string]*origins.List{"acme": listing(1, 10)}
	if _, err := d.Write(at(1, lists)); err != nil {
		return err
	}
	fmt.Println("written")
	if err := limitFiles(64 << 10); err != nil {
		return err
	}
	lists["more"] = listing(2, 100_000)
	if _, err := d.Write(at(2, lists)); err == nil {
		return errors.New("nothing is too large")
	}
	fmt.Println("too large")
	lists["more"] = listing(3, 10)
	_, err = d.Write(at(3, lists))
	fmt.Println("written")
	return errors.Join(err, d.Close())
}
