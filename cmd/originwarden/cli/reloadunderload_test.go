package cli

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"originwarden/cmd/originwarden/demo"
)

// secureUpstream starts an upstream with TLS and HTTP/2. It returns the file of its
// certificate authority.
func secureUpstream(t *testing.T, handler http.HandlerFunc) (url, ca string) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return server.URL, ca
}

// loadGenerator sends requests without pauses.
type loadGenerator struct {
	client   *http.Client
	requests atomic.Int64
	mu       sync.Mutex
	failures []error
	stop     context.CancelFunc
	workers  sync.WaitGroup
}

// startLoad sends requests to url from a number of workers over persistent
// connections until finish is called.
func startLoad(t *testing.T, workers int, url string, hosts ...string) *loadGenerator {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &loadGenerator{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}, Timeout: testTimeout}, stop: cancel}
	for i := range workers {
		l.workers.Go(func() {
			for ctx.Err() == nil {
				l.record(l.request(url, hosts[i%len(hosts)]))
			}
		})
	}
	return l
}

func (l *loadGenerator) request(url, host string) error {
	request, err := http.NewRequest("GET", url, nil)
	if err != nil {
		return err
	}
	request.Host = host
	response, err := l.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || string(text) != "hello") {
		err = fmt.Errorf("%s %s: %s", host, response.Status, text)
	}
	return err
}

func (l *loadGenerator) record(err error) {
	l.requests.Add(1)
	if err == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures = append(l.failures, err)
}

// finish stops the load and returns the failures.
func (l *loadGenerator) finish() error {
	l.stop()
	l.workers.Wait()
	l.client.CloseIdleConnections()
	return errors.Join(l.failures...)
}

// echoMessages sends messages and reads them back until ctx is done.
func echoMessages(ctx context.Context, socket *websocket.Conn) error {
	for ctx.Err() == nil {
		if err := echoMessage(context.WithoutCancel(ctx), socket); err != nil {
			return err
		}
	}
	return nil
}

func echoMessage(ctx context.Context, socket *websocket.Conn) error {
	if err := socket.Write(ctx, websocket.MessageText, []byte("x")); err != nil {
		return err
	}
	_, _, err := socket.Read(ctx)
	return err
}

// resources counts the resources of this process.
type resources struct{ goroutines, files int }

func countResources(t *testing.T) resources {
	t.Helper()
	u := resources{goroutines: runtime.NumGoroutine()}
	if files, err := os.ReadDir("/proc/self/fd"); err == nil {
		u.files = len(files)
	}
	return u
}

// awaitResources waits until the process has as many resources as before, apart
// from a few idle connections: far fewer than one for each of a hundred reloads.
func awaitResources(t *testing.T, before resources) {
	t.Helper()
	const few = 25
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for timeout := time.After(testTimeout); ; {
		now := countResources(t)
		if now.goroutines <= before.goroutines+few && now.files <= before.files+few {
			return
		}
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("got %+v, before %+v", now, before)
		}
	}
}

// TestReload_UnderLoadDropsAndLeaksNothing changes everything that a reload
// replaces: tenants, timeouts, limits, TLS connections to upstreams and upstream
// checks.
func TestReload_UnderLoadDropsAndLeaksNothing(t *testing.T) {
	const public = "https://page.example"
	plain := startServer(t, hello)
	secure, ca := secureUpstream(t, hello)
	sockets := startServer(t, demo.Tenant().ServeHTTP)
	config := func(n int) string {
		return fmt.Sprintf("tenants:\n"+
			"- {id: plain, hosts: [plain.example], upstream: '%[1]s', upstream_check: {path: /, interval: 1s}}\n"+
			"- {id: secure, hosts: [secure.example], upstream: '%[2]s', upstream_tls: {ca: '%[3]s'}, upstream_check: {path: /, interval: 1s}}\n"+
			"- {id: sockets, public_origins: ['%[4]s'], upstream: '%[5]s'}\n"+
			"- {id: t%[6]d, hosts: [t%[6]d.example], upstream: '%[1]s'}\n"+
			"timeouts: {upstream_response: %[7]ds}\nlimits: {in_flight_per_tenant: 1%02[6]d, connections_per_client: 1%02[6]d}\n",
			plain, secure, ca, public, sockets, n, 30+n/4%2)
	}
	r := startReloadable(t, config(0))
	socket := dialWebSocket(t, r.runningCommand, public)
	echoing, stopEchoing := context.WithCancel(t.Context())
	echoed := make(chan error, 1)
	go func() { echoed <- echoMessages(echoing, socket) }()
	warmUp := startLoad(t, 4, r.tenants+"/", "plain.example", "secure.example")
	for warmUp.requests.Load() < 100 {
		runtime.Gosched()
	}
	if err := warmUp.finish(); err != nil {
		t.Fatal(err)
	}
	r.reload(t)
	before := countResources(t)

	l := startLoad(t, 4, r.tenants+"/", "plain.example", "secure.example")
	for n := range 100 {
		r.replaceConfig(t, config(n))
		if n%10 == 9 { // two at once
			r.hangups <- syscall.SIGHUP
		}
		if response, text := r.reload(t); response.StatusCode != 200 {
			t.Fatal(text)
		}
	}
	if err := l.finish(); err != nil {
		t.Errorf("some of %d requests failed: %.2000v", l.requests.Load(), err)
	}
	stopEchoing()
	if err := <-echoed; err != nil {
		t.Errorf("WebSocket: %v", err)
	}
	t.Logf("%d requests during a hundred reloads", l.requests.Load())
	awaitResources(t, before)
}

// TestReload_WhileStopping stops a gateway during a reload.
func TestReload_WhileStopping(t *testing.T) {
	up := startServer(t, hello)
	for range 10 {
		hangups := make(chan os.Signal, 1)
		env := Environment{Hangup: func() (<-chan os.Signal, func()) { return hangups, func() {} }}
		r := launchGateway(t, env, t.TempDir(), "tenants: [{id: acme, upstream: '"+up+"', upstream_check: {path: /, interval: 1s}}]\n")
		hangups <- syscall.SIGHUP
		if status := r.stop(t); status != exitDone {
			t.Errorf("exit status %d:\n%s", status, r.stderr)
		}
	}
}
