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

// envRunCommand makes the test binary run as the command.
const envRunCommand = "ORIGINWARDEN_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(envRunCommand) != "" {
		os.Exit(Execute(ThisProcess(), os.Args[1:]...))
	}
	goleak.VerifyTestMain(m)
}

const adminTokenName = server.AdminTokenName

// testTimeout is the time after which a test fails that waits for an event.
const testTimeout = 20 * time.Second

// output collects what a command writes.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	writes  int
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
	o.writes++
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// runningCommand is a command that runs in this process.
type runningCommand struct {
	stdout, stderr *output
	signals        chan os.Signal
	exited         chan int
	tenants, admin string // URLs, of serve
	decide         string // its address for questions, or ""
}

// startCommand runs a command in the background.
func startCommand(t *testing.T, env Environment, args ...string) *runningCommand {
	t.Helper()
	r := &runningCommand{stdout: newOutput(), stderr: newOutput(), signals: make(chan os.Signal, 2), exited: make(chan int, 1)}
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
func (r *runningCommand) await(t *testing.T, o *output, pattern string) []string {
	t.Helper()
	timeout := time.After(testTimeout)
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
func (r *runningCommand) stop(t *testing.T) int {
	t.Helper()
	r.signals <- os.Interrupt
	return r.wait(t)
}

func (r *runningCommand) wait(t *testing.T) int {
	t.Helper()
	select {
	case status := <-r.exited:
		return status
	case <-time.After(testTimeout):
		t.Fatalf("still running:\n%s%s", r.stdout, r.stderr)
		return -1
	}
}

// runCommand runs a command and waits until it exits.
func runCommand(t *testing.T, env Environment, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	r := startCommand(t, env, args...)
	status = r.wait(t)
	return status, r.stdout.String(), r.stderr.String()
}

const readyLine = `(?m)^originwarden ready listen=(\S+) admin=(\S+)(?: decide=(\S+))?$`

// startGateway runs serve on free ports with the configuration and a store in
// dir, and stops it at the end of the test.
func startGateway(t *testing.T, dir, configuration string) *runningCommand {
	t.Helper()
	r := launchGateway(t, Environment{}, dir, configuration)
	t.Cleanup(func() {
		if status := r.stop(t); status != exitDone {
			t.Errorf("exit status %d:\n%s", status, r.stderr)
		}
	})
	return r
}

// launchGateway is startGateway for tests that stop the gateway themselves.
func launchGateway(t *testing.T, env Environment, dir, configuration string) *runningCommand {
	t.Helper()
	r := startCommand(t, env, "serve", "--config", writeConfig(t, configuration),
		"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--store", "sqlite:"+filepath.Join(dir, "lists.db"))
	found := r.await(t, r.stdout, readyLine)
	r.tenants, r.admin, r.decide = "http://"+found[1], "http://"+found[2], found[3]
	return r
}

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "originwarden.yaml")
	if err := os.WriteFile(file, []byte(inLane(text)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// inLane returns a configuration for the lane that TEST_LANE names, and other texts as
// they are.
func inLane(configuration string) string {
	if os.Getenv("TEST_LANE") != "reference" || !strings.Contains(configuration, "tenants:") || strings.Contains(configuration, "fast_lane") {
		return configuration
	}
	return configuration + "\nfast_lane: false\n"
}

// startServer serves handler until the end of the test.
func startServer(t *testing.T, handler http.HandlerFunc) (url string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func hello(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }

// tenantConfig returns a configuration with the tenant acme, which has every
// host, and the lines in more.
func tenantConfig(url string, more ...string) string {
	return fmt.Sprintf("tenants: [{id: acme, hosts: ['*'], upstream: '%s'}]\n", url) + strings.Join(more, "\n")
}

// send sends one request on a new connection. Headers have the form
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
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: testTimeout}
	response, err := client.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response, string(text), err
}
