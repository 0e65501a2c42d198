package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"originwarden/store"
)

// originals are the files that belong to an open database, as they were when it
// was opened. What is written to a file that was removed or replaced since is
// lost with the process.
type originals []original

type original struct {
	name string
	file fs.FileInfo
}

// rememberFiles looks at what there is by these names.
func rememberFiles(names ...string) (originals, error) {
	all := make(originals, len(names))
	for i, name := range names {
		file, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		// Windows reads what identifies a file at the first comparison.
		os.SameFile(file, file)
		all[i] = original{name, file}
	}
	return all, nil
}

// check fails with store.ErrReplaced if a name leads to no file, to another one,
// or to contents that are not SQLite's, and says which. The first name is that of
// the database.
func (all originals) check(c *contents) error {
	for i, o := range all {
		file, err := os.Stat(o.name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%w: %s is gone", store.ErrReplaced, o.name)
		case err != nil:
			return fmt.Errorf("sqlite: looking for the file: %w", err)
		case !os.SameFile(file, o.file):
			return fmt.Errorf("%w: %s is not the file that was opened", store.ErrReplaced, o.name)
		case i == 0:
			if err := c.check(file); err != nil {
				return err
			}
		}
	}
	return nil
}
