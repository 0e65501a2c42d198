package cli

import (
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// blocking is a tenant whose answer to /slow waits for release.
type blocking struct {
	url     string
	entered chan struct{}
	release chan struct{}
}

func newBlocking(t *testing.T) blocking {
	b := blocking{entered: make(chan struct{}, 1), release: make(chan struct{})}
	b.url = upstream(t, func(w http.ResponseWriter, r *http.Request) {
		b.entered <- struct{}{}
		select {
		case <-b.release:
		case <-r.Context().Done():
		}
		hello(w, r)
	})
	return b
}

// answered is the outcome of a request.
type answered struct {
	text string
	err  error
}

// ask sends a request to the tenant and returns when it is there.
func (b blocking) ask(r *running) <-chan answered {
	done := make(chan answered, 1)
	go func() {
		_, text, err := trySend("GET", r.tenants+"/slow", "")
		done <- answered{text, err}
	}()
	<-b.entered
	return done
}

func TestServe_LetsRequestsEndBeforeItDoes(t *testing.T) {
	tenant := newBlocking(t)
	r := startServing(t, Environment{}, t.TempDir(), oneTenant(tenant.url, "timeouts: {drain: 1h}"))
	answer := tenant.ask(r)
	r.signals <- os.Interrupt
	r.await(t, r.stderr, `"msg":"stopping"`)
	if response, text := send(t, "GET", r.admin+"/readyz", ""); response.StatusCode != 503 || !strings.Contains(text, `"ready":false`) || !strings.Contains(text, `"problem":"stopping"`) {
		t.Errorf("readiness is %d %s", response.StatusCode, text)
	}
	close(tenant.release)
	if got := <-answer; got.text != "hello" || got.err != nil {
		t.Errorf("the request got %q, %v", got.text, got.err)
	}
	if status := r.wait(t); status != exitDone {
		t.Errorf("exit status %d:\n%s", status, r.stderr)
	}
	if strings.Contains(r.stderr.String(), "requests were cut off") {
		t.Error(r.stderr)
	}
}

func TestServe_CutsWhatDoesNotEndInTime(t *testing.T) {
	for _, drain := range []string{"50ms", "0s"} {
		tenant := newBlocking(t)
		r := startServing(t, Environment{}, t.TempDir(), oneTenant(tenant.url, "timeouts: {drain: "+drain+"}"))
		answer := tenant.ask(r)
		if status := r.stop(t); status != exitDone {
			t.Errorf("%s: exit status %d:\n%s", drain, status, r.stderr)
		}
		if got := <-answer; got.text == "hello" {
			t.Errorf("%s: the request was answered", drain)
		}
		if !strings.Contains(r.stderr.String(), `"requests were cut off"`) {
			t.Errorf("%s: %s", drain, r.stderr)
		}
	}
}

func TestServe_WritesTheLineOfWhatItCuts(t *testing.T) {
	tenant := newBlocking(t)
	r := startServing(t, Environment{}, t.TempDir(), oneTenant(tenant.url, "timeouts: {drain: 1s}"))
	answer := tenant.ask(r)
	r.stop(t)
	<-answer
	lines := regexp.MustCompile(`(?m)^.*"msg":"request".*"path":"/slow".*$`).FindAllString(r.stderr.String(), -1)
	if len(lines) != 1 || !strings.Contains(lines[0], `"limit":"drain"`) {
		t.Errorf("%d lines:\n%s", len(lines), r.stderr)
	}
}

func TestServe_EndsAtOnceUponASecondSignal(t *testing.T) {
	tenant := newBlocking(t)
	r := startServing(t, Environment{}, t.TempDir(), oneTenant(tenant.url, "timeouts: {drain: 1h}"))
	answer := tenant.ask(r)
	r.signals <- os.Interrupt
	r.await(t, r.stderr, `"msg":"stopping"`)
	if status := r.stop(t); status != exitFailed || !strings.HasSuffix(r.stderr.String(), "originwarden: stopped at once by a second signal\n") {
		t.Errorf("exit status %d:\n%s", status, r.stderr)
	}
	if got := <-answer; got.text == "hello" {
		t.Error("the request was answered")
	}
}

func TestServe_NamesAPortThatIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	for _, flags := range [][]string{
		{"--listen", address, "--admin-listen", "127.0.0.1:0"},
		{"--admin-listen", address, "--listen", "127.0.0.1:0"},
	} {
		args := append([]string{"serve", "--upstream", "http://127.0.0.1:1", "--store", "sqlite:" + filepath.Join(t.TempDir(), "lists.db")}, flags...)
		status, stdout, stderr := execution(t, Environment{}, args...)
		last := lastLine(stderr)
		if status != exitFailed || stdout != "" || !strings.HasPrefix(last, "originwarden: ") || !strings.Contains(last, address) ||
			!strings.HasSuffix(last, "perhaps another gateway, or give another address with "+flags[0]) {
			t.Errorf("exit status %d, %q and\n%s", status, stdout, stderr)
		}
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	return lines[len(lines)-1]
}

func TestServe_NamesAStoreThatCannotBeHad(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.db")
	if err := os.WriteFile(broken, []byte(strings.Repeat("this is no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, file string }{
		{"no database", broken},
		{"no directory", filepath.Join(dir, "missing", "lists.db")},
		{"a directory", dir},
	} {
		status, stdout, stderr := execution(t, deaf(t), "serve", "--upstream", "http://127.0.0.1:1", "--store", "sqlite:"+c.file)
		if status != exitFailed || stdout != "" || !strings.Contains(stderr, c.file) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit status %d, %q and\n%s", c.name, status, stdout, stderr)
		}
	}
}

func TestServe_CanBeCalledOffWhileItWaitsForTheStore(t *testing.T) {
	dir := t.TempDir()
	serving(t, dir, oneTenant("http://127.0.0.1:1")) // holds the lock
	second := start(t, deaf(t), "serve", "--upstream", "http://127.0.0.1:1", "--store", "sqlite:"+filepath.Join(dir, "lists.db"))
	if status := second.stop(t); status != exitDone || second.stdout.String() != "" {
		t.Errorf("exit status %d:\n%s%s", status, second.stdout, second.stderr)
	}
}

// failing is a listener that cannot accept any more.
type failing struct{ net.Listener }

var errWornOut = errors.New("the listener is worn out")

func (failing) Accept() (net.Conn, error) { return nil, errWornOut }

func TestServe_EndsWhenAListenerFails(t *testing.T) {
	for fails := range 2 {
		opened := 0
		env := Environment{Listen: func(network, address string) (net.Listener, error) {
			l, err := net.Listen(network, address)
			if opened++; opened-1 == fails {
				return failing{l}, err
			}
			return l, err
		}}
		status, _, stderr := execution(t, env, "serve", "--upstream", "http://127.0.0.1:1", "--listen", "127.0.0.1:0",
			"--admin-listen", "127.0.0.1:0", "--store", "sqlite:"+filepath.Join(t.TempDir(), "lists.db"))
		if status != exitFailed || lastLine(stderr) != "originwarden: "+errWornOut.Error() {
			t.Errorf("exit status %d:\n%s", status, stderr)
		}
	}
}
