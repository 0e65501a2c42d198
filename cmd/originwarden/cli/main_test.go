package cli

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"originwarden/cmd/originwarden/server"

	"go.uber.org/goleak"
)

// asCommand is set for a process of the tests that is to be the command.
const asCommand = "ORIGINWARDEN_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		os.Exit(Execute(ThisProcess(), os.Args[1:]...))
	}
	goleak.VerifyTestMain(m)
}

const adminTokenName = server.AdminTokenName

// patience is how long a test waits for what has to happen at once.
const patience = 20 * time.Second

// output is what a program has written so far.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	written chan struct{}
}

func newOutput() *output { return &output{written: make(chan struct{}, 1)} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.written <- struct{}{}:
	default:
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// running is a command under way in this process.
type running struct {
	stdout, stderr *output
	signals        chan os.Signal
	exited         chan int
	tenants, admin string // URLs, of serve
}

// start executes a command.
func start(t *testing.T, env Environment, args ...string) *running {
	t.Helper()
	r := &running{stdout: newOutput(), stderr: newOutput(), signals: make(chan os.Signal, 2), exited: make(chan int, 1)}
	env.Stdout, env.Stderr = r.stdout, r.stderr
	env.Signals = func() (<-chan os.Signal, func()) { return r.signals, func() {} }
	if env.Getenv == nil {
		env.Getenv = func(string) string { return "" }
	}
	if env.Listen == nil {
		env.Listen = net.Listen
	}
	go func() { r.exited <- Execute(env, args...) }()
	return r
}

// await waits until the output matches, and returns the submatches.
func (r *running) await(t *testing.T, o *output, pattern string) []string {
	t.Helper()
	timeout := time.After(patience)
	for {
		if found := regexp.MustCompile(pattern).FindStringSubmatch(o.String()); found != nil {
			return found
		}
		select {
		case <-o.written:
		case status := <-r.exited:
			t.Fatalf("exit status %d before %s:\n%s%s", status, pattern, r.stdout, r.stderr)
		case <-timeout:
			t.Fatalf("no %s in:\n%s%s", pattern, r.stdout, r.stderr)
		}
	}
}

// stop sends the signal to stop and returns the exit status.
func (r *running) stop(t *testing.T) int {
	t.Helper()
	r.signals <- os.Interrupt
	return r.wait(t)
}

func (r *running) wait(t *testing.T) int {
	t.Helper()
	select {
	case status := <-r.exited:
		return status
	case <-time.After(patience):
		t.Fatalf("still running:\n%s%s", r.stdout, r.stderr)
		return -1
	}
}

// execution runs a command that ends by itself.
func execution(t *testing.T, env Environment, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	r := start(t, env, args...)
	status = r.wait(t)
	return status, r.stdout.String(), r.stderr.String()
}

const readyLine = `(?m)^originwarden ready listen=(\S+) admin=(\S+)$`

// serving runs serve on free ports with the configuration, whose store is in
// dir unless it says another, and stops it at the end of the test.
func serving(t *testing.T, dir, configuration string) *running {
	t.Helper()
	r := startServing(t, Environment{}, dir, configuration)
	t.Cleanup(func() {
		if status := r.stop(t); status != exitDone {
			t.Errorf("exit status %d:\n%s", status, r.stderr)
		}
	})
	return r
}

// startServing is serving for a test that stops it by itself.
func startServing(t *testing.T, env Environment, dir, configuration string) *running {
	t.Helper()
	r := start(t, env, "serve", "--config", writeConfig(t, configuration),
		"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--store", "sqlite:"+filepath.Join(dir, "lists.db"))
	found := r.await(t, r.stdout, readyLine)
	r.tenants, r.admin = "http://"+found[1], "http://"+found[2]
	return r
}

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "originwarden.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// upstream is a tenant that answers by handler until the end of the test.
func upstream(t *testing.T, handler http.HandlerFunc) (url string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func hello(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }

// oneTenant configures the tenant acme, which takes every host, and more.
func oneTenant(url string, more ...string) string {
	return fmt.Sprintf("tenants: [{id: acme, hosts: ['*'], upstream: '%s'}]\n", url) + strings.Join(more, "\n")
}

// send makes one request on a connection of its own. Headers are written like
// "Name: value".
func send(t *testing.T, method, url, body string, headers ...string) (response *http.Response, text string) {
	t.Helper()
	response, text, err := trySend(method, url, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return response, text
}

func trySend(method, url, body string, headers ...string) (*http.Response, string, error) {
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Add(name, value)
		if name == "Host" {
			request.Host = value
		}
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	response, err := client.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response, string(text), err
}
