// Package atomicfile writes files whole or not at all.
package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Write writes the named file with mode 0600, replacing it if it exists. write
// writes its contents. If Write fails, an existing file stays as it was. It refuses
// to replace what is not a regular file.
func Write(name string, write func(io.Writer) error) error {
	if found, err := os.Stat(name); err == nil && !found.Mode().IsRegular() {
		return fmt.Errorf("%s exists and is not a regular file", name)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+"-*") // with mode 0600
	if err != nil {
		return err
	}
	if err = write(f); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
