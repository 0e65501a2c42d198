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

// Check is Load for a gateway that is to start on this machine, by this user:
// the places where the store writes have to be writable. The warnings are of
// what a gateway starts with all the same; they come with mistakes too.
func Check(file string, flags ...Flag) (cfg *Config, warnings Mistakes, err error) {
	cfg, err = load(file, flags, func(c *checker) {
		c.check()
		c.storePlace(slices.ContainsFunc(flags, func(f Flag) bool { return f.Name == "data" }))
		aside := &findings{file: c.file, places: c.places, broken: c.broken}
		for _, w := range c.certificateWarnings(time.Now()) {
			aside.at(w.path, "%s", w.message)
		}
		warnings = aside.sorted()
	})
	return cfg, warnings, err
}

// storePlace reports what a start would fail on. It creates nothing that stays.
// A start makes the directory of a file that has its own.
func (c *checker) storePlace(ownDirectory bool) {
	switch {
	case c.isBroken("store.url"):
	case !c.Store.URL.Remote():
		dir := filepath.Dir(c.Store.URL.Path)
		if ownDirectory {
			dir = nearestThere(dir)
		}
		c.writable("store.url", dir)
		for _, suffix := range []string{"", ".lock", "-wal", "-shm"} {
			c.openable("store.url", c.Store.URL.Path+suffix)
		}
		c.database(c.Store.URL.Path)
	case c.Cache.SnapshotDir != "":
		dir := c.Cache.SnapshotDir
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			dir = filepath.Dir(filepath.Clean(dir)) // where it will be made
		}
		c.writable("cache.snapshot_dir", dir)
	}
}

// nearestThere returns dir, or else the first directory above it that is there.
func nearestThere(dir string) string {
	for {
		_, err := os.Stat(dir)
		above := filepath.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || above == dir {
			return dir
		}
		dir = above
	}
}

// writable reports a directory in which no file can be made.
func (c *checker) writable(path, dir string) {
	probe, err := os.CreateTemp(dir, ".originwarden-check-*")
	if err != nil {
		c.at(path, "%s: writing to the directory %s: %v", path, quote(dir), cause(err))
		return
	}
	probe.Close()
	os.Remove(probe.Name())
}

// openable reports a file that is there and cannot be written.
func (c *checker) openable(path, file string) {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err == nil {
		f.Close()
	} else if !errors.Is(err, fs.ErrNotExist) {
		c.at(path, "%s: writing to %s: %v", path, quote(file), cause(err))
	}
}

// database reports a file that no store can be opened in: one of something else,
// or none where none may be made.
func (c *checker) database(file string) {
	const header = "SQLite format 3\x00"
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) && c.Store.Create == CreateNever {
		c.at("store.create", "store.create is never, and the file %s does not exist", quote(file))
	}
	if err != nil {
		return
	}
	defer f.Close()
	if found, err := f.Stat(); err != nil || !found.Mode().IsRegular() {
		return // reading it might wait
	}
	begin := make([]byte, len(header))
	n, err := io.ReadFull(f, begin)
	switch {
	case errors.Is(err, io.EOF) && c.Store.Create == CreateNever:
		c.at("store.create", "store.create is never, and the file %s is empty", quote(file))
	case errors.Is(err, io.ErrUnexpectedEOF), err == nil && string(begin[:n]) != header:
		c.at("store.url", "store.url: the file %s is no SQLite database", quote(file))
	}
}

// cause is err without the name of the file.
func cause(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
