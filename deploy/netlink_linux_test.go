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

// TestUnit_FindsUpstreamLoopWithoutNetlink tests the check for loops with the address
// families that the unit allows: without netlink, the system cannot list the machine's
// addresses.
func TestUnit_FindsUpstreamLoopWithoutNetlink(t *testing.T) {
	var own netip.Addr
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		if prefix, err := netip.ParsePrefix(address.String()); err == nil && prefix.Addr().Is4() && !prefix.Addr().IsLoopback() {
			own = prefix.Addr()
		}
	}
	if !own.IsValid() {
		t.Skip("this machine has only loopback addresses")
	}
	file := filepath.Join(t.TempDir(), "originwarden.yaml")
	writeFile(t, file, "listen: 0.0.0.0:8080\ntenants:\n  - {id: acme, hosts: [acme.example.com], upstream: 'http://"+own.String()+":8080'}\n")
	families := unitSetting(t, "systemd/originwarden.service", "RestrictAddressFamilies")
	if len(families) == 0 || slices.Contains(families, "AF_NETLINK") {
		t.Fatalf("RestrictAddressFamilies is %q, want families without AF_NETLINK", families)
	}
	out := runWithoutNetlink(t, exec.Command(binary, "serve", "--check", "--config", file))
	if want := "http://" + own.String() + `:8080" is the gateway itself`; !strings.Contains(out, want) {
		t.Errorf("output %s\nwant %s", out, want)
	}
}

// runWithoutNetlink runs a command that cannot open a netlink socket, as with
// RestrictAddressFamilies (systemd.exec(5)), and returns its output.
func runWithoutNetlink(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	const number, family = 0, 16 // offsets in struct seccomp_data: the number, and the low half of the first argument
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
		runtime.LockOSThread() // never unlocked, so that the thread and its filter end with the goroutine
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
		t.Skipf("cannot filter system calls: %v", r.err)
	}
	return string(r.out)
}
