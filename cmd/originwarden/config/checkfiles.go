package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Check is Load for a gateway that is to start on this machine as this user: it
// also reports a store that cannot be written. Warnings do not prevent a start.
// They are returned even if err is not nil.
func Check(file string, flags ...Flag) (cfg *Config, warnings Mistakes, err error) {
	cfg, err = load(file, flags, func(c *checker) {
		c.check()
		c.checkStoreFiles(slices.ContainsFunc(flags, func(f Flag) bool { return f.Name == "data" }))
		aside := &findings{file: c.file, positions: c.positions, invalid: c.invalid}
		c.checkCertificates(time.Now(), aside.reportAt)
		warnings = aside.sorted()
	})
	return cfg, warnings, err
}

// checkStoreFiles reports what a start would fail on. It leaves no files
// behind. A start creates the directory of --data.
func (c *checker) checkStoreFiles(createsDir bool) {
	switch {
	case c.isInvalid("store.url"):
	case !c.Store.URL.Remote():
		dir := filepath.Dir(c.Store.URL.Path)
		if createsDir {
			dir = nearestExisting(dir)
		}
		c.checkWritableDir("store.url", dir)
		for _, suffix := range []string{"", ".lock", "-wal", "-shm"} {
			c.checkWritableFile("store.url", c.Store.URL.Path+suffix)
		}
		c.checkDatabase(c.Store.URL.Path)
	case c.Cache.SnapshotDir != "":
		dir := c.Cache.SnapshotDir
		if !exists(dir) {
			dir = filepath.Dir(filepath.Clean(dir)) // where a start creates it
		}
		c.checkWritableDir("cache.snapshot_dir", dir)
	}
}

// nearestExisting returns dir, or else the nearest directory above it that
// exists.
func nearestExisting(dir string) string {
	for !exists(dir) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
	}
	return dir
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

func (c *checker) checkWritableDir(path, dir string) {
	probe, err := os.CreateTemp(dir, ".originwarden-check-*")
	if err != nil {
		c.reportAt(path, "%s: writing to the directory %q: %v", path, dir, withoutName(err))
		return
	}
	probe.Close()
	os.Remove(probe.Name())
}

// checkWritableFile reports a file that exists and cannot be written.
func (c *checker) checkWritableFile(path, file string) {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err == nil {
		f.Close()
	} else if !errors.Is(err, fs.ErrNotExist) {
		c.reportAt(path, "%s: writing to %q: %v", path, file, withoutName(err))
	}
}

// checkDatabase reports a file that is not a SQLite database, or that is missing
// or empty and may not be created.
func (c *checker) checkDatabase(file string) {
	const header = "SQLite format 3\x00"
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) && c.Store.Create == CreateNever {
		c.reportAt("store.create", "store.create is never, and the file %q does not exist", file)
	}
	if err != nil {
		return
	}
	defer f.Close()
	if found, err := f.Stat(); err != nil || !found.Mode().IsRegular() {
		return // reading it might block
	}
	begin := make([]byte, len(header))
	n, err := io.ReadFull(f, begin)
	switch {
	case errors.Is(err, io.EOF) && c.Store.Create == CreateNever:
		c.reportAt("store.create", "store.create is never, and the file %q is empty", file)
	case errors.Is(err, io.ErrUnexpectedEOF), err == nil && string(begin[:n]) != header:
		c.reportAt("store.url", "store.url: the file %q is not a SQLite database", file)
	}
}

// withoutName returns err without the name of the file.
func withoutName(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
