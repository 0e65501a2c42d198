package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"originwarden/store"
	"originwarden/store/sqlite"
)

// TestStore_ReportsSystemErrorOfFailedWrite runs another process whose writes the kernel
// fails with the errors that a disk can cause.
func TestStore_ReportsSystemErrorOfFailedWrite(t *testing.T) {
	for errno, want := range map[syscall.Errno]store.Cause{
		syscall.ENOSPC: store.CauseNoSpace,
		syscall.EDQUOT: store.CauseNoSpace,
		syscall.EFBIG:  store.CauseNoSpace,
		syscall.EROFS:  store.CauseReadOnly,
		syscall.EACCES: store.CauseDenied,
		syscall.EIO:    store.CauseDamaged,
	} {
		t.Run(errno.Error(), func(t *testing.T) {
			p := startProcess(t, "refused", fmt.Sprintf("%d:%s/lists.db", int(errno), t.TempDir()))
			write, check := p.line(t), p.line(t)
			if write == "skip" {
				t.Skip(check)
			}
			if write != string(want) || check != string(want) {
				t.Errorf("cause of the failed write %q, of CheckWrites %q, want %q", write, check, want)
			}
			p.end(t)
		})
	}
}

// writeRefused has the kernel fail all writes, and prints the causes that Create and
// CheckWrites report.
func writeRefused(argument string) error {
	var errno uint32
	var path string
	if _, err := fmt.Sscanf(argument, "%d:%s", &errno, &path); err != nil {
		return err
	}
	s, err := sqlite.Open(context.Background(), testOptions(path))
	if err != nil {
		return err
	}
	if err := refuseWrites(errno); err != nil {
		fmt.Println("skip")
		fmt.Println(err)
		return nil
	}
	_, err = s.Create(context.Background(), newIntegration("one", 1000))
	for _, err := range []error{err, s.CheckWrites(context.Background())} {
		why, ok := errors.AsType[*store.WriteError](err)
		if !ok {
			return fmt.Errorf("error %v, want a *store.WriteError", err)
		}
		fmt.Println(why.Cause)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0) // Close would write too
	return nil
}

// refuseWrites makes the kernel fail writes of this process to its files with errno:
// pwrite64, and writes of 4096 bytes. See seccomp(2).
func refuseWrites(errno uint32) error {
	seccomp, ok := map[string]uintptr{"amd64": 317, "arm64": 277}[runtime.GOARCH]
	if !ok {
		return errors.New("the system call number of seccomp is unknown on this architecture")
	}
	const load, equal, end = syscall.BPF_LD | syscall.BPF_W | syscall.BPF_ABS, syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K, syscall.BPF_RET | syscall.BPF_K
	const number, count = 0, 32 // offsets of the fields
	filter := []syscall.SockFilter{
		{Code: load, K: number},
		{Code: equal, K: syscall.SYS_PWRITE64, Jt: 3},
		{Code: equal, K: syscall.SYS_WRITE, Jf: 3},
		{Code: load, K: count},
		{Code: equal, K: 4096, Jf: 1},
		{Code: end, K: 0x00050000 | errno},
		{Code: end, K: 0x7fff0000}, // allow
	}
	program := syscall.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	const setNoNewPrivileges, setFilter, ofAllThreads = 38, 1, 1
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, setNoNewPrivileges, 1, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	if _, _, errno := syscall.RawSyscall(seccomp, setFilter, ofAllThreads, uintptr(unsafe.Pointer(&program))); errno != 0 {
		return errno
	}
	return nil
}
