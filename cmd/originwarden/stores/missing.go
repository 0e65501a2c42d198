package stores

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"originwarden/cmd/originwarden/config"
	"originwarden/store"
)

// WithHint adds to an error of a missing store what to do about it.
func WithHint(err error) error {
	if errors.Is(err, store.ErrMissing) {
		return fmt.Errorf("%w; store.create is never: correct store.url, or make the store with store.create: auto", err)
	}
	return err
}

// FindEarlier looks for a sign that a missing or empty file of u is the wrong
// store: the lock of a file that was there before, which outlives the file, or
// another store in its directory. It returns the sign as a text, or "".
func FindEarlier(u config.StoreURL) string {
	path, err := filepath.Abs(u.Path)
	if err != nil || u.Remote() || hasContent(path) {
		return ""
	}
	if hasContent(path + ".lock") {
		return path + " was here before, and is gone or empty"
	}
	dir := filepath.Dir(path)
	files, _ := os.ReadDir(dir)
	for _, file := range files {
		if name, isLock := strings.CutSuffix(file.Name(), ".lock"); isLock && hasContent(filepath.Join(dir, name)) {
			return filepath.Join(dir, name) + " is beside it"
		}
	}
	return ""
}

func hasContent(path string) bool {
	found, err := os.Stat(path)
	return err == nil && found.Mode().IsRegular() && found.Size() > 0
}
