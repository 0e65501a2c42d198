package config

import (
	"path/filepath"
	"slices"
	"time"

	"originwarden/cmd/originwarden/config/filecheck"
)

// Check is Load for a gateway that is to start on this machine as this user: it
// also reports a store that cannot be written. Warnings do not prevent a start.
// They are returned even if err is not nil.
func Check(file string, flags ...Flag) (cfg *Config, warnings Mistakes, err error) {
	cfg, err = load(file, flags, func(c *checker) {
		c.check()
		c.checkStoreFiles(slices.ContainsFunc(flags, func(f Flag) bool { return f.Name == "data" }))
		aside := c.Aside()
		c.checkCertificates(time.Now(), aside.ReportAt)
		warnings = aside.Sorted()
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
			dir = filecheck.NearestExisting(dir)
		}
		c.checkWritableDir("store.url", dir)
		for _, suffix := range []string{"", ".lock", "-wal", "-shm"} {
			c.checkWritableFile("store.url", c.Store.URL.Path+suffix)
		}
		c.checkDatabase(c.Store.URL.Path)
	case c.Cache.SnapshotDir != "":
		dir := c.Cache.SnapshotDir
		if !filecheck.Exists(dir) {
			dir = filepath.Dir(filepath.Clean(dir)) // where a start creates it
		}
		c.checkWritableDir("cache.snapshot_dir", dir)
	}
}

func (c *checker) checkWritableDir(path, dir string) {
	if err := filecheck.WritableDir(dir); err != nil {
		c.reportAt(path, "%s: writing to the directory %q: %v", path, dir, err)
	}
}

// checkWritableFile reports a file that exists and cannot be written.
func (c *checker) checkWritableFile(path, file string) {
	if err := filecheck.WritableFile(file); err != nil {
		c.reportAt(path, "%s: writing to %q: %v", path, file, err)
	}
}

// checkDatabase reports a file that is not a SQLite database, or that is missing
// or empty and may not be created.
func (c *checker) checkDatabase(file string) {
	switch err := filecheck.Database(file); {
	case err == filecheck.ErrMissing && c.Store.Create == CreateNever:
		c.reportAt("store.create", "store.create is never, and the file %q does not exist", file)
	case err == filecheck.ErrEmpty && c.Store.Create == CreateNever:
		c.reportAt("store.create", "store.create is never, and the file %q is empty", file)
	case err == filecheck.ErrNotSQLite:
		c.reportAt("store.url", "store.url: the file %q is not a SQLite database", file)
	}
}
