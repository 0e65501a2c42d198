package cli

import (
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// blockingTenant is a tenant that responds when release is closed.
type blockingTenant struct {
	url      string
	received chan struct{}
	release  chan struct{}
}

func startBlockingTenant(t *testing.T) blockingTenant {
	b := blockingTenant{received: make(chan struct{}, 1), release: make(chan struct{})}
	b.url = startServer(t, func(w http.ResponseWriter, r *http.Request) {
		b.received <- struct{}{}
		select {
		case <-b.release:
		case <-r.Context().Done():
		}
		hello(w, r)
	})
	return b
}

// requestResult is the result of a request.
type requestResult struct {
	text string
	err  error
}

// sendRequest sends a request and returns when the tenant has received it.
func (b blockingTenant) sendRequest(r *runningCommand) <-chan requestResult {
	done := make(chan requestResult, 1)
	go func() {
		_, text, err := trySend("GET", r.tenants+"/slow", "")
		done <- requestResult{text, err}
	}()
	<-b.received
	return done
}

func TestServe_DrainsRequestsOnStop(t *testing.T) {
	tenant := startBlockingTenant(t)
	r := launchGateway(t, Environment{}, t.TempDir(), tenantConfig(tenant.url, "timeouts: {drain: 1h}"))
	result := tenant.sendRequest(r)
	r.signals <- os.Interrupt
	r.await(t, r.stderr, `"msg":"stopping"`)
	if response, text := send(t, "GET", r.admin+"/readyz", ""); response.StatusCode != 503 || !strings.Contains(text, `"ready":false`) || !strings.Contains(text, `"problem":"stopping"`) {
		t.Errorf("readiness: %d %s", response.StatusCode, text)
	}
	close(tenant.release)
	if got := <-result; got.text != "hello" || got.err != nil {
		t.Errorf("the request got %q, %v", got.text, got.err)
	}
	if status := r.wait(t); status != exitDone {
		t.Errorf("exit status %d:\n%s", status, r.stderr)
	}
	if strings.Contains(r.stderr.String(), "requests were cut off") {
		t.Error(r.stderr)
	}
}

func TestServe_CutsOffRequestsAfterDrainTimeout(t *testing.T) {
	for _, drain := range []string{"50ms", "0s"} {
		tenant := startBlockingTenant(t)
		r := launchGateway(t, Environment{}, t.TempDir(), tenantConfig(tenant.url, "timeouts: {drain: "+drain+"}"))
		result := tenant.sendRequest(r)
		if status := r.stop(t); status != exitDone {
			t.Errorf("%s: exit status %d:\n%s", drain, status, r.stderr)
		}
		if got := <-result; got.text == "hello" {
			t.Errorf("%s: the request was not cut off", drain)
		}
		if !strings.Contains(r.stderr.String(), `"requests were cut off"`) {
			t.Errorf("%s: %s", drain, r.stderr)
		}
	}
}

func TestServe_LogsRequestsThatAreCutOff(t *testing.T) {
	tenant := startBlockingTenant(t)
	r := launchGateway(t, Environment{}, t.TempDir(), tenantConfig(tenant.url, "timeouts: {drain: 1s}"))
	result := tenant.sendRequest(r)
	r.stop(t)
	<-result
	lines := regexp.MustCompile(`(?m)^.*"msg":"request".*"path":"/slow".*$`).FindAllString(r.stderr.String(), -1)
	if len(lines) != 1 || !strings.Contains(lines[0], `"limit":"drain"`) {
		t.Errorf("%d lines:\n%s", len(lines), r.stderr)
	}
}

func TestServe_StopsAtOnceOnSecondSignal(t *testing.T) {
	tenant := startBlockingTenant(t)
	r := launchGateway(t, Environment{}, t.TempDir(), tenantConfig(tenant.url, "timeouts: {drain: 1h}"))
	result := tenant.sendRequest(r)
	r.signals <- os.Interrupt
	r.await(t, r.stderr, `"msg":"stopping"`)
	if status := r.stop(t); status != exitFailed || !strings.HasSuffix(r.stderr.String(), "originwarden: stopped at once by a second signal\n") {
		t.Errorf("exit status %d:\n%s", status, r.stderr)
	}
	if got := <-result; got.text == "hello" {
		t.Error("the request was not cut off")
	}
}

func TestServe_ReportsPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	for _, flags := range [][]string{
		{"--listen", address, "--admin-listen", "127.0.0.1:0"},
		{"--admin-listen", address, "--listen", "127.0.0.1:0"},
		{"decide.listen", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--config", writeConfig(t, "decide: {listen: '"+address+"'}\n")},
	} {
		args := append([]string{"serve", "--upstream", "http://127.0.0.1:1", "--store", "sqlite:" + filepath.Join(t.TempDir(), "lists.db")}, flags...)
		args = slices.DeleteFunc(args, func(arg string) bool { return arg == "decide.listen" }) // a key, not a flag
		status, stdout, stderr := runCommand(t, Environment{}, args...)
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

func TestServe_ReportsInvalidStore(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.db")
	if err := os.WriteFile(broken, []byte(strings.Repeat("this is no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, file string }{
		{"not a database", broken},
		{"missing directory", filepath.Join(dir, "missing", "lists.db")},
		{"directory", dir},
	} {
		status, stdout, stderr := runCommand(t, noListeners(t), "serve", "--upstream", "http://127.0.0.1:1", "--store", "sqlite:"+c.file)
		if status != exitFailed || stdout != "" || !strings.Contains(stderr, c.file) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit status %d, %q and\n%s", c.name, status, stdout, stderr)
		}
	}
}

func TestServe_StopsWhileWaitingForTheStore(t *testing.T) {
	dir := t.TempDir()
	startGateway(t, dir, tenantConfig("http://127.0.0.1:1")) // locks the store
	second := startCommand(t, noListeners(t), "serve", "--upstream", "http://127.0.0.1:1", "--store", "sqlite:"+filepath.Join(dir, "lists.db"))
	if status := second.stop(t); status != exitDone || second.stdout.String() != "" {
		t.Errorf("exit status %d:\n%s%s", status, second.stdout, second.stderr)
	}
}

// failingListener is a listener whose Accept fails.
type failingListener struct{ net.Listener }

var errAccept = errors.New("accept failed")

func (failingListener) Accept() (net.Conn, error) { return nil, errAccept }

func TestServe_StopsWhenListenerFails(t *testing.T) {
	for fails := range 2 {
		opened := 0
		env := Environment{Listen: func(network, address string) (net.Listener, error) {
			l, err := net.Listen(network, address)
			if opened++; opened-1 == fails {
				return failingListener{l}, err
			}
			return l, err
		}}
		status, _, stderr := runCommand(t, env, "serve", "--upstream", "http://127.0.0.1:1", "--listen", "127.0.0.1:0",
			"--admin-listen", "127.0.0.1:0", "--store", "sqlite:"+filepath.Join(t.TempDir(), "lists.db"))
		if status != exitFailed || lastLine(stderr) != "originwarden: "+errAccept.Error() {
			t.Errorf("exit status %d:\n%s", status, stderr)
		}
	}
}
