// Package filecheck finds out whether files and directories can be used, and leaves
// none behind. Its errors do not repeat the name that it was given.
package filecheck

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// NearestExisting returns dir, or else the nearest directory above it that exists.
func NearestExisting(dir string) string {
	for !Exists(dir) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
	}
	return dir
}

// Exists reports whether there is a file or directory of that name.
func Exists(name string) bool {
	_, err := os.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// WritableDir returns why a file cannot be created in a directory, or nil.
func WritableDir(dir string) error {
	probe, err := os.CreateTemp(dir, ".originwarden-check-*")
	if err != nil {
		return withoutName(err)
	}
	probe.Close()
	os.Remove(probe.Name())
	return nil
}

// WritableFile returns why a file that exists cannot be written, or nil.
func WritableFile(file string) error {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err == nil {
		f.Close()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return withoutName(err)
	}
	return nil
}

// What Database found.
var (
	ErrMissing   = errors.New("the file does not exist")
	ErrEmpty     = errors.New("the file is empty")
	ErrNotSQLite = errors.New("the file is not a SQLite database")
)

// Database returns ErrMissing, ErrEmpty or ErrNotSQLite, or nil, also if the file
// cannot be read.
func Database(file string) error {
	const header = "SQLite format 3\x00"
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return ErrMissing
	}
	if err != nil {
		return nil
	}
	defer f.Close()
	if found, err := f.Stat(); err != nil || !found.Mode().IsRegular() {
		return nil // reading it might block
	}
	begin := make([]byte, len(header))
	n, err := io.ReadFull(f, begin)
	switch {
	case errors.Is(err, io.EOF):
		return ErrEmpty
	case errors.Is(err, io.ErrUnexpectedEOF), err == nil && string(begin[:n]) != header:
		return ErrNotSQLite
	}
	return nil
}

// withoutName returns err without the name of the file.
func withoutName(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
