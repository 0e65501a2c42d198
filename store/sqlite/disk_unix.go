//go:build linux || darwin

package sqlite

import (
	"os"
	"syscall"

	"originwarden/store"
)

// diskTrouble returns what is wrong with the file system of a file, or "".
func diskTrouble(path string) store.Cause {
	const readOnly = 1 // ST_RDONLY, MNT_RDONLY
	var disk syscall.Statfs_t
	if err := syscall.Statfs(path, &disk); err != nil {
		return ""
	}
	free := disk.Bavail
	if os.Geteuid() == 0 {
		free = disk.Bfree // includes the space reserved for root
	}
	switch {
	case disk.Flags&readOnly != 0:
		return store.CauseReadOnly
	case free == 0:
		return store.CauseNoSpace
	}
	return ""
}
