package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.uber.org/zap"

	"originwarden/cmd/originwarden/config"
	"originwarden/store"
)

// hinted adds to an error of a store that is missing what to do about it.
func hinted(err error) error {
	if errors.Is(err, store.ErrMissing) {
		return fmt.Errorf("%w; store.create is never: correct store.url, or make the store with store.create: auto", err)
	}
	return err
}

// placeOf names a store so that nobody has to know the working directory.
func placeOf(u config.StoreURL) string {
	if path, err := filepath.Abs(u.Path); err == nil && !u.Remote() {
		u.Path = path
	}
	return u.String()
}

// traceOfStore says what tells that the gateway had another store than the file
// that it is about to make, or "" if nothing does: the file's lock, which says
// which store it was for, outlives it, and a file with another name is beside it
// if the name is mistyped.
func traceOfStore(u config.StoreURL) string {
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

// warnOfNewStore tells of a store that nobody has written to, which may be
// another one than is meant. Whoever lists origins at a first start means it.
func (s *service) warnOfNewStore() {
	if s.lists.State().Newest != 0 {
		return
	}
	fields := []zap.Field{zap.String("store", placeOf(s.cfg.Store.URL))}
	if s.ready.trace != "" {
		fields = append(fields, zap.String("before", s.ready.trace))
	}
	switch {
	case !s.listing:
		s.log.Warn("the store is new, empty: no origin is listed", fields...)
	case s.ready.trace != "":
		s.log.Warn("the store is new, empty but for the origins of --origin", fields...)
	}
}
