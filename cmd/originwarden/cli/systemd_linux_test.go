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

// underSystemd is how systemd starts a service: with sockets and their names, and
// what it is to be told by.
type underSystemd struct {
	sockets []*os.File
	names   string
	env     []string
}

// serve starts the command in a process of its own, which only knows its LISTEN_PID
// once it is there.
func (a underSystemd) serve(t *testing.T, args ...string) program {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`, self, "serve"}, args...)...)
	cmd.Dir, cmd.ExtraFiles = t.TempDir(), a.sockets
	cmd.Env = append([]string{asCommand + "=1"}, a.env...)
	if len(a.sockets) > 0 {
		cmd.Env = append(cmd.Env, fmt.Sprint("LISTEN_FDS=", len(a.sockets)), "LISTEN_FDNAMES="+a.names)
	}
	return begin(t, cmd)
}

// socket is one that listens, as a file to hand over, with its address.
func socket(t *testing.T) (file *os.File, address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() // the file is another descriptor of it
	if file, err = listener.(*net.TCPListener).File(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file, listener.Addr().String()
}

func TestActivation_TakesTheSocketsThatItWasStartedWith(t *testing.T) {
	up := upstream(t, hello)
	tenants, tenantsAt := socket(t)
	admin, adminAt := socket(t)
	a := underSystemd{sockets: []*os.File{admin, tenants}, names: "admin:tenants"}
	for range 2 { // the second one has what came while nobody was there
		early := make(chan answered, 1)
		go func() {
			_, text, err := trySend("GET", "http://"+tenantsAt+"/", "")
			early <- answered{text, err}
		}()
		p := a.serve(t, "--upstream", up, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
		if found := p.await(t, p.stdout, readyLine); found[1] != tenantsAt || found[2] != adminAt {
			t.Errorf("it listens at %s and %s, not at %s and %s", found[1], found[2], tenantsAt, adminAt)
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

// What counts is where the socket listens, not what the configuration says.
func TestActivation_RefusesRebindingAtALoopbackSocket(t *testing.T) {
	up := upstream(t, hello)
	tenants, tenantsAt := socket(t)
	admin, adminAt := socket(t)
	a := underSystemd{sockets: []*os.File{admin, tenants}, names: "admin:tenants"}
	p := a.serve(t, "--upstream", up, "--listen", "0.0.0.0:0", "--admin-listen", "0.0.0.0:0")
	p.await(t, p.stdout, readyLine)
	for _, at := range []string{tenantsAt, adminAt} {
		for host, want := range map[string]int{"evil.example": 421, at: 200, "localhost": 200} {
			if got, text := askHost(t, "http://"+at, "GET /healthz HTTP/1.1", host); got != want {
				t.Errorf("%s at %s: %d %s", host, at, got, text)
			}
		}
	}
	p.process.Signal(syscall.SIGTERM)
	if status := p.wait(t); status != exitDone {
		t.Errorf("exit status %d:\n%s", status, p.stderr)
	}
}

func TestActivation_OpensWhatItWasNotGiven(t *testing.T) {
	admin, adminAt := socket(t)
	p := underSystemd{sockets: []*os.File{admin}, names: "admin"}.serve(t, serveArgs("http://127.0.0.1:1")[1:]...)
	if found := p.await(t, p.stdout, readyLine); found[2] != adminAt || found[1] == adminAt {
		t.Errorf("it listens at %s and %s", found[1], found[2])
	}
}

func TestActivation_RefusesWhatNoUnitShouldHandOver(t *testing.T) {
	first, _ := socket(t)
	second, _ := socket(t)
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
		{"a name of nothing", []*os.File{first}, "web", "a socket named web"},
		{"no name", []*os.File{first}, "", "a socket named LISTEN_FD_3"},
		{"two of a name", []*os.File{first, second}, "tenants:tenants", "2 sockets named tenants"},
		{"a socket of datagrams", []*os.File{datagrams}, "tenants", "named tenants, does not listen"},
	} {
		p := underSystemd{sockets: row.sockets, names: row.names}.serve(t, serveArgs("http://127.0.0.1:1")[1:]...)
		if status := p.wait(t); status != exitFailed || !strings.Contains(p.stderr.String(), row.stderr) || p.stdout.String() != "" {
			t.Errorf("%s: exit status %d\n%s", row.rule, status, p.stderr)
		}
	}
}

// manager is what systemd hears from a service.
type manager struct {
	t      *testing.T
	socket *net.UnixConn
}

func newManager(t *testing.T) *manager {
	t.Helper()
	dir, err := os.MkdirTemp("", "ow") // the names of sockets are short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: filepath.Join(dir, "notify")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	return &manager{t, socket}
}

func (m *manager) env() string { return "NOTIFY_SOCKET=" + m.socket.LocalAddr().String() }

// hears returns the next message, or "" when none comes in time.
func (m *manager) hears(within time.Duration) string {
	m.t.Helper()
	m.socket.SetReadDeadline(time.Now().Add(within))
	buffer := make([]byte, 1<<10)
	n, err := m.socket.Read(buffer)
	if err != nil {
		return ""
	}
	return string(buffer[:n])
}

// expect fails unless these come next, and in this order.
func (m *manager) expect(messages ...string) {
	m.t.Helper()
	for _, want := range messages {
		if got := m.hears(patience); got != want {
			m.t.Fatalf("it heard %q, not %q", got, want)
		}
	}
}

// monotonic returns CLOCK_MONOTONIC.
func monotonic() time.Duration {
	var now unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	return time.Duration(now.Nano())
}

// expectReload fails unless a reload comes next that began after a time, and its
// end.
func (m *manager) expectReload(after time.Duration) {
	m.t.Helper()
	var at int64
	message := m.hears(patience)
	if _, err := fmt.Sscanf(message, "RELOADING=1\nMONOTONIC_USEC=%d", &at); err != nil || at < after.Microseconds() || at > monotonic().Microseconds() {
		m.t.Fatalf("it heard %q after %d", message, after.Microseconds())
	}
	m.expect("READY=1")
}

func TestSystemd_HearsHowTheServiceIs(t *testing.T) {
	up := upstream(t, hello)
	m := newManager(t)
	file := writeConfig(t, oneTenant(up, "timeouts: {shutdown_delay: 200ms}"))
	p := underSystemd{env: []string{m.env()}}.serve(t, "--config", file, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	m.expect("READY=1")
	found := p.await(t, p.stdout, readyLine)
	if response, _ := send(t, "GET", "http://"+found[1]+"/", ""); response.StatusCode != 200 {
		t.Errorf("when it is ready: %s", response.Status)
	}
	for _, text := range []string{oneTenant(up), "nonsense: 1\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		begun := monotonic()
		p.process.Signal(syscall.SIGHUP)
		m.expectReload(begun)
	}
	p.process.Signal(syscall.SIGTERM)
	m.expect("STOPPING=1")
	if status := p.wait(t); status != exitDone {
		t.Errorf("exit status %d:\n%s", status, p.stderr)
	}
	if more := m.hears(time.Millisecond); more != "" {
		t.Errorf("after all that it heard %q", more)
	}
}

func TestSystemd_HearsThatTheServiceLives(t *testing.T) {
	m := newManager(t)
	p := underSystemd{env: []string{m.env(), "WATCHDOG_USEC=200000"}}.serve(t, serveArgs("http://127.0.0.1:1")[1:]...)
	defer p.process.Signal(syscall.SIGTERM)
	var beats []time.Time
	for len(beats) < 4 {
		switch message := m.hears(patience); message {
		case "WATCHDOG=1":
			beats = append(beats, time.Now())
		case "READY=1":
		default:
			t.Fatalf("it heard %q", message)
		}
	}
	if took := beats[3].Sub(beats[0]); took < 200*time.Millisecond {
		t.Errorf("three beats, of 100 ms each, took %v", took)
	}
}

// A socket makes an address of the configuration free for a tenant, and is none
// itself.
func TestActivation_KnowsItselfByItsSockets(t *testing.T) {
	up := upstream(t, hello)
	tenants, tenantsAt := socket(t)
	admin, adminAt := socket(t)
	a := underSystemd{sockets: []*os.File{admin, tenants}, names: "admin:tenants"}
	p := a.serve(t, "--upstream", up, "--listen", strings.TrimPrefix(up, "http://"))
	p.await(t, p.stdout, readyLine)
	p.process.Signal(syscall.SIGTERM)
	if status := p.wait(t); status != exitDone {
		t.Errorf("exit status %d:\n%s", status, p.stderr)
	}
	for _, own := range []string{tenantsAt, adminAt} {
		p := a.serve(t, "--upstream", "http://"+own)
		if status := p.wait(t); status != exitUsage || !strings.Contains(p.stderr.String(), `"http://`+own+`" is the gateway itself`) {
			t.Errorf("an upstream that is a socket: exit status %d\n%s", status, p.stderr)
		}
	}
}
