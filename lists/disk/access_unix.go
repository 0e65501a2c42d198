//go:build unix

package disk

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

const syncsDirectories = true

// checkPrivate fails if other users may write to a file or directory. They could
// add origins to the lists.
func checkPrivate(info fs.FileInfo) error {
	if info.Mode().Perm()&0o022 != 0 {
		return errors.New("others may write to it: run chmod go-w on it")
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && s.Uid != 0 && int(s.Uid) != os.Geteuid() {
		return errors.New("it belongs to another user")
	}
	return nil
}
