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

// secureUpstream is a tenant that speaks TLS and HTTP/2, and the file of its
// authority.
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

// load asks a gateway as fast as it can.
type load struct {
	client   *http.Client
	asked    atomic.Int64
	mu       sync.Mutex
	failures []error
	stop     context.CancelFunc
	workers  sync.WaitGroup
}

// underLoad asks url by a number of workers with connections that are kept, until
// end is called.
func underLoad(t *testing.T, workers int, url string, hosts ...string) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}, Timeout: patience}, stop: cancel}
	for i := range workers {
		l.workers.Go(func() {
			for ctx.Err() == nil {
				l.note(l.ask(url, hosts[i%len(hosts)]))
			}
		})
	}
	return l
}

func (l *load) ask(url, host string) error {
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

func (l *load) note(err error) {
	l.asked.Add(1)
	if err == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures = append(l.failures, err)
}

// end returns what failed.
func (l *load) end() error {
	l.stop()
	l.workers.Wait()
	l.client.CloseIdleConnections()
	return errors.Join(l.failures...)
}

// echoes writes and reads through a socket until ctx ends.
func echoes(ctx context.Context, socket *websocket.Conn) error {
	for ctx.Err() == nil {
		if err := echo(context.WithoutCancel(ctx), socket); err != nil {
			return err
		}
	}
	return nil
}

func echo(ctx context.Context, socket *websocket.Conn) error {
	if err := socket.Write(ctx, websocket.MessageText, []byte("x")); err != nil {
		return err
	}
	_, _, err := socket.Read(ctx)
	return err
}

// usage is what a process holds.
type usage struct{ goroutines, files int }

func usageNow(t *testing.T) usage {
	t.Helper()
	u := usage{goroutines: runtime.NumGoroutine()}
	if files, err := os.ReadDir("/proc/self/fd"); err == nil {
		u.files = len(files)
	}
	return u
}

// awaitUsage waits until the process holds no more than before, but for a few
// connections that are kept: far less than one for each of a hundred reloads.
func awaitUsage(t *testing.T, before usage) {
	t.Helper()
	const few = 25
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for timeout := time.After(patience); ; {
		now := usageNow(t)
		if now.goroutines <= before.goroutines+few && now.files <= before.files+few {
			return
		}
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("it holds %+v, and before %+v", now, before)
		}
	}
}

// TestReload_UnderLoadDropsNothingAndLeavesNothing reloads every part that a
// generation owns: tenants, timeouts, ways to a tenant by TLS, limits, checks.
func TestReload_UnderLoadDropsNothingAndLeavesNothing(t *testing.T) {
	const public = "https://page.example"
	plain := upstream(t, hello)
	secure, ca := secureUpstream(t, hello)
	sockets := upstream(t, demo.Tenant().ServeHTTP)
	config := func(n int) string {
		return fmt.Sprintf("tenants:\n"+
			"- {id: plain, hosts: [plain.example], upstream: '%[1]s', upstream_check: {path: /, interval: 1s}}\n"+
			"- {id: secure, hosts: [secure.example], upstream: '%[2]s', upstream_tls: {ca: '%[3]s'}, upstream_check: {path: /, interval: 1s}}\n"+
			"- {id: sockets, public_origins: ['%[4]s'], upstream: '%[5]s'}\n"+
			"- {id: t%[6]d, hosts: [t%[6]d.example], upstream: '%[1]s'}\n"+
			"timeouts: {upstream_response: %[7]ds}\nlimits: {in_flight_per_tenant: 1%02[6]d, connections_per_client: 1%02[6]d}\n",
			plain, secure, ca, public, sockets, n, 30+n/4%2)
	}
	r := serveFile(t, config(0))
	socket := connect(t, r.running, public)
	talking, hush := context.WithCancel(t.Context())
	talk := make(chan error, 1)
	go func() { talk <- echoes(talking, socket) }()
	warm := underLoad(t, 4, r.tenants+"/", "plain.example", "secure.example")
	for warm.asked.Load() < 100 {
		runtime.Gosched()
	}
	if err := warm.end(); err != nil {
		t.Fatal(err)
	}
	r.reload(t)
	before := usageNow(t)

	l := underLoad(t, 4, r.tenants+"/", "plain.example", "secure.example")
	for n := range 100 {
		r.rewrite(t, config(n))
		if n%10 == 9 { // two at once
			r.hangups <- syscall.SIGHUP
		}
		if response, text := r.reload(t); response.StatusCode != 200 {
			t.Fatal(text)
		}
	}
	if err := l.end(); err != nil {
		t.Errorf("of %d requests failed: %.2000v", l.asked.Load(), err)
	}
	hush()
	if err := <-talk; err != nil {
		t.Errorf("the socket: %v", err)
	}
	t.Logf("%d requests during a hundred reloads", l.asked.Load())
	awaitUsage(t, before)
}

// TestReload_WhileStopping has a reload meet the end of what it would change.
func TestReload_WhileStopping(t *testing.T) {
	up := upstream(t, hello)
	for range 10 {
		hangups := make(chan os.Signal, 1)
		env := Environment{Hangup: func() (<-chan os.Signal, func()) { return hangups, func() {} }}
		r := startServing(t, env, t.TempDir(), "tenants: [{id: acme, upstream: '"+up+"', upstream_check: {path: /, interval: 1s}}]\n")
		hangups <- syscall.SIGHUP
		if status := r.stop(t); status != exitDone {
			t.Errorf("exit status %d:\n%s", status, r.stderr)
		}
	}
}
