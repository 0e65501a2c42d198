package cli

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// systemdService starts the command as systemd does: with sockets, their names and
// the environment of the service.
type systemdService struct {
	sockets []*os.File
	names   string
	env     []string
}

// start starts serve in a separate process. A shell sets LISTEN_PID, which is known
// only in that process.
func (a systemdService) start(t *testing.T, args ...string) commandProcess {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`, self, "serve"}, args...)...)
	cmd.Dir, cmd.ExtraFiles = t.TempDir(), a.sockets
	cmd.Env = append([]string{envRunCommand + "=1"}, a.env...)
	if len(a.sockets) > 0 {
		cmd.Env = append(cmd.Env, fmt.Sprint("LISTEN_FDS=", len(a.sockets)), "LISTEN_FDNAMES="+a.names)
	}
	return startProcess(t, cmd)
}

// openSocket returns a listening socket as a file, and its address.
func openSocket(t *testing.T) (file *os.File, address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() // the file has its own descriptor
	if file, err = listener.(*net.TCPListener).File(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file, listener.Addr().String()
}

func TestActivation_UsesPassedSockets(t *testing.T) {
	up := startServer(t, hello)
	tenants, tenantsAt := openSocket(t)
	admin, adminAt := openSocket(t)
	a := systemdService{sockets: []*os.File{admin, tenants}, names: "admin:tenants"}
	for range 2 { // the second process accepts connections from before its start
		early := make(chan requestResult, 1)
		go func() {
			_, text, err := trySend("GET", "http://"+tenantsAt+"/", "")
			early <- requestResult{text, err}
		}()
		p := a.start(t, "--upstream", up, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
		if found := p.await(t, p.stdout, readyLine); found[1] != tenantsAt || found[2] != adminAt {
			t.Errorf("listening at %s and %s, want %s and %s", found[1], found[2], tenantsAt, adminAt)
		}
		if got := <-early; got.err != nil || got.text != "hello" {
			t.Errorf("%q, %v", got.text, got.err)
		}
		if response, _ := send(t, "GET", "http://"+adminAt+"/readyz", ""); response.StatusCode != 200 {
			t.Error(response.Status)
		}
		p.process.Signal(syscall.SIGTERM)
		if status := p.wait(t); status != exitDone {
			t.Errorf("exit status %d:\n%s", status, p.stderr)
		}
	}
}

// The address of the socket counts, not that of the configuration.
func TestActivation_RefusesDNSRebindingOnLoopbackSocket(t *testing.T) {
	up := startServer(t, hello)
	tenants, tenantsAt := openSocket(t)
	admin, adminAt := openSocket(t)
	a := systemdService{sockets: []*os.File{admin, tenants}, names: "admin:tenants"}
	p := a.start(t, "--upstream", up, "--listen", "0.0.0.0:0", "--admin-listen", "0.0.0.0:0")
	p.await(t, p.stdout, readyLine)
	for _, at := range []string{tenantsAt, adminAt} {
		for host, want := range map[string]int{"evil.example": 421, at: 200, "localhost": 200} {
			if got, text := sendToHost(t, "http://"+at, "GET /healthz HTTP/1.1", host); got != want {
				t.Errorf("%s at %s: %d %s", host, at, got, text)
			}
		}
	}
	p.process.Signal(syscall.SIGTERM)
	if status := p.wait(t); status != exitDone {
		t.Errorf("exit status %d:\n%s", status, p.stderr)
	}
}

func TestActivation_OpensMissingSockets(t *testing.T) {
	admin, adminAt := openSocket(t)
	p := systemdService{sockets: []*os.File{admin}, names: "admin"}.start(t, serveArgs("http://127.0.0.1:1")[1:]...)
	if found := p.await(t, p.stdout, readyLine); found[2] != adminAt || found[1] == adminAt {
		t.Errorf("listening at %s and %s, want only the admin address at the socket", found[1], found[2])
	}
}

func TestActivation_RefusesInvalidSockets(t *testing.T) {
	first, _ := openSocket(t)
	second, _ := openSocket(t)
	packets, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	datagrams, err := packets.File()
	if err != nil {
		t.Fatal(err)
	}
	defer datagrams.Close()
	for _, row := range []struct {
		rule    string
		sockets []*os.File
		names   string
		stderr  string
	}{
		{"unknown name", []*os.File{first}, "web", "a socket named web"},
		{"no name", []*os.File{first}, "", "a socket named LISTEN_FD_3"},
		{"duplicate name", []*os.File{first, second}, "tenants:tenants", "2 sockets named tenants"},
		{"datagram socket", []*os.File{datagrams}, "tenants", "named tenants, does not listen"},
	} {
		p := systemdService{sockets: row.sockets, names: row.names}.start(t, serveArgs("http://127.0.0.1:1")[1:]...)
		if status := p.wait(t); status != exitFailed || !strings.Contains(p.stderr.String(), row.stderr) || p.stdout.String() != "" {
			t.Errorf("%s: exit status %d\n%s", row.rule, status, p.stderr)
		}
	}
}

// notifySocket receives the notifications of a service, as systemd does.
type notifySocket struct {
	t      *testing.T
	socket *net.UnixConn
}

func openNotifySocket(t *testing.T) *notifySocket {
	t.Helper()
	dir, err := os.MkdirTemp("", "ow") // the length of socket names is limited
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: filepath.Join(dir, "notify")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	return &notifySocket{t, socket}
}

func (m *notifySocket) env() string { return "NOTIFY_SOCKET=" + m.socket.LocalAddr().String() }

// read returns the next message, or "" if none arrives in time.
func (m *notifySocket) read(within time.Duration) string {
	m.t.Helper()
	m.socket.SetReadDeadline(time.Now().Add(within))
	buffer := make([]byte, 1<<10)
	n, err := m.socket.Read(buffer)
	if err != nil {
		return ""
	}
	return string(buffer[:n])
}

// expect fails unless these are the next messages, in this order.
func (m *notifySocket) expect(messages ...string) {
	m.t.Helper()
	for _, want := range messages {
		if got := m.read(testTimeout); got != want {
			m.t.Fatalf("got message %q, want %q", got, want)
		}
	}
}

// monotonicNow returns CLOCK_MONOTONIC.
func monotonicNow() time.Duration {
	var now unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	return time.Duration(now.Nano())
}

// expectReload fails unless the next messages report the start of a reload, later
// than after, and its end.
func (m *notifySocket) expectReload(after time.Duration) {
	m.t.Helper()
	var at int64
	message := m.read(testTimeout)
	if _, err := fmt.Sscanf(message, "RELOADING=1\nMONOTONIC_USEC=%d", &at); err != nil || at < after.Microseconds() || at > monotonicNow().Microseconds() {
		m.t.Fatalf("got message %q after %d, want RELOADING=1", message, after.Microseconds())
	}
	m.expect("READY=1")
}

func TestSystemd_ReceivesServiceState(t *testing.T) {
	up := startServer(t, hello)
	m := openNotifySocket(t)
	file := writeConfig(t, tenantConfig(up, "timeouts: {shutdown_delay: 200ms}"))
	p := systemdService{env: []string{m.env()}}.start(t, "--config", file, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	m.expect("READY=1")
	found := p.await(t, p.stdout, readyLine)
	if response, _ := send(t, "GET", "http://"+found[1]+"/", ""); response.StatusCode != 200 {
		t.Errorf("after READY=1: %s", response.Status)
	}
	for _, text := range []string{tenantConfig(up), "nonsense: 1\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		start := monotonicNow()
		p.process.Signal(syscall.SIGHUP)
		m.expectReload(start)
	}
	p.process.Signal(syscall.SIGTERM)
	m.expect("STOPPING=1")
	if status := p.wait(t); status != exitDone {
		t.Errorf("exit status %d:\n%s", status, p.stderr)
	}
	if more := m.read(time.Millisecond); more != "" {
		t.Errorf("unexpected message %q", more)
	}
}

func TestSystemd_ReceivesWatchdogNotifications(t *testing.T) {
	m := openNotifySocket(t)
	p := systemdService{env: []string{m.env(), "WATCHDOG_USEC=200000"}}.start(t, serveArgs("http://127.0.0.1:1")[1:]...)
	defer p.process.Signal(syscall.SIGTERM)
	var beats []time.Time
	for len(beats) < 4 {
		switch message := m.read(testTimeout); message {
		case "WATCHDOG=1":
			beats = append(beats, time.Now())
		case "READY=1":
		default:
			t.Fatalf("unexpected message %q", message)
		}
	}
	if took := beats[3].Sub(beats[0]); took < 200*time.Millisecond {
		t.Errorf("three watchdog intervals took %v, want about 100ms each", took)
	}
}

// A passed socket replaces the configured address, which may then be an upstream.
// The socket's own address may not.
func TestActivation_DetectsUpstreamThatIsItsOwnSocket(t *testing.T) {
	up := startServer(t, hello)
	tenants, tenantsAt := openSocket(t)
	admin, adminAt := openSocket(t)
	a := systemdService{sockets: []*os.File{admin, tenants}, names: "admin:tenants"}
	p := a.start(t, "--upstream", up, "--listen", strings.TrimPrefix(up, "http://"))
	p.await(t, p.stdout, readyLine)
	p.process.Signal(syscall.SIGTERM)
	if status := p.wait(t); status != exitDone {
		t.Errorf("exit status %d:\n%s", status, p.stderr)
	}
	for _, own := range []string{tenantsAt, adminAt} {
		p := a.start(t, "--upstream", "http://"+own)
		if status := p.wait(t); status != exitUsage || !strings.Contains(p.stderr.String(), `"http://`+own+`" is the gateway itself`) {
			t.Errorf("upstream at a passed socket: exit status %d\n%s", status, p.stderr)
		}
	}
}
