//go:build unix

package disk_test

import (
	"os/signal"
	"syscall"
)

// limitFiles makes writes beyond so many bytes of a file fail, as those on a
// full disk do.
func limitFiles(bytes uint64) error {
	signal.Ignore(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	limit.Cur = bytes
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
}
