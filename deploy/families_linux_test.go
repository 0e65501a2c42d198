package deploy_test

import (
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestUnit_ChecksForLoops is about the address families that the unit allows:
// without netlink, the system does not list the machine's addresses.
func TestUnit_ChecksForLoops(t *testing.T) {
	var own netip.Addr
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if prefix, err := netip.ParsePrefix(one.String()); err == nil && prefix.Addr().Is4() && !prefix.Addr().IsLoopback() {
			own = prefix.Addr()
		}
	}
	if !own.IsValid() {
		t.Skip("this machine has no address but loopback")
	}
	file := filepath.Join(t.TempDir(), "originwarden.yaml")
	write(t, file, "listen: 0.0.0.0:8080\ntenants:\n  - {id: acme, hosts: [acme.example.com], upstream: 'http://"+own.String()+":8080'}\n")
	families := setting(t, "systemd/originwarden.service", "RestrictAddressFamilies")
	if len(families) == 0 || slices.Contains(families, "AF_NETLINK") {
		t.Fatalf("the unit allows %q", families)
	}
	out := withoutNetlink(t, exec.Command(binary, "serve", "--check", "--config", file))
	if want := "http://" + own.String() + `:8080" is the gateway itself`; !strings.Contains(out, want) {
		t.Errorf("%s\nwant %s", out, want)
	}
}

// withoutNetlink returns what a command writes to whom the system gives no
// netlink socket, as RestrictAddressFamilies does (systemd.exec(5)).
func withoutNetlink(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	const number, family = 0, 16 // in struct seccomp_data; the first argument's low half
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: number},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_SOCKET, Jf: 3},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: family},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.AF_NETLINK, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(syscall.EAFNOSUPPORT)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	type result struct {
		out []byte
		err error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its filter
		program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			done <- result{err: err}
			return
		}
		if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0); err != nil {
			done <- result{err: err}
			return
		}
		out, err := cmd.CombinedOutput()
		done <- result{out, err}
	}()
	r := <-done
	if r.err != nil && cmd.ProcessState == nil {
		t.Skipf("no filter of system calls: %v", r.err)
	}
	return string(r.out)
}
