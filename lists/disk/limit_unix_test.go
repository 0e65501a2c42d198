//go:build unix

package disk_test

import (
	"os/signal"
	"syscall"
)

// limitFileSize makes writes beyond that size of a file fail, as on a full disk.
func limitFileSize(bytes uint64) error {
	signal.Ignore(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	limit.Cur = bytes
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
}
