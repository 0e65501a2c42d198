package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"originwarden/store"
)

// originals are the files of a database as they were when it was opened. A write to
// a file that was removed or replaced since then is lost when the process ends.
type originals []original

type original struct {
	name string
	file fs.FileInfo
}

// statOriginals returns the files with these names as they are now.
func statOriginals(names ...string) (originals, error) {
	all := make(originals, len(names))
	for i, name := range names {
		file, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		os.SameFile(file, file) // Windows reads the identity at the first comparison
		all[i] = original{name, file}
	}
	return all, nil
}

// check fails with store.ErrReplaced if a file is missing or another one.
func (all originals) check() error {
	for _, o := range all {
		file, err := os.Stat(o.name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%w: %s is gone", store.ErrReplaced, o.name)
		case err != nil:
			return fmt.Errorf("sqlite: checking the file: %w", err)
		case !os.SameFile(file, o.file):
			return fmt.Errorf("%w: %s is not the file that was opened", store.ErrReplaced, o.name)
		}
	}
	return nil
}
